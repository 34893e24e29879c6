//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 27 March 2020). Sections are named
//! where they decide something.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{ComparedDocument, DocumentStatus, GuardReport};
use crate::regression::{DocumentFinding, Region, SegmentChange, Severity, Signal, Verdict};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The name under which fingerprints of this making are kept (§3.27.17): those of another making get another.
const FINGERPRINT: &str = "mythosGuard/v1";

/// One result for each finding in a segment with a verdict, and one for a segment without findings.
pub(super) fn log(report: &GuardReport) -> Value {
    let mut writer = Writer { results: Vec::new(), seen: HashMap::new() };
    for document in &report.documents {
        for change in document.comparison.changes.iter().filter(|change| change.verdict.needs_review()) {
            writer.add_change(document, change);
        }
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "mythos-guard",
                "fullName": "MythOS CodexRegressionGuard",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Signal::ALL.map(rule),
            } },
            // §3.14.17: columns count code points, not units of UTF-16.
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true }],
            "results": writer.results,
            "properties": { "verdict": report.verdict, "policy": report.policy },
        }],
    })
}

/// The description of a signal as a rule (§3.49).
fn rule(signal: Signal) -> Value {
    let kind = if signal.is_tone() { "tone" } else { "accuracy" };
    json!({
        "id": signal.as_str(),
        "name": name(signal),
        "shortDescription": { "text": signal.description() },
        "fullDescription": { "text": signal.description() },
        "defaultConfiguration": { "level": "warning" },
        "properties": { "tags": ["regression", kind] },
    })
}

/// The name of a rule, in Pascal case as §3.49.7 shows it.
fn name(signal: Signal) -> String {
    let mut letters = signal.as_str().chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

struct Writer {
    results: Vec<Value>,
    /// How often the same was found, so that each has a fingerprint of its own.
    seen: HashMap<String, u32>,
}

impl Writer {
    fn add_change(&mut self, document: &ComparedDocument, change: &SegmentChange) {
        if change.findings.is_empty() {
            let (signal, what) = match change.verdict {
                Verdict::Tone => (Signal::Directness, "its tone"),
                _ => (Signal::Wording, "what it says"),
            };
            let message = format!("By all of its words together, {what} probably changed.");
            self.add(document, change, signal, Severity::Minor, &message, None);
        }
        for finding in &change.findings {
            let DocumentFinding { signal, severity, message, .. } = finding;
            self.add(document, change, *signal, *severity, message, Some(finding));
        }
    }

    fn add(
        &mut self,
        document: &ComparedDocument,
        change: &SegmentChange,
        signal: Signal,
        severity: Severity,
        message: &str,
        finding: Option<&DocumentFinding>,
    ) {
        // Of what is left to a person nothing is an error yet.
        let level = match severity {
            Severity::Major if change.verdict.is_flagged() => "error",
            Severity::Major | Severity::Minor => "warning",
            Severity::Note => "note",
        };
        let mut location = json!({ "artifactLocation": { "uri": uri(&document.path) } });
        let region = finding.and_then(|finding| finding.new).or(change.new);
        if let (Some(members), true) = (location.as_object_mut(), document.status != DocumentStatus::Deleted)
        {
            let region = region.map_or_else(|| json!({ "startLine": change.line }), |region| place(&region));
            members.insert("region".to_owned(), region);
        }
        let fingerprint = self.fingerprint(document, signal, message);
        let index = Signal::ALL.iter().position(|one| *one == signal);
        self.results.push(json!({
            "ruleId": signal.as_str(),
            "ruleIndex": index,
            "level": level,
            "message": { "text": message },
            "locations": [{ "physicalLocation": location }],
            "partialFingerprints": { FINGERPRINT: fingerprint },
            "properties": {
                "verdict": change.verdict,
                "change": change.change,
                "accuracy": change.accuracy,
                "firmer": change.firmer,
                "softer": change.softer,
                "direction": finding.map(|finding| finding.direction),
                "oldLine": finding.and_then(|finding| finding.old).or(change.old).map(|old| old.line),
                "oldRevision": document.old_revision,
                "newRevision": document.new_revision,
            },
        }));
    }

    /// The same for the same finding, wherever the lines went that it stands at.
    fn fingerprint(&mut self, document: &ComparedDocument, signal: Signal, message: &str) -> String {
        let revision = document.new_revision.as_deref().unwrap_or_default();
        let name = [&document.path, revision, signal.as_str(), message].join("\0");
        let count = self.seen.entry(name.clone()).or_default();
        *count += 1;
        let hash = blake3::hash(format!("{name}\0{count}").as_bytes());
        hash.to_hex().as_str().get(..32).unwrap_or_default().to_owned()
    }
}

/// A region (§3.30): lines and columns from 1, the last column excluded.
fn place(region: &Region) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

/// A path as a relative reference (RFC 3986 §4.2), with what is not of its path escaped. A first part with a colon would be read
/// as a scheme, so that colons are escaped too.
pub(super) fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b'@'
            | b'+'
            | b'=' => {
                uri.push(char::from(byte));
            }
            b'\\' => uri.push('/'),
            _ => {
                uri.push('%');
                for digit in [byte >> 4, byte & 15] {
                    uri.extend(
                        char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()),
                    );
                }
            }
        }
    }
    uri
}
