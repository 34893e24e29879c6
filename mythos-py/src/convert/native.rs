//! A Python value, read out strictly, that core types deserialize from.
//!
//! Nothing is taken for what it only resembles, nesting has a bound, and an error says where it is.

use std::vec::IntoIter;

use mythos_core::ErrorKind;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDateTime, PyDict, PyFloat, PyInt, PyList, PyMapping, PyMemoryView,
    PySequence, PyString, PyTuple,
};
use serde::de::value::{MapAccessDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::Unfit;

/// The deepest nesting that is read: a record body's 64 levels inside the levels around it, and still far from the end
/// of a thread's stack. A list that contains itself ends here.
const MAX_DEPTH: usize = 128;

/// A value of Python's that holds no reference into the interpreter.
pub(super) enum Native {
    None,
    Boolean(bool),
    Integer(i64),
    /// Over `i64::MAX`.
    Unsigned(u64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Mapping(Vec<(String, Self)>),
}

impl Native {
    pub(super) fn read(value: &Bound<'_, PyAny>) -> Result<Self, Unfit> {
        read(value, 0)
    }

    /// A mapping of these members.
    pub(super) fn of_members<'a, 'py: 'a>(
        members: impl Iterator<Item = (&'a str, &'a Bound<'py, PyAny>)>,
    ) -> Result<Self, Unfit> {
        members
            .map(|(name, value)| read_member(name.to_owned(), value, 0))
            .collect::<Result<_, _>>()
            .map(Self::Mapping)
    }
}

fn read(value: &Bound<'_, PyAny>, depth: usize) -> Result<Native, Unfit> {
    if depth > MAX_DEPTH {
        return Err(Unfit::new(ErrorKind::Limit, format!("nests deeper than {MAX_DEPTH} levels"), None));
    }
    if value.is_none() {
        Ok(Native::None)
    } else if let Ok(boolean) = value.cast::<PyBool>() {
        Ok(Native::Boolean(boolean.is_true()))
    } else if let Ok(integer) = value.cast::<PyInt>() {
        read_integer(integer)
    } else if let Ok(text) = value.cast::<PyString>() {
        read_text(text).map(Native::Text)
    } else if let Ok(real) = value.cast::<PyFloat>() {
        let real = real.value();
        if real.is_finite() {
            Ok(Native::Real(real))
        } else {
            Err(invalid(format!("{real} is not a finite number")))
        }
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        Ok(Native::Bytes(bytes.as_bytes().to_vec()))
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        Ok(Native::Bytes(bytes.to_vec()))
    } else if value.is_instance_of::<PyMemoryView>() {
        let bytes = value.call_method0(intern!(value.py(), "tobytes")).map_err(failed)?;
        Ok(Native::Bytes(bytes.extract().map_err(failed)?))
    } else if let Ok(moment) = value.cast::<PyDateTime>() {
        read_moment(moment)
    } else if let Ok(dict) = value.cast::<PyDict>() {
        // A copy of the items: another thread may change the dict while a member is read.
        read_items(&dict.items(), depth)
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        read_list(value, depth)
    } else if let Ok(mapping) = value.cast::<PyMapping>() {
        read_items(&mapping.items().map_err(failed)?, depth)
    } else if value.cast::<PySequence>().is_ok() {
        read_list(value, depth)
    } else {
        let message = format!("a value of type {} cannot be taken", type_name(value));
        Err(invalid(message))
    }
}

fn read_integer(value: &Bound<'_, PyInt>) -> Result<Native, Unfit> {
    value
        .extract()
        .map(Native::Integer)
        .or_else(|_| value.extract().map(Native::Unsigned))
        .map_err(|_| invalid("the integer has more than 64 bits"))
}

fn read_text(value: &Bound<'_, PyString>) -> Result<String, Unfit> {
    value.to_str().map(str::to_owned).map_err(|error| {
        Unfit::new(ErrorKind::Invalid, "the text holds a lone surrogate and has no UTF-8 form", Some(error))
    })
}

fn read_moment(value: &Bound<'_, PyDateTime>) -> Result<Native, Unfit> {
    let py = value.py();
    if value.call_method0(intern!(py, "utcoffset")).map_err(failed)?.is_none() {
        return Err(invalid("the datetime is naive: give it a timezone, such as datetime.timezone.utc"));
    }
    let text: String =
        value.call_method0(intern!(py, "isoformat")).and_then(|text| text.extract()).map_err(failed)?;
    match text.parse::<mythos_core::types::Timestamp>() {
        Ok(moment) => Ok(Native::Text(moment.to_string())),
        Err(error) => Err(invalid(error.to_string())),
    }
}

fn read_list(value: &Bound<'_, PyAny>, depth: usize) -> Result<Native, Unfit> {
    let items = value.try_iter().map_err(failed)?.enumerate();
    let items = items.map(|(index, item)| {
        item.map_err(failed)
            .and_then(|item| read(&item, depth + 1))
            .map_err(|unfit| unfit.within(&format!("[{index}]")))
    });
    items.collect::<Result<_, _>>().map(Native::List)
}

fn read_items(items: &Bound<'_, PyList>, depth: usize) -> Result<Native, Unfit> {
    let items = items.iter().map(|item| {
        let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract().map_err(failed)?;
        let key = match key.cast::<PyString>() {
            Ok(key) => read_text(key)?,
            Err(_) => return Err(invalid(format!("a key is of type {}, not str", type_name(&key)))),
        };
        read_member(key, &value, depth)
    });
    items.collect::<Result<_, _>>().map(Native::Mapping)
}

fn read_member(key: String, value: &Bound<'_, PyAny>, depth: usize) -> Result<(String, Native), Unfit> {
    match read(value, depth + 1) {
        Ok(value) => Ok((key, value)),
        Err(unfit) => Err(unfit.within(&key)),
    }
}

fn invalid(message: impl Into<String>) -> Unfit {
    Unfit::new(ErrorKind::Invalid, message, None)
}

fn failed(error: PyErr) -> Unfit {
    Unfit::new(ErrorKind::Invalid, format!("it cannot be read: {error}"), Some(error))
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned())
}

impl<'de> Deserializer<'de> for Native {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self {
            Self::None => visitor.visit_unit(),
            Self::Boolean(boolean) => visitor.visit_bool(boolean),
            Self::Integer(integer) => visitor.visit_i64(integer),
            Self::Unsigned(integer) => visitor.visit_u64(integer),
            Self::Real(real) => visitor.visit_f64(real),
            Self::Text(text) => visitor.visit_string(text),
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Self::List(items) => visitor.visit_seq(Items { items: items.into_iter(), index: 0 }),
            Self::Mapping(members) => {
                visitor.visit_map(Members { members: members.into_iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        if matches!(self, Self::None) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    /// A struct is a mapping; serde's derived code would take a list of the fields, too.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        if matches!(self, Self::List(_)) {
            return Err(serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &"a mapping"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        match self {
            Self::Text(text) => visitor.visit_enum::<StringDeserializer<Unfit>>(text.into_deserializer()),
            Self::Mapping(members) => visitor.visit_enum(MapAccessDeserializer::new(Members {
                members: members.into_iter(),
                value: None,
            })),
            other => other.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The items of a list; an error in one names its index.
struct Items {
    items: IntoIter<Native>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unfit> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(item).map(Some).map_err(|unfit| unfit.within(&format!("[{index}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The members of a mapping; an error in one names its key.
struct Members {
    members: IntoIter<(String, Native)>,
    value: Option<(String, Native)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unfit> {
        let Some((key, value)) = self.members.next() else { return Ok(None) };
        let read =
            seed.deserialize(StrDeserializer::<Unfit>::new(&key)).map_err(|unfit| unfit.within(&key))?;
        self.value = Some((key, value));
        Ok(Some(read))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| serde::de::Error::custom("a value is asked for before its key"))?;
        seed.deserialize(value).map_err(|unfit| unfit.within(&key))
    }
}
