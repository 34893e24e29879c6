//! Reads what a store in JavaScript answered, against what it was asked.
//!
//! The core's own `Answer` is a tagged enum, which serde would buffer: it would lose the place of an error, and take an
//! array of numbers for bytes.

use mythos_core::store::{Answer, Cell, Group, Read, Record};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::value::{ConversionError, Value, from_value};

#[derive(Deserialize)]
struct RecordAnswer {
    record: Option<Record>,
}

#[derive(Deserialize)]
struct PageAnswer {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct CountAnswer {
    groups: Vec<Group>,
    capped: bool,
}

#[derive(Deserialize)]
struct CellsAnswer {
    cells: Vec<Cell>,
    more: bool,
}

/// Reads one answer for each of `reads`.
pub(super) fn read_answers(reads: &[Read], value: Value) -> Result<Vec<Answer>, ConversionError> {
    let Value::List(answers) = value else {
        return Err(ConversionError::new(format!("expected an array of answers, not {}", value.kind())));
    };
    if answers.len() != reads.len() {
        let message = format!("expected {} answers, not {}", reads.len(), answers.len());
        return Err(ConversionError::new(message));
    }
    let pairs = reads.iter().zip(answers).enumerate();
    pairs.map(|(index, (read, answer))| read_answer(read, answer).map_err(|e| e.in_element(index))).collect()
}

fn read_answer(read: &Read, answer: Value) -> Result<Answer, ConversionError> {
    match read {
        Read::Record { .. } => {
            content(answer, "record").map(|RecordAnswer { record }| Answer::Record { record })
        }
        Read::Page(_) => content(answer, "page").map(|PageAnswer { records }| Answer::Page { records }),
        Read::Count { .. } => {
            content(answer, "count").map(|CountAnswer { groups, capped }| Answer::Count { groups, capped })
        }
        Read::Cells { .. } => {
            content(answer, "cells").map(|CellsAnswer { cells, more }| Answer::Cells { cells, more })
        }
        _ => Err(ConversionError::new("this version of mythos does not know the read")),
    }
}

fn content<T: DeserializeOwned>(mut answer: Value, kind: &str) -> Result<T, ConversionError> {
    match answer.take("kind") {
        Some(Value::Text(found)) if found == kind => from_value(answer),
        _ => Err(ConversionError::new(format!("expected an object whose kind is {kind:?}"))),
    }
}
