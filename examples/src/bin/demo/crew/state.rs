//! What each of the crew needs to resume, and what it leaves to the one behind it.

use mythos_core::codex::CodexClause;
use mythos_core::types::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::rules::Note;
use crate::tree::Source;
use crate::{Result, report, rules};

/// The format of the states, as their checkpoints name it.
pub(crate) const FORMAT: &str = "application/json;crew=1";

/// The state of one of the crew: what it made of each file so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State<Made> {
    /// The files to read; nobody but the reader needs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<Source>,
    /// How many files there are.
    pub(crate) steps: u64,
    /// What was made, one for each file.
    pub(crate) made: Vec<Made>,
}

/// What the reader makes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// The file.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its text.
    pub(crate) text: String,
}

/// What the checker makes of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checked {
    /// The file.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// The digest of the text that was checked.
    pub(crate) digest: Digest,
    /// What was found.
    pub(crate) note: Note,
}

impl<Made> State<Made> {
    /// The state before the first of `steps` steps.
    pub(crate) const fn new(steps: u64, files: Vec<Source>) -> Self {
        Self { files, steps, made: Vec::new() }
    }

    /// The last step that was made.
    pub(crate) const fn step(&self) -> u64 {
        self.made.len() as u64
    }

    /// The payload of a checkpoint.
    pub(crate) fn encode(&self) -> Result<Vec<u8>>
    where
        Made: Serialize,
    {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads a payload.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self>
    where
        Made: DeserializeOwned,
    {
        serde_json::from_slice(payload)
            .map_err(|error| format!("this is no state of the crew: {error}").into())
    }
}

/// The checker's step.
pub(crate) fn check(page: &Page, clauses: &[CodexClause]) -> Checked {
    Checked {
        path: page.path.clone(),
        bytes: page.bytes,
        digest: Digest::of(page.text.as_bytes()),
        note: rules::audit(&page.path, &page.text, clauses),
    }
}

/// The editor's step.
pub(crate) fn write(checked: &Checked) -> String {
    let mut text = String::new();
    report::section(&mut text, &checked.path, checked.bytes, &checked.note);
    text
}

/// The report of all sections.
pub(crate) fn bind(sections: &[String]) -> String {
    format!("The crew's report on {} files\n\n{}", sections.len(), sections.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_as_they_were() {
        let page = Page { path: "a.rs".to_owned(), bytes: 3, text: "ok\n".to_owned() };
        let checked = check(&page, &[]);
        assert_eq!(checked.digest, Digest::of(b"ok\n"));
        let sections = vec![write(&checked)];
        assert_eq!(
            bind(&sections),
            "The crew's report on 1 files\n\n  a.rs (3 bytes, 1 lines, 0 blank, longest 2)\n"
        );
        let mut state = State::new(2, Vec::new());
        state.made.push(checked);
        assert_eq!((state.step(), State::decode(&state.encode().unwrap()).unwrap()), (1, state));
        assert!(State::<Checked>::decode(b"{}").is_err());
    }
}
