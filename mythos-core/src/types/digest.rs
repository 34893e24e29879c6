use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use super::record_id::decode_hex;
use super::text_form::serde_through_text;
use crate::error::{Error, Result};

macro_rules! fixed_bytes {
    ($(#[$meta:meta])* $name:ident, $length:literal, $field:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// The length in bytes.
            pub const BYTES: usize = $length;

            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0_u8; 2 * $length];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = DIGITS[usize::from(byte >> 4)];
                    pair[1] = DIGITS[usize::from(byte & 15)];
                }
                // Only ASCII digits were written.
                f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let bytes = decode_hex($field, text, $length)?;
                let bytes = bytes.try_into().map_err(|_| {
                    Error::invalid($field, format!(concat!($field, " {:?} has not ", $length, " bytes"), text))
                })?;
                Ok(Self(bytes))
            }
        }

        serde_through_text!($name);
    };
}

fixed_bytes! {
    /// A 256-bit BLAKE3 digest; its text form is 64 lower-case hexadecimal digits.
    ///
    /// ```
    /// use mythos_core::types::Digest;
    ///
    /// // The official BLAKE3 test vector for the empty input.
    /// let digest = Digest::of(b"");
    /// assert!(digest.to_string().starts_with("af1349b9f5f9a1a6a0404dea36dcc949"));
    /// ```
    ///
    /// Source: the BLAKE3 paper (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020).
    Digest, 32, "digest"
}

fixed_bytes! {
    /// A salted commitment to a value: it binds the value, and without the salt tells nothing about it.
    Commitment, 32, "commitment"
}

fixed_bytes! {
    /// 128 random bits that blind a [`Commitment`].
    Salt, 16, "salt"
}

impl Digest {
    /// Hashes `bytes` as they are, without a domain: what `b3sum` prints.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl Commitment {
    /// Commits to `value` in the place named `purpose`, so that a commitment cannot be moved to another place: as
    /// [`DomainHasher`] hashes salt, purpose and value.
    pub(crate) fn to(purpose: &str, salt: &Salt, value: &[u8]) -> Self {
        static CONTEXT: OnceLock<ContextKey> = OnceLock::new();
        let context = CONTEXT.get_or_init(|| hash_derive_key_context("mythos 2026 commitment v1"));
        let mut hasher = blake3::Hasher::new_from_context_key(context);
        for field in [&salt.as_bytes()[..], purpose.as_bytes(), value] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Whether `salt` and `value` open this commitment in the place named `purpose`.
    pub(crate) fn opens(&self, purpose: &str, salt: &Salt, value: &[u8]) -> bool {
        // `blake3::Hash` compares in constant time.
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(Self::to(purpose, salt, value).0)
    }
}

/// BLAKE3 in its key derivation mode over length-prefixed fields: two different lists of fields, or the same list
/// under two domains, never hash the same bytes.
///
/// Source: the BLAKE3 paper, section 2.6 (`derive_key`); the context strings are constants of this crate.
#[derive(Debug, Clone)]
pub(crate) struct DomainHasher(blake3::Hasher);

impl DomainHasher {
    pub(crate) fn new(domain: &'static str) -> Self {
        Self(blake3::Hasher::new_derive_key(domain))
    }

    /// Adds one field: its length as 8 bytes, little-endian, then its bytes.
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }

    /// The first `N` bytes of the extended output; its first 32 are [`Self::finish`].
    pub(crate) fn finish_extended<const N: usize>(self) -> [u8; N] {
        let mut output = [0; N];
        self.0.finalize_xof().fill(&mut output);
        output
    }
}

/// BLAKE3 in its keyed mode, under a key of the domain's own: what is hashed often, and in one piece, is hashed so. The key
/// is the output of the key derivation mode for the domain's context string and no input.
///
/// Source: the BLAKE3 paper, sections 2.3 (`keyed_hash`) and 2.6 (`derive_key`).
pub(crate) struct KeyedDomain {
    context: &'static str,
    key: OnceLock<[u8; blake3::KEY_LEN]>,
}

impl KeyedDomain {
    pub(crate) const fn new(context: &'static str) -> Self {
        Self { context, key: OnceLock::new() }
    }

    fn key(&self) -> &[u8; blake3::KEY_LEN] {
        self.key.get_or_init(|| blake3::derive_key(self.context, b""))
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(self.key(), bytes).as_bytes())
    }

    /// The first `N` bytes of the extended output; its first 32 are [`Self::hash`].
    pub(crate) fn hash_extended<const N: usize>(&self, bytes: &[u8]) -> [u8; N] {
        let mut output = [0; N];
        blake3::Hasher::new_keyed(self.key()).update(bytes).finalize_xof().fill(&mut output);
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cannot_be_shifted_between_each_other() {
        let one = DomainHasher::new("test").field(b"ab").field(b"c").finish();
        let two = DomainHasher::new("test").field(b"a").field(b"bc").finish();
        let other_domain = DomainHasher::new("tset").field(b"ab").field(b"c").finish();
        assert!(one != two && one != other_domain);
    }

    #[test]
    fn extended_output_begins_with_the_digest() {
        let hasher = DomainHasher::new("test").field(b"x");
        assert_eq!(hasher.clone().finish_extended::<128>()[..32], *hasher.finish().as_bytes());
    }

    #[test]
    fn keyed_domains_differ_and_extend_their_digests() {
        static ONE: KeyedDomain = KeyedDomain::new("test one");
        static TWO: KeyedDomain = KeyedDomain::new("test two");
        assert_ne!(ONE.hash(b"x"), TWO.hash(b"x"));
        assert_eq!(ONE.hash_extended::<128>(b"x")[..32], *ONE.hash(b"x").as_bytes());
        assert_eq!(
            ONE.hash(b"x"),
            Digest(*blake3::keyed_hash(&blake3::derive_key("test one", b""), b"x").as_bytes())
        );
    }

    #[test]
    fn commitments_open_only_with_the_same_salt_value_and_purpose() {
        let salt = Salt::from_bytes([1; 16]);
        let commitment = Commitment::to("actor", &salt, b"ana");
        assert!(commitment.opens("actor", &salt, b"ana"));
        assert!(!commitment.opens("actor", &salt, b"bob"));
        assert!(!commitment.opens("reason", &salt, b"ana"));
        assert!(!commitment.opens("actor", &Salt::from_bytes([2; 16]), b"ana"));
    }

    #[test]
    fn commitments_are_hashed_as_fields_of_their_domain() {
        let salt = Salt::from_bytes([7; 16]);
        let hasher = DomainHasher::new("mythos 2026 commitment v1").field(salt.as_bytes());
        let expected = hasher.field(b"text").field(b"value").finish();
        assert_eq!(Commitment::to("text", &salt, b"value").as_bytes(), expected.as_bytes());
    }

    #[test]
    fn text_form_round_trips_and_is_strict() {
        let digest = Digest::of(b"mythos");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!(digest.to_string()[2..].parse::<Digest>().is_err());
    }
}
