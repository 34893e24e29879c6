//! The Python value of a core value, as a serializer that makes it directly.
//!
//! Records are what a program asks for all the time, and each is a dict of some twenty fields: the texts of their names
//! are made once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::hash::{BuildHasherDefault, Hasher};

use mythos_core::types::Timestamp;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use serde::Serialize;
use serde::ser::{self, Serializer};

/// The declared fields beside `*_at` that hold timestamps, or lists of them. The last three are the watermarks of the
/// super-log; elsewhere they are counts, which stay what they are.
const MOMENTS: [&str; 8] =
    ["at", "since", "until", "deadline", "history", "codices", "rituals", "deployments"];

/// The length of every timestamp's text.
const TIMESTAMP_LENGTH: usize = 27;

/// Makes the Python value of what it serializes.
#[derive(Clone, Copy)]
pub(super) struct Maker<'py> {
    py: Python<'py>,
    /// Whether this is the value of a declared field that holds timestamps, or an item of its list.
    is_moment: bool,
}

impl<'py> Maker<'py> {
    pub(super) const fn new(py: Python<'py>) -> Self {
        Self { py, is_moment: false }
    }

    /// For what lies inside of a value, but is no item of a list.
    const fn inside(self) -> Self {
        Self::new(self.py)
    }

    fn put<T: Serialize + ?Sized>(
        self,
        dict: &Bound<'py, PyDict>,
        name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        let (name, is_moment) = field(self.py, name);
        let value = value.serialize(Self { py: self.py, is_moment })?;
        Ok(dict.set_item(name, value)?)
    }

    fn any(self, value: impl IntoPyObjectExt<'py>) -> Made<'py> {
        Ok(value.into_bound_py_any(self.py)?)
    }
}

/// The name of a declared field, and whether the field holds timestamps.
fn field<'py>(py: Python<'py>, name: &'static str) -> (Bound<'py, PyString>, bool) {
    /// Names by where they are: there are as many as the core declares.
    type Names = HashMap<(usize, usize), (Py<PyString>, bool), BuildHasherDefault<Place>>;
    thread_local! {
        // Not shared, since a lock takes longer than the name.
        static NAMES: RefCell<Names> = RefCell::default();
    }
    NAMES.with_borrow_mut(|names| {
        let (text, is_moment) = names
            .entry((name.as_ptr().addr(), name.len()))
            .or_insert_with(|| (PyString::intern(py, name).unbind(), is_moment(name)));
        (text.bind(py).clone(), *is_moment)
    })
}

/// A hash of where a text is, which nobody chooses.
#[derive(Default)]
struct Place(u64);

impl Hasher for Place {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, number: usize) {
        // Fibonacci hashing: the highest bits depend on all, and the table takes from both ends.
        self.0 = (self.0 ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

fn is_moment(name: &str) -> bool {
    name.ends_with("_at") || MOMENTS.contains(&name)
}

type Made<'py> = Result<Bound<'py, PyAny>, Failure>;

/// What Python raised meanwhile.
#[derive(Debug)]
pub(super) struct Failure(pub(super) PyErr);

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl std::error::Error for Failure {}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ser::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Self(pyo3::exceptions::PyValueError::new_err(message.to_string()))
    }
}

/// Passes numbers on.
macro_rules! numbers {
    ($($method:ident $number:ty),+) => {
        $(fn $method(self, value: $number) -> Made<'py> {
            self.any(value)
        })+
    };
}

impl<'py> Serializer for Maker<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;
    type SerializeSeq = Items<'py>;
    type SerializeTuple = Items<'py>;
    type SerializeTupleStruct = Items<'py>;
    type SerializeTupleVariant = Variant<'py, Items<'py>>;
    type SerializeMap = Members<'py>;
    type SerializeStruct = Fields<'py>;
    type SerializeStructVariant = Variant<'py, Fields<'py>>;

    numbers! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32,
        serialize_f64 f64
    }

    fn serialize_char(self, value: char) -> Made<'py> {
        self.any(value)
    }

    fn serialize_str(self, value: &str) -> Made<'py> {
        if self.is_moment
            && let Ok(parsed) = value.parse::<Timestamp>()
            && parsed.to_string() == value
        {
            return Ok(super::datetime(self.py, value)?);
        }
        Ok(PyString::new(self.py, value).into_any())
    }

    /// The text form of one of the core's types.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Made<'py> {
        /// Most ids and digests fit.
        const USUAL_LENGTH: usize = 80;
        let mut text = String::with_capacity(USUAL_LENGTH);
        write!(text, "{value}").map_err(<Failure as ser::Error>::custom)?;
        // Timestamps have one form: nothing else of the core's looks like it in such a field.
        match text.as_bytes() {
            [.., b'Z'] if self.is_moment && text.len() == TIMESTAMP_LENGTH => {
                Ok(super::datetime(self.py, &text)?)
            }
            _ => Ok(PyString::new(self.py, &text).into_any()),
        }
    }

    fn serialize_bytes(self, value: &[u8]) -> Made<'py> {
        Ok(PyBytes::new(self.py, value).into_any())
    }

    fn serialize_none(self) -> Made<'py> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Made<'py> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Made<'py> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Made<'py> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Made<'py> {
        Ok(field(self.py, variant).0.into_any())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Made<'py> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Made<'py> {
        let dict = PyDict::new(self.py);
        self.put(&dict, variant, value)?;
        Ok(dict.into_any())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items<'py>, Failure> {
        Ok(Items::new(self, length.unwrap_or(0)))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'py>, Failure> {
        Ok(Items::new(self.inside(), length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Items<'py>, Failure> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Variant<'py, Items<'py>>, Failure> {
        Ok(Variant { py: self.py, variant, inner: self.serialize_tuple(length)? })
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Members<'py>, Failure> {
        Ok(Members { maker: self.inside(), dict: PyDict::new(self.py), key: None })
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Fields<'py>, Failure> {
        Ok(Fields { maker: self.inside(), dict: PyDict::new(self.py) })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Variant<'py, Fields<'py>>, Failure> {
        Ok(Variant { py: self.py, variant, inner: self.serialize_struct(name, length)? })
    }
}

/// A list or a tuple in the making.
pub(super) struct Items<'py> {
    maker: Maker<'py>,
    items: Vec<Bound<'py, PyAny>>,
}

impl<'py> Items<'py> {
    fn new(maker: Maker<'py>, length: usize) -> Self {
        Self { maker, items: Vec::with_capacity(length) }
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.items.push(value.serialize(self.maker)?);
        Ok(())
    }

    fn into_tuple(self) -> Made<'py> {
        Ok(PyTuple::new(self.maker.py, self.items)?.into_any())
    }
}

impl<'py> ser::SerializeSeq for Items<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    fn end(self) -> Made<'py> {
        Ok(PyList::new(self.maker.py, self.items)?.into_any())
    }
}

impl<'py> ser::SerializeTuple for Items<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    fn end(self) -> Made<'py> {
        self.into_tuple()
    }
}

impl<'py> ser::SerializeTupleStruct for Items<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    fn end(self) -> Made<'py> {
        self.into_tuple()
    }
}

/// A dict in the making, of a host's keys: nothing in it is a declared field.
pub(super) struct Members<'py> {
    maker: Maker<'py>,
    dict: Bound<'py, PyDict>,
    key: Option<Bound<'py, PyAny>>,
}

impl<'py> ser::SerializeMap for Members<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.key = Some(key.serialize(self.maker)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let key = self
            .key
            .take()
            .ok_or_else(|| <Failure as ser::Error>::custom("a value is given before its key"))?;
        Ok(self.dict.set_item(key, value.serialize(self.maker)?)?)
    }

    fn end(self) -> Made<'py> {
        Ok(self.dict.into_any())
    }
}

/// A dict in the making, of declared fields.
pub(super) struct Fields<'py> {
    maker: Maker<'py>,
    dict: Bound<'py, PyDict>,
}

impl<'py> ser::SerializeStruct for Fields<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.maker.put(&self.dict, name, value)
    }

    fn end(self) -> Made<'py> {
        Ok(self.dict.into_any())
    }
}

/// A dict in the making, whose only member is what a variant holds.
pub(super) struct Variant<'py, T> {
    py: Python<'py>,
    variant: &'static str,
    inner: T,
}

impl<'py, T> Variant<'py, T> {
    fn of(py: Python<'py>, variant: &'static str, value: Bound<'py, PyAny>) -> Made<'py> {
        let dict = PyDict::new(py);
        dict.set_item(field(py, variant).0, value)?;
        Ok(dict.into_any())
    }
}

impl<'py> ser::SerializeTupleVariant for Variant<'py, Items<'py>> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.inner.add(value)
    }

    fn end(self) -> Made<'py> {
        Self::of(self.py, self.variant, self.inner.into_tuple()?)
    }
}

impl<'py> ser::SerializeStructVariant for Variant<'py, Fields<'py>> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        ser::SerializeStruct::serialize_field(&mut self.inner, name, value)
    }

    fn end(self) -> Made<'py> {
        Self::of(self.py, self.variant, ser::SerializeStruct::end(self.inner)?)
    }
}
