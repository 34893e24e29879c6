//! What the formats of logs share: values in deterministic CBOR (RFC 8949 §4.2.1).

use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error as Failure};
use minicbor::encode::Encoder as AnyEncoder;

use crate::error::{Error, Result};
use crate::types::{Digest, Timestamp};

pub(crate) type Encoder = AnyEncoder<Vec<u8>>;
pub(crate) type Encoded<'a> = Result<&'a mut Encoder, minicbor::encode::Error<Infallible>>;
pub(crate) type Decoded<T> = Result<T, Failure>;

pub(crate) fn optional<'a>(e: &'a mut Encoder, bytes: Option<&[u8; 32]>) -> Encoded<'a> {
    match bytes {
        Some(bytes) => e.bytes(bytes),
        None => e.null(),
    }
}

pub(crate) fn read_optional<'b, T>(
    d: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Decoded<T>,
) -> Decoded<Option<T>> {
    if d.datatype()? == Type::Null {
        d.null()?;
        return Ok(None);
    }
    read(d).map(Some)
}

pub(crate) fn length(d: &mut Decoder<'_>) -> Decoded<u64> {
    d.array()?.ok_or_else(|| Failure::message("an array without a length"))
}

pub(crate) fn exactly(d: &mut Decoder<'_>, fields: u64) -> Decoded<()> {
    if length(d)? == fields { Ok(()) } else { Err(Failure::message("another number of fields")) }
}

/// Reads an array. Nothing is set aside for what it claims to hold: every item takes at least a byte of the
/// input.
pub(crate) fn list<'b, T>(
    d: &mut Decoder<'b>,
    mut read: impl FnMut(&mut Decoder<'b>) -> Decoded<T>,
) -> Decoded<Vec<T>> {
    let length = length(d)?;
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(read(d)?);
    }
    Ok(items)
}

pub(crate) fn name<T: TryFrom<String, Error = Error>>(d: &mut Decoder<'_>) -> Decoded<T> {
    T::try_from(d.str()?.to_owned()).map_err(Failure::custom)
}

pub(crate) fn fixed<const N: usize>(d: &mut Decoder<'_>) -> Decoded<[u8; N]> {
    d.bytes()?.try_into().map_err(|_| Failure::message("bytes of another length"))
}

pub(crate) fn digest(d: &mut Decoder<'_>) -> Decoded<Digest> {
    fixed(d).map(Digest::from_bytes)
}

pub(crate) fn time(d: &mut Decoder<'_>) -> Decoded<Timestamp> {
    Timestamp::from_microseconds(d.i64()?).map_err(Failure::custom)
}
