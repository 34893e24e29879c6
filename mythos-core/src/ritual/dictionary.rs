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

/// How a dictionary that zstd trained begins: 0xEC30A437, little-endian (RFC 8878 section 6).
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
fn check_frame(frame: &[u8], raw_bytes: u64, max_bytes: usize) -> Result<()> {
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
    let mut context =
        CCtx::try_create().ok_or_else(|| Error::internal("zstd has no memory for a context"))?;
    for parameter in [
        CParameter::CompressionLevel(effort.level()),
        CParameter::ChecksumFlag(true),
        CParameter::ContentSizeFlag(true),
    ] {
        context.set_parameter(parameter).map_err(zstd_failed)?;
    }
    Ok(context)
}

fn new_decompressor() -> Result<DCtx<'static>> {
    DCtx::try_create().ok_or_else(|| Error::internal("zstd has no memory for a context"))
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

fn zstd_failed(code: usize) -> Error {
    Error::internal(format!("zstd cannot compress: {}", zstd_safe::get_error_name(code)))
}
