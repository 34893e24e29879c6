//! The right edge of the super-log's tree as it is stored. Pure.

use minicbor::decode::{Decoder, Error as Failure};

use crate::error::{Error, Result};
use crate::log::Edge;
use crate::log::cbor::{Decoded, Encoded, Encoder, exactly, fixed, list};
use crate::tlog::TreeHash;

const FORMAT: u32 = 1;
const FIELDS: u64 = 3;

/// The bytes of an edge: an array in deterministic CBOR of the format, the number of leaves, and for each
/// level of tiles, the lowest first, the lowest nodes of the one that is not full.
pub(super) fn to_bytes(edge: &Edge) -> Result<Vec<u8>> {
    let mut e = Encoder::new(Vec::new());
    write(&mut e, edge).map_err(|error| Error::internal(format!("an edge has no bytes: {error}")))?;
    Ok(e.into_writer())
}

/// Reads stored bytes, which must be spelled as they are written.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Edge> {
    let read = read(&mut Decoder::new(bytes));
    let (size, rows) = read.map_err(|error| Error::corrupt(format!("an edge cannot be read: {error}")))?;
    let edge = Edge::from_rows(size, &rows)?;
    if to_bytes(&edge)? != bytes {
        return Err(Error::corrupt("an edge is not spelled as edges are written"));
    }
    Ok(edge)
}

fn write<'a>(e: &'a mut Encoder, edge: &Edge) -> Encoded<'a> {
    e.array(FIELDS)?.u32(FORMAT)?.u64(edge.size())?.array(edge.rows().count() as u64)?;
    for row in edge.rows() {
        e.array(row.len() as u64)?;
        for node in row {
            e.bytes(node.as_bytes())?;
        }
    }
    Ok(e)
}

fn read(d: &mut Decoder<'_>) -> Decoded<(u64, Vec<Vec<TreeHash>>)> {
    exactly(d, FIELDS)?;
    if d.u32()? != FORMAT {
        return Err(Failure::message("an edge of an unknown format"));
    }
    Ok((d.u64()?, list(d, |d| list(d, |d| fixed(d).map(TreeHash::from_bytes)))?))
}
