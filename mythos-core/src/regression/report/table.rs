//! A report to read.

use std::fmt::Write;

use super::{ComparedDocument, DocumentStatus, GuardReport, shown};
use crate::regression::{SegmentChange, SegmentChangeKind, Severity, Verdict};

pub(super) fn write(report: &GuardReport) -> String {
    let mut table = String::new();
    for document in &report.documents {
        write_document(&mut table, document);
    }
    let count = |wanted: fn(Verdict) -> bool| {
        report.documents.iter().filter(|document| wanted(document.comparison.verdict)).count()
    };
    let (all, flagged) = (report.documents.len(), count(Verdict::is_flagged));
    let undecided = count(|verdict| verdict == Verdict::Undecided);
    let plural = if all == 1 { "" } else { "s" };
    line(
        &mut table,
        format_args!("{all} document{plural}, {flagged} flagged, {undecided} for a person to decide"),
    );
    table
}

fn write_document(table: &mut String, document: &ComparedDocument) {
    let found = &document.comparison;
    let mut title = shown(&document.path);
    if document.old_revision.is_some() || document.new_revision.is_some() {
        let name = |revision: &Option<String>| revision.as_deref().map_or_else(|| "-".to_owned(), shown);
        let _ = write!(title, "  {}..{}", name(&document.old_revision), name(&document.new_revision));
    }
    match document.status {
        DocumentStatus::Created => {
            line(table, format_args!("{title}  new, nothing to compare with"));
            return;
        }
        DocumentStatus::Deleted => title.push_str("  deleted"),
        DocumentStatus::Compared => {}
    }
    let counts = &found.counts;
    let parts = [
        (counts.changed, "changed"),
        (counts.lost, "lost"),
        (counts.added, "added"),
        (counts.moved, "moved"),
        (counts.unchanged, "unchanged"),
    ];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    line(table, format_args!("{title}  {}  ({})", found.verdict.as_str(), parts.join(", ")));
    for change in &found.changes {
        write_change(table, change);
    }
    if found.changes_omitted > 0 {
        line(table, format_args!("  and {} more that say less", found.changes_omitted));
    }
}

fn write_change(table: &mut String, change: &SegmentChange) {
    // What is as it was, at another place or in other words, needs no line of its own.
    if change.verdict == Verdict::None {
        return;
    }
    let place = match (&change.new, &change.old) {
        (Some(new), _) => format!("{}:{}", new.line, new.column),
        (None, Some(old)) => format!("{}:{}, before", old.line, old.column),
        (None, None) => String::new(),
    };
    let mut scores = format!("accuracy {:.2}", change.accuracy);
    if matches!(change.change, SegmentChangeKind::Changed) {
        let (direction, tone) =
            if change.firmer > change.softer { ("firmer", change.firmer) } else { ("softer", change.softer) };
        let _ = write!(scores, ", {direction} {tone:.2}");
    }
    line(
        table,
        format_args!("  {place:<14} {:<9} {:<8} {scores}", change.verdict.as_str(), change.change.as_str()),
    );
    for finding in &change.findings {
        let severity = match finding.severity {
            Severity::Note => "note",
            Severity::Minor => "minor",
            Severity::Major => "major",
        };
        let (signal, message) = (finding.signal.as_str(), shown(&finding.message));
        line(table, format_args!("  {:<14} {severity:<5} {signal:<11} {message}", ""));
    }
    if change.findings_omitted > 0 {
        line(table, format_args!("  {:<14} and {} more", "", change.findings_omitted));
    }
}

/// Writing to a string cannot fail.
fn line(table: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(table, "{text}");
}
