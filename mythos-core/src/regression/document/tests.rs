//! What is told of two versions of a document.

use proptest::prelude::*;

use super::*;

fn compare(old: &str, new: &str) -> DocumentComparison {
    DocumentComparison::of(old, new, &GuardPolicy::default()).expect("within the bounds")
}

const RULES: &str = "# Refunds\n\nYou must refund a customer within 30 days.\n\n- Never share a password.\n- Answer in English.\n";

#[test]
fn a_document_is_as_it_was_under_another_form() {
    let found = compare(
        RULES,
        "Refunds\n=======\n\n1. You **must** refund a customer\n   within thirty (30) days.\n2. Never share a password\n3. Answer in English\n",
    );
    assert_eq!(found.verdict, Verdict::None, "{found:#?}");
    assert!(found.changes.is_empty(), "{found:#?}");
    assert_eq!((found.counts.old, found.counts.new, found.counts.unchanged), (4, 4, 4));
}

#[test]
fn what_changed_is_shown_where_it_stands() {
    let found = compare(RULES, &RULES.replace("30 days", "90 days"));
    let [change] = &found.changes[..] else { panic!("one change: {found:#?}") };
    assert_eq!(
        (found.verdict, change.change, change.line),
        (Verdict::Accuracy, SegmentChangeKind::Changed, 3)
    );
    let finding = &change.findings[0];
    let (old, new) = (finding.old.expect("before"), finding.new.expect("after"));
    assert_eq!((finding.signal, new.line, new.column, new.end_column), (Signal::Number, 3, 35, 42));
    assert_eq!(&RULES[old.span.start as usize..old.span.end as usize], "30 days");
    assert_eq!(found.counts.flagged, 1);
}

#[test]
fn what_was_lost_is_a_finding_where_it_would_stand() {
    let found = compare(RULES, &RULES.replace("- Never share a password.\n", ""));
    let [change] = &found.changes[..] else { panic!("one change: {found:#?}") };
    assert_eq!((change.change, change.line), (SegmentChangeKind::Lost, 5));
    assert_eq!(change.findings[0].signal, Signal::Sentence);
    assert_eq!(change.findings[0].severity, Severity::Major);
    assert_eq!(change.findings[0].message, "An item was lost: “- Never share a password.”.");
    assert_eq!((change.direction, change.old.map(|old| old.line)), (Some(Direction::Lost), Some(5)));
    assert_eq!(found.verdict, Verdict::Accuracy, "{found:#?}");
}

#[test]
fn what_was_added_is_a_finding() {
    let found = compare(RULES, &format!("{RULES}\nYou may never refund a gift card.\n"));
    let [change] = &found.changes[..] else { panic!("one change: {found:#?}") };
    assert_eq!((change.change, change.line), (SegmentChangeKind::Added, 8));
    assert_eq!(change.direction, Some(Direction::Gained));
    assert_eq!(found.verdict, Verdict::Accuracy, "{found:#?}");
}

#[test]
fn what_was_only_moved_is_not_flagged() {
    let found = compare(
        RULES,
        "# Refunds\n\n- Answer in English.\n- Never share a password.\n\nYou must refund a customer within 30 days.\n",
    );
    assert_eq!(found.verdict, Verdict::None);
    assert!(found.changes.iter().all(|change| change.change == SegmentChangeKind::Moved && change.is_moved));
    assert_eq!(found.counts.moved as usize, found.changes.len());
    assert!(found.counts.moved >= 1);
}

#[test]
fn a_heading_that_came_is_told_and_not_flagged() {
    let found = compare("You must pay.", "# You must read this\n\nYou must pay.");
    assert_eq!((found.verdict, found.counts.added), (Verdict::None, 1));
}

#[test]
fn the_gravest_verdict_is_the_documents() {
    use Verdict::{Accuracy, Both, None, Tone, Undecided};
    let all = [None, Undecided, Tone, Accuracy, Both];
    for (at, one) in all.into_iter().enumerate() {
        for other in all.into_iter().take(at + 1) {
            let expected = if (one, other) == (Accuracy, Tone) { Both } else { one };
            assert_eq!((gravest(one, other), gravest(other, one)), (expected, expected));
        }
    }
}

#[test]
fn bounds_are_named_with_their_side() {
    let many = "- a\n".repeat(MAX_SEGMENTS + 1);
    let error = DocumentComparison::of("", &many, &GuardPolicy::default()).expect_err("too many");
    assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("new")));
}

#[test]
fn the_changes_that_are_kept_are_the_gravest() {
    let old: String = (0..DocumentComparison::MAX_CHANGES + 5).map(|at| format!("# Part {at}\n")).collect();
    let found = compare(&format!("{old}\nYou must never pay.\n"), "");
    assert_eq!((found.changes.len(), found.changes_omitted), (DocumentComparison::MAX_CHANGES, 6));
    assert_eq!(found.changes.last().map(|change| change.kind), Some(SegmentKind::Paragraph));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn segments_add_up(
        old in prop::collection::vec("(- )?(You|We) (must|may|never) (pay|refund|share) [0-9]{1,2} (days|files)", 0..8),
        new in prop::collection::vec("(- )?(You|We) (must|may|never) (pay|refund|share) [0-9]{1,2} (days|files)", 0..8),
    ) {
        let (old, new) = (old.join("\n\n"), new.join("\n\n"));
        let found = compare(&old, &new);
        let same = compare(&old, &old);
        prop_assert!(same.changes.is_empty() && same.verdict == Verdict::None);
        let counts = found.counts;
        let is_joined = |change: &&SegmentChange| change.change == SegmentChangeKind::Changed;
        let changed = found.changes.iter().filter(is_joined).count() as u32;
        prop_assert_eq!(counts.changed, changed);
        prop_assert!(counts.unchanged + counts.moved + counts.changed + counts.added <= counts.new);
        prop_assert!(counts.lost <= counts.old);
        for finding in found.changes.iter().flat_map(|change| &change.findings) {
            let within = |place: Option<Region>, source: &str| {
                place.is_none_or(|place| source.get(place.span.start as usize..place.span.end as usize).is_some())
            };
            prop_assert!(within(finding.old, &old) && within(finding.new, &new));
        }
    }
}
