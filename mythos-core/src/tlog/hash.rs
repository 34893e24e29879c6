use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::types::serde_through_text;

/// The first byte of what a leaf's hash is made of (RFC 9162 §2.1.1).
const LEAF_PREFIX: u8 = 0;
/// The first byte of what an interior node's hash is made of (RFC 9162 §2.1.1).
const NODE_PREFIX: u8 = 1;

/// The state that SHA-256 begins with (FIPS 180-4 §5.3.3).
const SHA256_INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The root hash of the tree without leaves: SHA-256 of nothing.
///
/// Source: RFC 9162 §2.1.1.
pub const EMPTY_ROOT: TreeHash = TreeHash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The SHA-256 hash of a leaf, a subtree or a whole Merkle tree.
///
/// The text form (`Display`, `FromStr`, serde) is that of checkpoints: 44 characters of padded standard
/// base64.
///
/// ```
/// use mythos_core::tlog::{TreeHash, EMPTY_ROOT};
///
/// assert_eq!(EMPTY_ROOT.to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
/// assert_eq!(EMPTY_ROOT.to_string().parse::<TreeHash>()?, EMPTY_ROOT);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: RFC 9162 §2.1; C2SP tlog-checkpoint, "Note text".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; Self::BYTES]);

impl TreeHash {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// The length of the text form.
    const TEXT_BYTES: usize = 44;

    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// The hash of a leaf that holds `data`: SHA-256 of a zero byte and the data.
///
/// ```
/// use mythos_core::tlog::leaf_hash;
///
/// assert_eq!(leaf_hash(b"").to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
/// ```
///
/// Source: RFC 9162 §2.1.1.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> TreeHash {
    TreeHash(Sha256::new_with_prefix([LEAF_PREFIX]).chain_update(data).finalize().into())
}

/// The hash of an interior node over its two children: SHA-256 of a one byte and both hashes.
///
/// Source: RFC 9162 §2.1.1.
#[must_use]
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    // The 65 bytes always fill two blocks, with the padding of FIPS 180-4 §5.1.1: laid out here, they need no
    // buffering and no branch, which a log that is appended to pays for with every leaf.
    const BITS: u64 = 8 * (1 + 2 * TreeHash::BYTES as u64);
    let mut blocks = [[0_u8; 64]; 2];
    let bytes = blocks.as_flattened_mut();
    bytes[0] = NODE_PREFIX;
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..65].copy_from_slice(&right.0);
    bytes[65] = 0x80;
    bytes[120..].copy_from_slice(&BITS.to_be_bytes());
    let mut state = SHA256_INITIAL;
    compress256(&mut state, &blocks);
    let mut hash = [0; TreeHash::BYTES];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    TreeHash(hash)
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_BYTES];
        f.pad(Base64::encode(&self.0, &mut text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

impl FromStr for TreeHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; Self::BYTES];
        match Base64::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == Self::BYTES => Ok(Self(bytes)),
            _ => Err(Error::invalid("hash", "hash: not the padded standard base64 of 32 bytes")),
        }
    }
}

serde_through_text!(TreeHash);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_empty_tree_is_hashed_as_nothing() {
        assert_eq!(EMPTY_ROOT.0, <[u8; 32]>::from(Sha256::digest(b"")));
    }

    #[test]
    fn text_has_one_form() {
        let text = EMPTY_ROOT.to_string();
        let unpadded = text.trim_end_matches('=');
        let other_bits = text.replace("FU=", "FV=");
        for bad in ["", unpadded, &other_bits, "bjQLnP==", &format!("{text}\n"), &"A".repeat(44)] {
            assert!(bad.parse::<TreeHash>().is_err(), "{bad:?}");
        }
        assert_eq!(serde_json::to_value(EMPTY_ROOT).unwrap(), text.as_str());
        assert_eq!(serde_json::from_value::<TreeHash>(text.into()).unwrap(), EMPTY_ROOT);
    }

    proptest! {
        #[test]
        fn hashes_are_prefixed_sha256(left: [u8; 32], right: [u8; 32], data: Vec<u8>) {
            let node = Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize();
            prop_assert_eq!(node_hash(&TreeHash(left), &TreeHash(right)).0, <[u8; 32]>::from(node));
            let leaf: [u8; 32] = Sha256::digest([&[0], &data[..]].concat()).into();
            prop_assert_eq!(leaf_hash(&data).0, leaf);
            prop_assert_eq!(TreeHash(left).to_string().parse::<TreeHash>().unwrap(), TreeHash(left));
        }
    }
}
