//! The writer: a serde serializer that appends canonical bytes.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::MAX_DEPTH;
use super::failure::Failure;
use super::name::NameWriter;
use super::number;
use super::text::{compare_utf16, write_escaped, write_string};

/// The names by which `serde_json` marks its own wrappers when a host enables its features. A number of any precision
/// is one member with the literal, raw JSON one with the text.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";
const RAW_VALUE_TOKEN: &str = "$serde_json::private::RawValue";

/// Enough for the members of a document of the crate's own.
const INITIAL_MEMBERS: usize = 32;

/// Appends to `out`.
///
/// Members are written as they come, and each is noted. Only if they did not come in order is the object's text put
/// together anew when it ends. The notes of all open objects lie on one stack.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Members of all open objects.
    members: Vec<Member>,
    /// Those of their names that had to be escaped, as they were before.
    names: Vec<u8>,
    /// Where an object's members are put in order.
    ordered: Vec<u8>,
    depth: usize,
}

#[derive(Clone, Copy)]
struct Member {
    /// Whether its name lies in the writer's names, or else in the output.
    escaped: bool,
    /// Where its name lies there.
    name_start: usize,
    name_len: usize,
    /// Where its text begins in the output.
    start: usize,
    /// Where its text ends; known when the object ends.
    end: usize,
}

impl Member {
    #[inline]
    fn name<'n>(&self, out: &'n [u8], names: &'n [u8]) -> &'n [u8] {
        let text = if self.escaped { names } else { out };
        &text[self.name_start..self.name_start + self.name_len]
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            members: Vec::with_capacity(INITIAL_MEMBERS),
            names: Vec::new(),
            ordered: Vec::new(),
            depth: 0,
        }
    }

    #[inline]
    fn literal(&mut self, text: &str) -> Result<(), Failure> {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    #[inline]
    fn integer<I: Copy + fmt::Display>(&mut self, value: I) -> Result<(), Failure>
    where
        i128: TryFrom<I>,
    {
        match i128::try_from(value).ok().filter(|wide| number::is_safe(*wide)).map(i64::try_from) {
            Some(Ok(integer)) => {
                number::write_integer(self.out, integer);
                Ok(())
            }
            _ => Err(Failure::invalid(format!(
                "a double cannot hold integer {value}, which has more than 53 bits: keep it as text"
            ))),
        }
    }

    #[inline]
    fn enter(&mut self, open: u8) -> Result<(), Failure> {
        if self.depth == MAX_DEPTH {
            return Err(Failure::too_deep());
        }
        self.depth += 1;
        self.out.push(open);
        Ok(())
    }

    #[inline]
    fn leave(&mut self, close: u8) {
        self.depth -= 1;
        self.out.push(close);
    }

    /// Opens the object around the content of an enum's variant: its one member is named after the variant.
    fn enter_variant(&mut self, variant: &str) -> Result<(), Failure> {
        self.enter(b'{')?;
        write_string(self.out, variant.as_bytes());
        self.out.push(b':');
        Ok(())
    }

    fn array(&mut self, variant: Option<&'static str>) -> Result<Array<'_, 'a>, Failure> {
        self.enter(b'[').map_err(|failure| within_variant(failure, variant))?;
        Ok(Array { writer: self, len: 0, variant })
    }

    #[inline]
    fn object(&mut self, kind: ObjectKind) -> Result<Object<'_, 'a>, Failure> {
        match kind {
            // It is no object of the document.
            ObjectKind::Number => self.out.push(b'{'),
            _ => self.enter(b'{').map_err(|failure| within_variant(failure, kind.variant()))?,
        }
        Ok(Object {
            first: self.members.len(),
            first_name: self.names.len(),
            start: self.out.len(),
            writer: self,
            len: 0,
            sorted: true,
            kind,
        })
    }
}

fn within_variant(failure: Failure, variant: Option<&'static str>) -> Failure {
    match variant {
        Some(variant) => failure.within(variant),
        None => failure,
    }
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Array<'w, 'a>;
    type SerializeTuple = Array<'w, 'a>;
    type SerializeTupleStruct = Array<'w, 'a>;
    type SerializeTupleVariant = Array<'w, 'a>;
    type SerializeMap = Object<'w, 'a>;
    type SerializeStruct = Object<'w, 'a>;
    type SerializeStructVariant = Object<'w, 'a>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Failure> {
        self.literal(if value { "true" } else { "false" })
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

    #[inline]
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

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Failure> {
        self.integer(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Failure> {
        self.serialize_f64(f64::from(value))
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Failure> {
        if !value.is_finite() {
            return Err(Failure::invalid(format!("{value} is not a number of JSON; use null or text")));
        }
        number::write_finite(self.out, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Failure> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Failure> {
        write_string(self.out, value.as_bytes());
        Ok(())
    }

    /// An array of numbers, as `serde_json` does.
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Failure> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Failure> {
        self.literal("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Failure> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.enter_variant(variant)?;
        value.serialize(&mut *self).map_err(|failure| failure.within(variant))?;
        self.leave(b'}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Array<'w, 'a>, Failure> {
        self.array(None)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Array<'w, 'a>, Failure> {
        self.array(None)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Array<'w, 'a>, Failure> {
        self.array(None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Array<'w, 'a>, Failure> {
        self.enter_variant(variant)?;
        self.array(Some(variant))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Object<'w, 'a>, Failure> {
        self.object(ObjectKind::Plain)
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Object<'w, 'a>, Failure> {
        match name {
            NUMBER_TOKEN => self.object(ObjectKind::Number),
            RAW_VALUE_TOKEN => Err(Failure::invalid("raw JSON has no canonical form; parse it first")),
            _ => self.object(ObjectKind::Plain),
        }
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Object<'w, 'a>, Failure> {
        self.enter_variant(variant)?;
        self.object(ObjectKind::Variant(variant))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Failure> {
        self.out.push(b'"');
        let formatted = write!(Escaping(self.out), "{value}");
        self.out.push(b'"');
        formatted.map_err(|error| Failure::invalid(error.to_string()))
    }
}

/// Escapes what is formatted into it.
struct Escaping<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_escaped(self.0, text.as_bytes());
        Ok(())
    }
}

/// An array that is being written.
pub(super) struct Array<'w, 'a> {
    writer: &'w mut Writer<'a>,
    len: usize,
    /// The variant whose content it is.
    variant: Option<&'static str>,
}

impl Array<'_, '_> {
    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        if self.len > 0 {
            self.writer.out.push(b',');
        }
        value
            .serialize(&mut *self.writer)
            .map_err(|failure| within_variant(failure.within(self.len), self.variant))?;
        self.len += 1;
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        self.writer.leave(b']');
        if self.variant.is_some() {
            self.writer.leave(b'}');
        }
        Ok(())
    }
}

/// An object that is being written.
pub(super) struct Object<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// Where its members begin on the writer's stack.
    first: usize,
    /// Where their names begin in the writer's names.
    first_name: usize,
    /// Where their text begins in the output.
    start: usize,
    len: usize,
    /// Whether the members came in order so far.
    sorted: bool,
    kind: ObjectKind,
}

#[derive(Clone, Copy)]
enum ObjectKind {
    Plain,
    /// The content of an enum's variant.
    Variant(&'static str),
    /// The wrapper of a number, which is written in its place.
    Number,
}

impl ObjectKind {
    fn variant(self) -> Option<&'static str> {
        match self {
            Self::Variant(variant) => Some(variant),
            Self::Plain | Self::Number => None,
        }
    }
}

impl Object<'_, '_> {
    #[inline]
    pub(super) fn begin_member(&mut self, name: &str) {
        let Writer { out, members, names, .. } = &mut *self.writer;
        let name = name.as_bytes();
        if self.len > 0 {
            out.push(b',');
            if let Some(last) = members.last() {
                self.sorted = self.sorted && compare_utf16(last.name(out, names), name) == Ordering::Less;
            }
        }
        self.len += 1;
        let start = out.len();
        let escaped = write_string(out, name);
        let name_start = if escaped {
            names.extend_from_slice(name);
            names.len() - name.len()
        } else {
            // After the quotation mark.
            start + 1
        };
        members.push(Member { escaped, name_start, name_len: name.len(), start, end: 0 });
        out.push(b':');
    }

    #[inline]
    fn member_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        match value.serialize(&mut *self.writer) {
            Ok(()) => Ok(()),
            Err(failure) => {
                let Writer { out, members, names, .. } = &*self.writer;
                let member = members[self.first..].get(self.len.saturating_sub(1));
                let name = String::from_utf8_lossy(member.map_or(b"", |member| member.name(out, names)));
                Err(within_variant(failure.within(name), self.kind.variant()))
            }
        }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failure> {
        self.begin_member(name);
        self.member_value(value)
    }

    #[inline]
    fn finish(self) -> Result<(), Failure> {
        let Self { writer, first, first_name, start, sorted, kind, .. } = self;
        if !sorted {
            writer.sort(first, start).map_err(|failure| within_variant(failure, kind.variant()))?;
        }
        writer.names.truncate(first_name);
        writer.members.truncate(first);
        match kind {
            ObjectKind::Plain => writer.leave(b'}'),
            ObjectKind::Variant(_) => {
                writer.leave(b'}');
                writer.leave(b'}');
            }
            ObjectKind::Number => writer.unwrap_number(start)?,
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// Puts the members from `first` on, whose text begins at `start`, in order.
    fn sort(&mut self, first: usize, start: usize) -> Result<(), Failure> {
        let mut end = self.out.len();
        for member in self.members[first..].iter_mut().rev() {
            member.end = end;
            // A comma stands before the member.
            end = member.start.saturating_sub(1);
        }
        let Self { out, members, names, ordered, .. } = self;
        let name = |member: &Member| member.name(out, names);
        let members = &mut members[first..];
        members.sort_unstable_by(|left, right| compare_utf16(name(left), name(right)));
        if let Some(twins) = members.windows(2).find(|pair| name(&pair[0]) == name(&pair[1])) {
            let twice = String::from_utf8_lossy(name(&twins[0]));
            return Err(Failure::invalid("a member of this name stands twice").within(twice));
        }
        ordered.clear();
        ordered.reserve(out.len() - start);
        for member in members.iter() {
            if !ordered.is_empty() {
                ordered.push(b',');
            }
            ordered.extend_from_slice(&out[member.start..member.end]);
        }
        out.truncate(start);
        out.extend_from_slice(ordered);
        Ok(())
    }

    /// Replaces `serde_json`'s wrapper, whose members begin at `start`, by the number in it.
    fn unwrap_number(&mut self, start: usize) -> Result<(), Failure> {
        let wrapper = String::from_utf8_lossy(&self.out[start..]);
        let literal = wrapper.split('"').nth(3).unwrap_or_default();
        let integer = !literal.contains(['.', 'e', 'E']);
        let number = number::read(literal, integer).map_err(Failure::invalid)?;
        self.out.truncate(start - 1);
        match number.as_i64() {
            Some(integer) => number::write_integer(self.out, integer),
            None => number::write_finite(self.out, number.as_f64().unwrap_or_default()),
        }
        Ok(())
    }
}

/// Implements one of serde's traits of arrays or objects, which differ in what they call the method for a part.
macro_rules! compound {
    ($type:ident: $trait:ident, $method:ident => $part:ident($($name:ident)?)) => {
        impl $trait for $type<'_, '_> {
            type Ok = ();
            type Error = Failure;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), Failure> {
                self.$part($($name,)? value)
            }

            fn end(self) -> Result<(), Failure> {
                self.finish()
            }
        }
    };
}

compound!(Array: SerializeSeq, serialize_element => item());
compound!(Array: SerializeTuple, serialize_element => item());
compound!(Array: SerializeTupleStruct, serialize_field => item());
compound!(Array: SerializeTupleVariant, serialize_field => item());
compound!(Object: SerializeStruct, serialize_field => field(name));
compound!(Object: SerializeStructVariant, serialize_field => field(name));

impl SerializeMap for Object<'_, '_> {
    type Ok = ();
    type Error = Failure;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        key.serialize(NameWriter(self))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.member_value(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}
