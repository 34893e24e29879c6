/// What sealed bytes are bound to, besides their key: opening them needs the very same fields in the same order.
///
/// The encoding is the domain and each field, every one as its length (8 bytes, little-endian) and its bytes. It can be
/// read in one way only, so no byte can move from one field to its neighbour. A field that may be absent is encoded by
/// the caller as empty, or with a byte before it where empty is also a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Associated(Vec<u8>);

impl Associated {
    /// Begins with what is being sealed, so that bytes sealed as one thing are never opened as another.
    pub(crate) fn new(domain: &'static str) -> Self {
        Self(Vec::new()).field(domain.as_bytes())
    }

    /// Adds one field.
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(fields: &[Vec<u8>]) -> Associated {
        fields.iter().fold(Associated::new("test"), |associated, field| associated.field(field))
    }

    #[test]
    fn the_encoding_is_the_documented_one() {
        let bytes = Associated::new("ab").field(b"").field(b"c");
        let expected = b"\x02\0\0\0\0\0\0\0ab\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0c";
        assert_eq!(bytes.as_bytes(), expected);
    }

    proptest! {
        #[test]
        fn the_fields_can_be_read_back(fields in prop::collection::vec(prop::collection::vec(0..3_u8, 0..4), 0..6)) {
            let associated = of(&fields);
            let mut left = associated.as_bytes();
            let mut read = Vec::new();
            while let Some((length, rest)) = left.split_first_chunk() {
                let (field, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
                read.push(field.to_vec());
                left = rest;
            }
            prop_assert_eq!(left, b"");
            prop_assert_eq!(read.remove(0), b"test");
            prop_assert_eq!(read, fields);
        }
    }
}
