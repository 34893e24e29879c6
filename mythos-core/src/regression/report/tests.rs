//! What is written of compared documents.

use serde_json::Value;

use super::*;
use crate::regression::Signal;

fn document(path: &str, old: Option<&str>, new: Option<&str>) -> ComparedDocument {
    let edit = DocumentEdit {
        path: path.to_owned(),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
        old_revision: None,
        new_revision: None,
    };
    ComparedDocument::of(&edit, &GuardPolicy::default()).expect("within the bounds")
}

const OLD: &str = "# Refunds\n\nYou must refund a customer within 30 days.\n\n- Never share a password.\n";
const NEW: &str = "# Refunds\n\nYou may refund a customer within 90 days.\n";

fn report(documents: Vec<ComparedDocument>) -> GuardReport {
    GuardReport::new(documents, GuardPolicy::default()).expect("a valid policy")
}

fn written(report: &GuardReport, format: ReportFormat) -> String {
    report.write(format).expect("written")
}

#[test]
fn a_table_names_places_verdicts_and_reasons() {
    let report = report(vec![
        document("support.md", Some(OLD), Some(NEW)),
        document("same.md", Some(OLD), Some(OLD)),
        document("new.md", None, Some(NEW)),
        document("old.md", Some(OLD), None),
    ]);
    let table = written(&report, ReportFormat::Table);
    assert!(table.contains("support.md  "), "{table}");
    assert!(table.contains("  3:1 "), "{table}");
    assert!(table.contains("“30 days” became “90 days”"), "{table}");
    assert!(table.contains("  5:1, before "), "{table}");
    assert!(table.contains("same.md  none  (3 unchanged)\n"), "{table}");
    assert!(table.contains("new.md  new, nothing to compare with\n"), "{table}");
    assert!(table.contains("old.md  deleted  accuracy"), "{table}");
    assert!(table.ends_with("4 documents, 2 flagged, 0 for a person to decide\n"), "{table}");
}

#[test]
fn json_is_the_report() {
    let report = report(vec![document("support.md", Some(OLD), Some(NEW))]);
    let read: GuardReport = serde_json::from_str(&written(&report, ReportFormat::Json)).expect("a report");
    assert_eq!(read, report);
    assert_eq!(read.format, GuardReport::FORMAT);
}

/// The properties that the standard requires, and the relations between them.
#[test]
fn sarif_has_what_the_standard_requires() {
    let report = report(vec![
        document("a b/support: 100%.md", Some(OLD), Some(NEW)),
        document("old.md", Some(OLD), None),
        document("support.md", Some(&format!("{OLD}\n{OLD}")), Some(&format!("{NEW}\n{NEW}"))),
    ]);
    let log: Value = serde_json::from_str(&written(&report, ReportFormat::Sarif)).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().is_some_and(|schema| schema.contains("sarif-schema-2.1.0")));
    let run = &log["runs"][0];
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "mythos-guard");
    let rules = driver["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), Signal::ALL.len());
    for rule in rules {
        assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string());
    }
    let results = run["results"].as_array().expect("results");
    assert!(results.len() >= 6, "{results:#?}");
    let mut fingerprints = Vec::new();
    for result in results {
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().expect("a level")));
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("an address");
        assert!(uri.is_ascii() && !uri.contains(' '), "{uri}");
        let region = &place["region"];
        assert_eq!(region.is_null(), uri == "old.md", "what is deleted has no lines");
        if !region.is_null() {
            assert!(region["startLine"].as_u64().is_some_and(|line| line >= 1));
        }
        if !region["endLine"].is_null() {
            let at = |line: &str, column: &str| (region[line].as_u64(), region[column].as_u64());
            assert!(at("startLine", "startColumn") < at("endLine", "endColumn"));
        }
        fingerprints.push(result["partialFingerprints"]["mythosGuard/v1"].as_str().expect("a fingerprint"));
    }
    assert_eq!(
        results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "a%20b/support%3A%20100%25.md"
    );
    let count = fingerprints.len();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), count, "each finding has its own");
}

#[test]
fn a_fingerprint_does_not_depend_on_the_line() {
    let of = |old: &str, new: &str| -> Value {
        let report = report(vec![document("a.md", Some(old), Some(new))]);
        let log: Value = serde_json::from_str(&written(&report, ReportFormat::Sarif)).expect("JSON");
        log["runs"][0]["results"][0]["partialFingerprints"].clone()
    };
    let lower = |text: &str| format!("Read this first.\n\n{text}");
    assert_eq!(of(OLD, NEW), of(&lower(OLD), &lower(NEW)));
}

#[test]
fn annotations_are_escaped_and_stand_at_their_lines() {
    let report =
        report(vec![document("a,b:c%\n.md", Some(OLD), Some(NEW)), document("old.md", Some(OLD), None)]);
    let commands = written(&report, ReportFormat::Github);
    let lines: Vec<_> = commands.lines().collect();
    assert!(
        lines[0].starts_with("::warning file=a%2Cb%3Ac%25%0A.md,line=3,endLine=3,col=1,endColumn=42,title="),
        "{commands}"
    );
    assert!(lines[0].contains("“90 days”"), "{commands}");
    assert!(lines.iter().all(|line| line.starts_with("::")), "one command to a line: {commands}");
    assert!(commands.contains("::warning file=old.md,title="), "{commands}");
    assert_eq!(github::data("50 %\r\n::error::"), "50 %25%0D%0A::error::");
}

#[test]
fn hostile_names_command_no_terminal() {
    let report = report(vec![document("a\u{1b}[31m\n\u{202e}.md", Some(OLD), Some(NEW))]);
    let table = written(&report, ReportFormat::Table);
    assert!(!table.contains(['\u{1b}', '\u{202e}']));
    assert!(table.starts_with("a\u{FFFD}[31m\u{FFFD}\u{FFFD}.md  "), "{table}");
}

#[test]
fn names_are_bounded() {
    let edit = DocumentEdit {
        path: "a".repeat(MAX_NAME_BYTES + 1),
        old: None,
        new: None,
        old_revision: None,
        new_revision: None,
    };
    let error = ComparedDocument::of(&edit, &GuardPolicy::default()).expect_err("too long");
    assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("path")));
}

#[test]
fn a_line_is_scored_or_says_why_not() {
    let policy = GuardPolicy::default();
    let line = r#"{"key":"k","text_a":"Pay within 30 days.","text_b":"Pay within 90 days.","more":1}"#;
    let scored = score_line(3, line, &policy).expect("a valid policy");
    let outcome: Value = serde_json::from_str(&scored.written).expect("JSON");
    assert_eq!((&outcome["key"], &outcome["line"]), (&Value::from("k"), &Value::from(3)));
    assert_eq!(outcome["findings"][0]["signal"], "number");
    assert!(outcome.get("id").is_none());
    for broken in ["", "[]", r#"{"text_a":1,"text_b":""}"#, r#"{"text_a":""}"#] {
        let scored = score_line(4, broken, &policy).expect("a valid policy");
        let outcome: Value = serde_json::from_str(&scored.written).expect("JSON");
        assert_eq!((scored.verdict, &outcome["line"]), (None, &Value::from(4)));
        assert!(outcome["error"].is_string());
    }
}
