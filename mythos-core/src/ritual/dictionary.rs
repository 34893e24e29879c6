//! A prepared dictionary: what an assistant's states have in common, so that each of them need not hold it again.
//!
//! The content is either one that zstd trained (it begins with [`ZDICT_MAGIC`] and brings entropy tables) or raw: any
//! bytes, which matches may refer to as if they stood before the payload. zstd tells the two apart by the magic, and
//! so does [`DictionaryKind::of`].
//!
//! The stored form, [`pack`]:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `MYD` and the layout's version, 1 |
//! | 4..8 | length of the content, little-endian |
//! | 8.. | one zstd frame (RFC 8878) with content size and content checksum |

use std::fmt;
use std::io::Cursor;
use std::sync::OnceLock;

use zstd_safe::{CCtx, CDict, CParameter, DCtx, DDict};

use super::MAX_PAYLOAD_BYTES;
use crate::error::{Error, Result};

/// The longest content. Preparing costs time in proportion, and twice the packed content is stored.
pub(crate) const MAX_DICTIONARY_BYTES: usize = 1 << 20;

/// How a dictionary that zstd trained begins: 0xEC30A437, little-endian (RFC 8878 section 5).
pub(crate) const ZDICT_MAGIC: [u8; 4] = 0xEC30_A437_u32.to_le_bytes();

const MAGIC: [u8; 4] = *b"MYD\x01";
const HEADER_BYTES: usize = 8;

/// What a dictionary's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DictionaryKind {
    /// Bytes that stand before the payload.
    Raw,
    /// Entropy tables and bytes, trained by zstd.
    Zdict,
}

impl DictionaryKind {
    /// What zstd will take `content` for.
    pub(crate) fn of(content: &[u8]) -> Self {
        if content.starts_with(&ZDICT_MAGIC) { Self::Zdict } else { Self::Raw }
    }
}

/// The most of `content` that zstd takes for raw bytes: one less cannot be taken for a dictionary either, since no two
/// bytes of the magic number are equal.
pub(crate) fn raw(content: &[u8]) -> &[u8] {
    match DictionaryKind::of(content) {
        DictionaryKind::Raw => content,
        DictionaryKind::Zdict => &content[1..],
    }
}

/// How hard a payload is compressed. Both are decoded alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// zstd's level 3, for states that the next save replaces.
    Hot,
    /// zstd's level 19, for what stays.
    Compacted,
}

impl Effort {
    /// zstd's compression level.
    pub(crate) const fn level(self) -> i32 {
        match self {
            Self::Hot => 3,
            Self::Compacted => 19,
        }
    }
}

/// A dictionary, digested once for each [`Effort`] and then used from any thread: loading it anew would cost many
/// times what a small state costs to compress.
pub(crate) struct Dictionary {
    id: u32,
    content: Vec<u8>,
    /// `None` inside if zstd could not digest the content.
    hot: OnceLock<Option<CDict<'static>>>,
    compacted: OnceLock<Option<CDict<'static>>>,
    decoder: DDict<'static>,
}

impl fmt::Debug for Dictionary {
    /// Without the content, which is made of users' states.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary")
            .field("id", &self.id)
            .field("kind", &self.kind())
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl Dictionary {
    /// Prepares `content`, at most [`MAX_DICTIONARY_BYTES`], under the caller's own `id`, which no frame repeats.
    ///
    /// # Errors
    /// `Corrupt` if the content is too long, or begins like a trained dictionary and is none.
    pub(crate) fn new(id: u32, content: Vec<u8>) -> Result<Self> {
        if content.len() > MAX_DICTIONARY_BYTES {
            let length = content.len();
            let message = format!(
                "dictionary {id} has {length} bytes where at most {MAX_DICTIONARY_BYTES} are allowed"
            );
            return Err(Error::corrupt(message));
        }
        let decoder = DDict::try_create(&content).ok_or_else(|| {
            Error::corrupt(format!("dictionary {id} begins like a trained one and is none"))
        })?;
        Ok(Self { id, content, hot: OnceLock::new(), compacted: OnceLock::new(), decoder })
    }

    /// The id the caller gave.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The content, as [`pack`] takes it.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    /// What the content is.
    pub(crate) fn kind(&self) -> DictionaryKind {
        DictionaryKind::of(&self.content)
    }

    /// Appends to `output` one zstd frame of `payload`, which the caller has checked against [`MAX_PAYLOAD_BYTES`],
    /// with content size and content checksum. The frame may be longer than the payload.
    pub(crate) fn compress(&self, payload: &[u8], effort: Effort, output: &mut Vec<u8>) -> Result<()> {
        let prepared = self.prepared(effort)?;
        // A context of its own for each payload: one that refers to a dictionary cannot outlive it, and making one
        // costs about 10 us beside the hundreds that loading a dictionary into a pooled one would.
        let mut context = new_compressor(effort)?;
        context.set_parameter(CParameter::DictIdFlag(false)).map_err(zstd_failed)?;
        if let Some(window_log) = self.window_log(payload.len()) {
            context.set_parameter(CParameter::WindowLog(window_log)).map_err(zstd_failed)?;
        }
        context.ref_cdict(prepared).map_err(zstd_failed)?;
        append(&mut context, payload, output)
    }

    /// Decodes a frame, possibly damaged or hostile, of exactly `raw_bytes`; nothing is allocated for a frame that
    /// does not state that size. What another dictionary compressed fails, by zstd's rules or by the checksum.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decompress(&self, frame: &[u8], raw_bytes: u64) -> Result<Vec<u8>> {
        check_frame(frame, raw_bytes, MAX_PAYLOAD_BYTES)?;
        let mut context = new_decompressor()?;
        let mut payload = Vec::with_capacity(usize::try_from(raw_bytes).unwrap_or(usize::MAX));
        context.decompress_using_ddict(&mut payload, frame, &self.decoder).map_err(|code| {
            Error::corrupt(format!("zstd, with dictionary {}: {}", self.id, zstd_safe::get_error_name(code)))
        })?;
        Ok(payload)
    }

    fn prepared(&self, effort: Effort) -> Result<&CDict<'static>> {
        let slot = match effort {
            Effort::Hot => &self.hot,
            Effort::Compacted => &self.compacted,
        };
        slot.get_or_init(|| CDict::try_create(&self.content, effort.level()))
            .as_ref()
            .ok_or_else(|| Error::internal(format!("zstd cannot prepare dictionary {}", self.id)))
    }

    /// The window that reaches from the payload's end to the dictionary's beginning, where the level's own is smaller:
    /// beyond its window, zstd forgets the dictionary.
    fn window_log(&self, payload_bytes: usize) -> Option<u32> {
        /// The window of level 3 for long inputs; that of level 19 is larger, and set explicitly it changes nothing.
        const LEVEL_WINDOW_LOG: u32 = 21;
        let window_log = (payload_bytes + self.content.len()).next_power_of_two().ilog2();
        (window_log > LEVEL_WINDOW_LOG).then_some(window_log)
    }
}

/// The stored form of a dictionary's content.
///
/// # Errors
/// `Limit` if the content is longer than [`MAX_DICTIONARY_BYTES`].
pub(crate) fn pack(content: &[u8]) -> Result<Vec<u8>> {
    if content.len() > MAX_DICTIONARY_BYTES {
        let length = content.len();
        let message = format!("a dictionary has at most {MAX_DICTIONARY_BYTES} bytes, not {length}");
        return Err(Error::limit("dictionary", message));
    }
    let mut packed = MAGIC.to_vec();
    packed.extend_from_slice(&(content.len() as u32).to_le_bytes());
    append(&mut new_compressor(Effort::Compacted)?, content, &mut packed)?;
    Ok(packed)
}

/// The content that [`pack`] packed; `packed` may be damaged or hostile.
///
/// # Errors
/// `Corrupt` if the bytes are not what `pack` writes, or state more than [`MAX_DICTIONARY_BYTES`].
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    let Some((header, frame)) = packed.split_first_chunk::<HEADER_BYTES>() else {
        let length = packed.len();
        return Err(Error::corrupt(format!("a dictionary has at least {HEADER_BYTES} bytes, not {length}")));
    };
    let [m0, m1, m2, m3, length @ ..] = *header;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Error::corrupt("the dictionary does not begin with MYD and the version 1"));
    }
    let length = u32::from_le_bytes(length);
    check_frame(frame, u64::from(length), MAX_DICTIONARY_BYTES)?;
    let mut content = Vec::with_capacity(length as usize);
    new_decompressor()?
        .decompress(&mut content, frame)
        .map_err(|code| Error::corrupt(format!("zstd: {}", zstd_safe::get_error_name(code))))?;
    Ok(content)
}

/// Refuses, before anything is allocated, what is not exactly one frame that states `raw_bytes`, at most `max_bytes`.
pub(super) fn check_frame(frame: &[u8], raw_bytes: u64, max_bytes: usize) -> Result<()> {
    if raw_bytes > max_bytes as u64 {
        return Err(Error::corrupt(format!(
            "a frame of {raw_bytes} bytes where at most {max_bytes} are expected"
        )));
    }
    match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) if size == raw_bytes => {}
        _ => return Err(Error::corrupt(format!("the zstd frame does not state {raw_bytes} bytes"))),
    }
    // zstd would decode any number of frames one after another.
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(Error::corrupt("the zstd frame does not end where the stored frame does"));
    }
    Ok(())
}

fn new_compressor<'a>(effort: Effort) -> Result<CCtx<'a>> {
    let mut context = CCtx::try_create().ok_or_else(no_memory)?;
    for parameter in [
        CParameter::CompressionLevel(effort.level()),
        CParameter::ChecksumFlag(true),
        CParameter::ContentSizeFlag(true),
    ] {
        context.set_parameter(parameter).map_err(zstd_failed)?;
    }
    Ok(context)
}

pub(super) fn new_decompressor<'a>() -> Result<DCtx<'a>> {
    DCtx::try_create().ok_or_else(no_memory)
}

/// Compresses `content` to the end of `output`.
fn append(context: &mut CCtx<'_>, content: &[u8], output: &mut Vec<u8>) -> Result<()> {
    let start = output.len();
    output.reserve(zstd_safe::compress_bound(content.len()));
    let mut cursor = Cursor::new(&mut *output);
    cursor.set_position(start as u64);
    context.compress2(&mut cursor, content).map_err(zstd_failed)?;
    Ok(())
}

pub(super) fn no_memory() -> Error {
    Error::internal("zstd has no memory for a context")
}

pub(super) fn zstd_failed(code: usize) -> Error {
    Error::internal(format!("zstd cannot compress: {}", zstd_safe::get_error_name(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn text(seed: u32, words: u32) -> Vec<u8> {
        let word = |index: u32| blake3::hash(&(seed, index).encode()).to_hex()[..6].to_owned();
        (0..words).map(word).collect::<Vec<_>>().join(" ").into_bytes()
    }

    trait Encode {
        fn encode(self) -> [u8; 8];
    }

    impl Encode for (u32, u32) {
        fn encode(self) -> [u8; 8] {
            ((u64::from(self.0) << 32) | u64::from(self.1)).to_le_bytes()
        }
    }

    fn trained_by_zstd() -> Vec<u8> {
        let samples: Vec<Vec<u8>> =
            (0..50).map(|index| [text(1, 200), text(index, 20), text(2, 200)].concat()).collect();
        let sizes: Vec<usize> = samples.iter().map(Vec::len).collect();
        let mut content = Vec::with_capacity(2048);
        zstd_safe::train_from_buffer(&mut content, &samples.concat(), &sizes).unwrap();
        content
    }

    fn compress(dictionary: &Dictionary, payload: &[u8], effort: Effort) -> Vec<u8> {
        let mut frame = Vec::new();
        dictionary.compress(payload, effort, &mut frame).unwrap();
        frame
    }

    #[test]
    fn prepared_dictionaries_round_trip_at_both_efforts() {
        for (content, kind) in [
            (text(1, 400), DictionaryKind::Raw),
            (trained_by_zstd(), DictionaryKind::Zdict),
            (b"short".to_vec(), DictionaryKind::Raw),
            (Vec::new(), DictionaryKind::Raw),
        ] {
            let dictionary = Dictionary::new(9, content.clone()).unwrap();
            assert_eq!((dictionary.id(), dictionary.content(), dictionary.kind()), (9, &content[..], kind));
            for payload in [vec![], vec![7], text(1, 300), [text(1, 200), text(3, 100_000)].concat()] {
                for effort in [Effort::Hot, Effort::Compacted] {
                    let mut frame = b"before".to_vec();
                    dictionary.compress(&payload, effort, &mut frame).unwrap();
                    let frame = frame.strip_prefix(b"before").expect("what stood before stays");
                    assert_eq!(zstd_safe::get_dict_id_from_frame(frame), None);
                    assert_eq!(dictionary.decompress(frame, payload.len() as u64).unwrap(), payload);
                }
            }
        }
    }

    #[test]
    fn what_the_dictionary_has_costs_next_to_nothing() {
        let content = text(1, 3000);
        let dictionary = Dictionary::new(1, content.clone()).unwrap();
        for effort in [Effort::Hot, Effort::Compacted] {
            assert!(compress(&dictionary, &content[5..], effort).len() < 40);
        }
    }

    #[test]
    fn a_long_payload_still_reaches_the_dictionary_at_its_end() {
        let content = text(1, 3000);
        let dictionary = Dictionary::new(1, content.clone()).unwrap();
        // More than the 2 MiB that level 3 looks back.
        let filler = vec![b'-'; 3 << 20];
        let without = compress(&dictionary, &filler, Effort::Hot).len();
        let payload = [filler, content].concat();
        let frame = compress(&dictionary, &payload, Effort::Hot);
        assert!(frame.len() < without + 100, "{} and {without}", frame.len());
        assert_eq!(dictionary.decompress(&frame, payload.len() as u64).unwrap(), payload);
    }

    #[test]
    fn another_dictionary_does_not_decode() {
        let payload = text(1, 300);
        let right = Dictionary::new(1, text(1, 400)).unwrap();
        for wrong in [text(2, 400), text(1, 399), trained_by_zstd(), Vec::new()] {
            let wrong = Dictionary::new(1, wrong).unwrap();
            for effort in [Effort::Hot, Effort::Compacted] {
                let frame = compress(&right, &payload, effort);
                let error = wrong.decompress(&frame, payload.len() as u64).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt);
            }
        }
    }

    #[test]
    fn frames_that_lie_about_their_length_are_refused() {
        let dictionary = Dictionary::new(1, text(1, 400)).unwrap();
        let frame = compress(&dictionary, &text(1, 300), Effort::Hot);
        let bytes = text(1, 300).len() as u64;
        assert!(dictionary.decompress(&frame, bytes - 1).is_err());
        assert!(dictionary.decompress(&frame, u64::MAX).is_err());
        assert!(dictionary.decompress(&[&frame[..], &frame].concat(), bytes).is_err());
        for length in 0..frame.len() {
            assert!(dictionary.decompress(&frame[..length], bytes).is_err());
        }
    }

    #[test]
    fn contents_that_zstd_cannot_use_are_refused() {
        let mut cut = trained_by_zstd();
        cut.truncate(40);
        for content in [cut, ZDICT_MAGIC.repeat(10), vec![0; MAX_DICTIONARY_BYTES + 1]] {
            assert_eq!(Dictionary::new(1, content).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert!(Dictionary::new(1, vec![0; MAX_DICTIONARY_BYTES]).is_ok());
    }

    #[test]
    fn debug_output_keeps_the_content_to_itself() {
        let dictionary = Dictionary::new(3, b"a user's secret".to_vec()).unwrap();
        assert_eq!(format!("{dictionary:?}"), "Dictionary { id: 3, kind: Raw, bytes: 15, .. }");
    }

    #[test]
    fn threads_share_a_dictionary() {
        fn shareable<T: Send + Sync + 'static>() {}
        shareable::<Dictionary>();
        let dictionary = Dictionary::new(1, text(1, 400)).unwrap();
        let alone = compress(&Dictionary::new(1, text(1, 400)).unwrap(), &text(1, 300), Effort::Hot);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(compress(&dictionary, &text(1, 300), Effort::Hot), alone));
            }
        });
    }

    #[test]
    fn packed_contents_come_back_and_damage_is_found() {
        for content in [Vec::new(), text(1, 500), trained_by_zstd(), vec![0; MAX_DICTIONARY_BYTES]] {
            assert_eq!(unpack(&pack(&content).unwrap()).unwrap(), content);
        }
        assert_eq!(pack(&vec![0; MAX_DICTIONARY_BYTES + 1]).unwrap_err().kind(), ErrorKind::Limit);

        let content = text(1, 50);
        let packed = pack(&content).unwrap();
        for length in 0..packed.len() {
            assert_eq!(unpack(&packed[..length]).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        for bit in 0..8 * packed.len() {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // zstd ignores some header bits; what decodes all the same must be the content.
            if let Ok(unpacked) = unpack(&damaged) {
                assert_eq!(unpacked, content, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_packed_length_beyond_the_limit_is_refused() {
        let mut packed = MAGIC.to_vec();
        let length = MAX_DICTIONARY_BYTES + 1;
        packed.extend_from_slice(&(length as u32).to_le_bytes());
        append(&mut new_compressor(Effort::Hot).unwrap(), &vec![0; length], &mut packed).unwrap();
        assert_eq!(unpack(&packed).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(unpack(&pack(&bytes).unwrap()).unwrap(), bytes.clone());
            let _ = unpack(&bytes);
            let length = (bytes.len() as u32).to_le_bytes();
            let _ = unpack(&[&MAGIC[..], &length, &bytes].concat());
            // A valid start of a zstd frame, single segment, that states one byte of size; then anything.
            let frame = [&[0x28, 0xB5, 0x2F, 0xFD, 0x20, 9][..], &bytes].concat();
            let _ = unpack(&[&MAGIC[..], &9_u32.to_le_bytes(), &frame].concat());
            if let Ok(dictionary) = Dictionary::new(1, bytes.clone()) {
                let _ = dictionary.decompress(&frame, 9);
            }
            let _ = Dictionary::new(1, [&ZDICT_MAGIC[..], &bytes].concat());
        }
    }
}
