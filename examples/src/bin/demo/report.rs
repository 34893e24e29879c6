//! The audit's report. It holds no time and no id, so that two runs over the same files give the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::rules::Note;
use crate::state::AuditState;

/// The most line numbers that are written out for one finding.
const MAX_LINES_SHOWN: usize = 8;

/// Writes the report of a finished audit.
pub(crate) fn render(state: &AuditState) -> String {
    let mut languages = BTreeMap::new();
    let mut clauses = BTreeMap::new();
    for (_, note) in state.notes() {
        let (files, lines) = languages.entry(note.language).or_insert((0_usize, 0_usize));
        *files += 1;
        *lines += note.lines;
        for finding in &note.findings {
            *clauses.entry(finding.clause.as_str()).or_insert(0_usize) += finding.lines.len();
        }
    }
    let mut text = format!("Audit of {} files\n\nLanguages\n", state.step);
    for (language, (files, lines)) in languages {
        line(&mut text, format_args!("  {:<14}{files:>5} files {lines:>8} lines", language.name()));
    }
    text.push_str("\nLines that break a clause\n");
    for (clause, count) in clauses {
        line(&mut text, format_args!("  {clause:<14}{count:>5}"));
    }
    text.push_str("\nFiles\n");
    for (source, note) in state.notes() {
        section(&mut text, &source.path, source.bytes, note);
    }
    text
}

/// Writes what an audit says of one file.
pub(crate) fn section(text: &mut String, path: &str, bytes: u64, note: &Note) {
    let Note { lines, blank_lines, longest_line, .. } = note;
    line(
        text,
        format_args!("  {path} ({bytes} bytes, {lines} lines, {blank_lines} blank, longest {longest_line})"),
    );
    for finding in &note.findings {
        line(text, format_args!("    {}: {}", finding.clause, numbers(&finding.lines)));
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn numbers(lines: &[usize]) -> String {
    let shown: Vec<_> = lines.iter().take(MAX_LINES_SHOWN).map(ToString::to_string).collect();
    let more = lines.len().saturating_sub(MAX_LINES_SHOWN);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("line {}{tail}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_are_cut_short() {
        assert_eq!(numbers(&[3]), "line 3");
        assert_eq!(numbers(&(1..=10).collect::<Vec<_>>()), "line 1, 2, 3, 4, 5, 6, 7, 8 and 2 more");
    }
}
