//! What the assistant needs to resume: the files it is to read, and the conversation so far.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::rules::Note;
use crate::tree::Source;

/// The format of the state, as its checkpoints name it.
pub(crate) const FORMAT: &str = "application/json;audit=1";

/// The assistant's state. It grows by three messages per step, one of them with the text of a whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditState {
    /// The files, in the order in which they are audited.
    pub(crate) files: Vec<Source>,
    /// How many of them are audited.
    pub(crate) step: u64,
    /// The conversation.
    pub(crate) messages: Vec<Message>,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// The assistant.
    Assistant,
    /// The tool that it called.
    Tool,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// Who says it.
    pub(crate) role: Role,
    /// A call of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tool_call: Option<ToolCall>,
    /// What a tool gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    /// What the assistant concludes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<Note>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolCall {
    /// The tool.
    pub(crate) name: String,
    /// The file that it is to read.
    pub(crate) path: String,
}

impl AuditState {
    /// The state before the first step.
    pub(crate) const fn new(files: Vec<Source>) -> Self {
        Self { files, step: 0, messages: Vec::new() }
    }

    /// The file of the next step; `None` behind the last.
    pub(crate) fn next_file(&self) -> Option<&Source> {
        self.files.get(usize::try_from(self.step).ok()?)
    }

    /// Records the step of `path`: the call of the tool, what it gave, and what the assistant makes of it.
    pub(crate) fn record(&mut self, path: &str, text: String, note: Note) {
        let call = ToolCall { name: "read_file".to_owned(), path: path.to_owned() };
        let silent = |role| Message { role, tool_call: None, content: None, note: None };
        self.messages.extend([
            Message { tool_call: Some(call), ..silent(Role::Assistant) },
            Message { content: Some(text), ..silent(Role::Tool) },
            Message { note: Some(note), ..silent(Role::Assistant) },
        ]);
        self.step += 1;
    }

    /// The notes, one for each audited file, in their order.
    pub(crate) fn notes(&self) -> impl Iterator<Item = (&Source, &Note)> {
        self.files.iter().zip(self.messages.iter().filter_map(|message| message.note.as_ref()))
    }

    /// The payload of a checkpoint.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads a payload.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self> {
        serde_json::from_slice(payload)
            .map_err(|error| format!("this is no state of an audit: {error}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mythos_core::types::Digest;

    #[test]
    fn a_state_comes_back_as_it_was() {
        let file = Source { path: "a.rs".to_owned(), bytes: 3, digest: Digest::of(b"ok\n") };
        let mut state = AuditState::new(vec![file]);
        assert_eq!(state.next_file().unwrap().path, "a.rs");
        state.record("a.rs", "ok\n".to_owned(), crate::rules::audit("a.rs", "ok\n", &[]));
        assert!(state.next_file().is_none());
        assert_eq!(state.notes().count(), 1);
        assert_eq!(AuditState::decode(&state.encode().unwrap()).unwrap(), state);
        assert!(AuditState::decode(b"{}").is_err());
    }
}
