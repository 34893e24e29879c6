//! Annotations of GitHub's workflows ("Workflow commands for GitHub Actions", section "Setting a warning message").

use std::fmt::Write;

use super::{ComparedDocument, DocumentStatus, GuardReport};
use crate::regression::{Region, SegmentChange, Verdict};

/// An annotation for each segment with a verdict: a warning if it is flagged, a notice if it is left to a person.
pub(super) fn write(report: &GuardReport) -> String {
    let mut commands = String::new();
    for document in &report.documents {
        for change in document.comparison.changes.iter().filter(|change| change.verdict.needs_review()) {
            write_command(&mut commands, document, change);
        }
    }
    commands
}

fn write_command(commands: &mut String, document: &ComparedDocument, change: &SegmentChange) {
    let level = if change.verdict.is_flagged() { "warning" } else { "notice" };
    let title = match change.verdict {
        Verdict::Tone => "The tone shifted",
        Verdict::Both => "The rule and its tone changed",
        Verdict::Undecided => "A person should look at this edit",
        Verdict::None | Verdict::Accuracy => "The rule changed",
    };
    let mut message: Vec<_> = change.findings.iter().map(|finding| finding.message.as_str()).collect();
    let probable = format!("The probability that the rule changed is {:.2}.", change.accuracy);
    message.push(&probable);
    let message = message.join("\n");
    let _ = write!(commands, "::{level} file={}", property(&document.path));
    // A deleted file has no lines to show anything at.
    if document.status != DocumentStatus::Deleted {
        let place = match &change.new {
            Some(Region { line, column, end_line, end_column, .. }) if line == end_line => {
                format!(",line={line},endLine={end_line},col={column},endColumn={end_column}")
            }
            // Columns are refused over more than one line.
            Some(Region { line, end_line, .. }) => format!(",line={line},endLine={end_line}"),
            None => format!(",line={}", change.line),
        };
        commands.push_str(&place);
    }
    let _ = writeln!(commands, ",title={}::{}", property(title), data(&message));
}

/// As the runner's `toCommandValue` escapes a message.
pub(super) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As it escapes a property.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
