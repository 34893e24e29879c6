//! The signals: each looks for one kind of change.

pub(crate) mod code;
pub(crate) mod cue;
pub(crate) mod list;
pub(crate) mod number;
pub(crate) mod party;
pub(crate) mod sentence;
pub(crate) mod shape;
pub(crate) mod voice;
pub(crate) mod wording;

use super::finding::Findings;

/// Has every signal look at a reading.
pub(crate) fn find_all(findings: &mut Findings<'_>) {
    number::find(findings);
    cue::find(findings);
    party::find(findings);
    list::find(findings);
    sentence::find(findings);
    code::find(findings);
    wording::find(findings);
    shape::find(findings);
    voice::find(findings);
}
