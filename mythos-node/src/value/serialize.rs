use mythos_core::types::MAX_SAFE_INTEGER;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{ConversionError, Value};

/// Converts what the core gives.
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ConversionError> {
    value.serialize(Writer)
}

struct Writer;

type Written = Result<Value, ConversionError>;

fn integer(value: i128) -> Written {
    match i64::try_from(value) {
        Ok(integer) if integer.unsigned_abs() <= MAX_SAFE_INTEGER => Ok(Value::Integer(integer)),
        _ => Err(ConversionError::new(format!("integer {value} has more than 53 bits"))),
    }
}

/// What serde's externally tagged enums look like: an object of one member.
fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(vec![(variant.to_owned(), value)]),
        None => value,
    }
}

macro_rules! write_integers {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, value: $kind) -> Written {
            integer(value.into())
        })*
    };
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = ConversionError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    write_integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_bool(self, value: bool) -> Written {
        Ok(Value::Boolean(value))
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Written {
        if value.is_finite() {
            Ok(Value::Real(value))
        } else {
            Err(ConversionError::new(format!("{value} is not a finite number")))
        }
    }

    fn serialize_char(self, value: char) -> Written {
        Ok(Value::Text(value.into()))
    }

    fn serialize_str(self, value: &str) -> Written {
        Ok(Value::Text(value.to_owned()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        Ok(Value::Bytes(value.to_vec()))
    }

    fn serialize_none(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written {
        Ok(Value::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        Ok(tagged(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, ConversionError> {
        Ok(Items { items: Vec::with_capacity(length.unwrap_or(0)), variant: None })
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, ConversionError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Items, ConversionError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items, ConversionError> {
        Ok(Items { items: Vec::with_capacity(length), variant: Some(variant) })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Members, ConversionError> {
        let members = Vec::with_capacity(length.unwrap_or(0));
        Ok(Members { members, key: String::new(), variant: None })
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Members, ConversionError> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Members, ConversionError> {
        Ok(Members { members: Vec::with_capacity(length), key: String::new(), variant: Some(variant) })
    }
}

struct Items {
    items: Vec<Value>,
    variant: Option<&'static str>,
}

macro_rules! write_items {
    ($($part:ident::$method:ident),*) => {
        $(impl $part for Items {
            type Ok = Value;
            type Error = ConversionError;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ConversionError> {
                let item = to_value(item).map_err(|error| error.in_element(self.items.len()))?;
                self.items.push(item);
                Ok(())
            }

            fn end(self) -> Written {
                Ok(tagged(self.variant, Value::List(self.items)))
            }
        })*
    };
}

write_items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

struct Members {
    members: Vec<(String, Value)>,
    key: String,
    variant: Option<&'static str>,
}

impl Members {
    fn push<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), ConversionError> {
        let value = to_value(value).map_err(|error| error.in_member(&key))?;
        self.members.push((key, value));
        Ok(())
    }
}

impl SerializeMap for Members {
    type Ok = Value;
    type Error = ConversionError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ConversionError> {
        self.key = match to_value(key)? {
            Value::Text(key) => key,
            Value::Integer(key) => key.to_string(),
            other => return Err(ConversionError::new(format!("{} cannot name a member", other.kind()))),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConversionError> {
        let key = std::mem::take(&mut self.key);
        self.push(key, value)
    }

    fn end(self) -> Written {
        Ok(tagged(self.variant, Value::Object(self.members)))
    }
}

macro_rules! write_fields {
    ($($part:ident),*) => {
        $(impl $part for Members {
            type Ok = Value;
            type Error = ConversionError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), ConversionError> {
                self.push(key.to_owned(), value)
            }

            fn end(self) -> Written {
                Ok(tagged(self.variant, Value::Object(self.members)))
            }
        })*
    };
}

write_fields!(SerializeStruct, SerializeStructVariant);
