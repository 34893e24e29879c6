//! Map keys as member names.

use serde::Serialize;
use serde::ser::{Impossible, Serializer};

use super::failure::Failure;
use super::write::Object;

/// Begins the member that a map key names. Takes the keys that have one text form: text, characters, integers,
/// booleans, and variants without content.
pub(super) struct NameWriter<'o, 'w, 'a>(pub(super) &'o mut Object<'w, 'a>);

impl NameWriter<'_, '_, '_> {
    #[inline]
    fn text(self, text: &str) -> Result<(), Failure> {
        self.0.begin_member(text);
        Ok(())
    }

    fn integer(self, value: impl itoa::Integer) -> Result<(), Failure> {
        self.text(itoa::Buffer::new().format(value))
    }
}

fn no_name<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::invalid(format!("{what} cannot be the name of a member; use text")))
}

impl Serializer for NameWriter<'_, '_, '_> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Impossible<(), Failure>;
    type SerializeTuple = Impossible<(), Failure>;
    type SerializeTupleStruct = Impossible<(), Failure>;
    type SerializeTupleVariant = Impossible<(), Failure>;
    type SerializeMap = Impossible<(), Failure>;
    type SerializeStruct = Impossible<(), Failure>;
    type SerializeStructVariant = Impossible<(), Failure>;

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Failure> {
        self.text(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Failure> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_bool(self, value: bool) -> Result<(), Failure> {
        self.text(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Failure> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_f32(self, _value: f32) -> Result<(), Failure> {
        no_name("a float")
    }

    fn serialize_f64(self, _value: f64) -> Result<(), Failure> {
        no_name("a float")
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<(), Failure> {
        no_name("a sequence of bytes")
    }

    fn serialize_none(self) -> Result<(), Failure> {
        no_name("an absent value")
    }

    fn serialize_unit(self) -> Result<(), Failure> {
        no_name("a unit")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Failure> {
        no_name("a unit")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Failure> {
        no_name("a variant with content")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Failure> {
        no_name("a sequence")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Failure> {
        no_name("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Failure> {
        no_name("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Failure> {
        no_name("a variant with content")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Failure> {
        no_name("a map")
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self::SerializeStruct, Failure> {
        no_name("a struct")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Failure> {
        no_name("a variant with content")
    }
}
