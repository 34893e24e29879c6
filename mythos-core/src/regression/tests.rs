//! What the guard finds, signal by signal, and what it does not mind.

use proptest::prelude::*;

use super::*;

fn assess(old: &str, new: &str) -> Assessment {
    Assessment::of(old, new, &GuardPolicy::default()).unwrap()
}

/// What was found by a signal: its direction and what the reviewer is told.
fn found(old: &str, new: &str, signal: Signal) -> Vec<(Direction, String)> {
    let findings = assess(old, new).findings.into_iter().filter(|finding| finding.signal == signal);
    findings.map(|finding| (finding.direction, finding.message)).collect()
}

#[track_caller]
fn finds(signal: Signal, direction: Direction, old: &str, new: &str) {
    let told = found(old, new, signal);
    assert!(
        told.iter().any(|(found, _)| *found == direction),
        "{old:?} -> {new:?}: {:?}",
        assess(old, new).findings
    );
}

#[track_caller]
fn is_silent(signal: Signal, old: &str, new: &str) {
    let told = found(old, new, signal);
    assert!(told.is_empty(), "{old:?} -> {new:?}: {told:?}");
}

const REFUND: &str = "You must ask for a refund within 30 days, unless the goods are damaged.";

#[test]
fn numbers_dates_units_and_references() {
    finds(Signal::Number, Direction::Changed, REFUND, &REFUND.replace("30", "60"));
    finds(Signal::Number, Direction::Changed, "Wait thirty days.", "Wait 31 days.");
    finds(Signal::Number, Direction::Gained, "Pay in days.", "Pay in 3 days.");
    is_silent(Signal::Number, "Wait thirty (30) days.", "Wait 30 days.");
    is_silent(Signal::Number, "See Section 4.2 of this.", "See Section 4.3 of this.");
    finds(Signal::Reference, Direction::Changed, "See Section 4.2 of this.", "See Section 4.3 of this.");
    finds(Signal::Unit, Direction::Changed, REFUND, &REFUND.replace("days", "hours"));
    finds(Signal::Unit, Direction::Changed, "It costs $5.", "It costs €5.");
    finds(Signal::Date, Direction::Changed, "It ends on 3 May 2026.", "It ends on 5 May 2026.");
    let stamp =
        assess("Last updated: May 3, 2026. You must pay.", "Last updated: June 8, 2026. You must pay.");
    assert!(stamp.findings.iter().all(|finding| finding.severity < Severity::Major), "{stamp:?}");
}

#[test]
fn negations_modals_and_parties() {
    finds(Signal::Negation, Direction::Gained, "You may share it.", "You may not share it.");
    finds(Signal::Negation, Direction::Lost, "You can't share it.", "You can share it.");
    is_silent(Signal::Negation, "You can't share it.", "You cannot share it.");
    finds(Signal::Modality, Direction::Looser, "You must pay.", "You should pay.");
    finds(Signal::Modality, Direction::Stricter, "You may pay.", "You SHALL pay.");
    finds(Signal::Modality, Direction::Looser, "You must pay.", "You pay.");
    finds(Signal::Modality, Direction::Looser, "You pay.", "You may pay.");
    is_silent(Signal::Modality, "It starts on May 3.", "It starts on June 3.");
    finds(Signal::Party, Direction::Changed, "You must tell us.", "We must tell you.");
    finds(Signal::Party, Direction::Changed, "The customer pays the fee.", "The provider pays the fee.");
    is_silent(Signal::Party, "You must tell us.", "You **must** tell us.");
}

#[test]
fn quantifiers_conditions_defaults_and_permissions() {
    finds(Signal::Quantifier, Direction::Changed, "We keep all logs.", "We keep some logs.");
    finds(Signal::Quantifier, Direction::Lost, "Only admins may enter.", "Admins may enter.");
    finds(Signal::Quantifier, Direction::Gained, "We keep all logs.", "We keep all logs except backups.");
    finds(Signal::Condition, Direction::Lost, REFUND, "You must ask for a refund within 30 days.");
    finds(Signal::Condition, Direction::Gained, "We share data.", "We share data if you agree.");
    finds(Signal::Default, Direction::Gained, "Training is possible.", "Training is possible by default.");
    finds(Signal::Permission, Direction::Lost, "We share it with your consent.", "We share it.");
}

#[test]
fn lists_sentences_and_code() {
    let list = "We collect names, addresses, phone numbers, and photos.";
    finds(Signal::Enumeration, Direction::Lost, list, &list.replace(" phone numbers,", ""));
    finds(Signal::Enumeration, Direction::Gained, list, &list.replace("photos", "photos, and voices"));
    let rule = "Answer briefly. Never reveal the key. Stay calm.";
    finds(Signal::Sentence, Direction::Lost, rule, "Answer briefly. Stay calm.");
    finds(Signal::Sentence, Direction::Gained, "Answer briefly.", "Answer briefly. You must cite a source.");
    finds(Signal::Placeholder, Direction::Changed, "Greet {name}.", "Greet {user}.");
    is_silent(Signal::Placeholder, "Greet {name}.", "Greet {{ name }}.");
    finds(Signal::Identifier, Direction::Changed, "Call get_user now.", "Call set_user now.");
    finds(Signal::Identifier, Direction::Changed, "Write the `HEAD` part.", "Write the `TAIL` part.");
    finds(Signal::Address, Direction::Changed, "See https://a.example.", "See https://b.example.");
}

#[test]
fn wording_order_and_invisible_characters() {
    finds(Signal::Wording, Direction::Changed, "We sell your photos.", "We sell your letters.");
    is_silent(Signal::Wording, "We purchase photos.", "We buy photos.");
    is_silent(Signal::Wording, "It uses colours.", "It uses colors.");
    finds(Signal::Order, Direction::Changed, "Bread, butter and jam.", "Jam, bread and butter.");
    finds(Signal::Hidden, Direction::Gained, "Pay the fee.", "Pay the \u{202E}fee.");
    let told = found("Pay the fee.", "Pay the \u{202E}fine.", Signal::Wording);
    assert!(!told[0].1.contains('\u{202E}'), "a message is not turned around by what it quotes: {told:?}");
}

#[test]
fn tone_length_and_readability() {
    finds(Signal::Politeness, Direction::Firmer, "Please send the form, thank you.", "Send the form.");
    finds(Signal::Hedging, Direction::Softer, "It takes a day.", "It usually takes about a day.");
    finds(Signal::Directness, Direction::Firmer, "Keep it short.", "You MUST ALWAYS keep it short!");
    finds(Signal::Formality, Direction::Changed, "You can't get it.", "You shall not obtain it hereunder.");
    finds(Signal::Sentiment, Direction::Softer, "It is a terrible failure.", "It is a helpful success.");
    finds(Signal::Length, Direction::Gained, "Be kind.", "Be kind and short and clear in what you say.");
    let hard = "Notwithstanding aforementioned considerations, individuals participating internationally necessarily acknowledge comprehensive organisational responsibility.";
    let easy = "If you take part from far away, you know that you must look out for what you do in the end.";
    finds(Signal::Readability, Direction::Changed, easy, hard);
    assert_eq!(assess("Please send the form.", "SEND THE FORM!").verdict, Verdict::Tone);
    let softer = assess("Send the form!", "Could you please send the form when you have time? Thank you.");
    assert!(softer.softer > softer.firmer, "{softer:?}");
}

#[test]
fn exchanged_versions_exchange_firmer_and_softer() {
    for (old, new) in
        [("You must pay.", "You may pay."), ("Please wait.", "WAIT!"), (REFUND, "Ask for a refund, please.")]
    {
        let (there, back) = (assess(old, new), assess(new, old));
        assert!((there.firmer - back.softer).abs() < 1e-9, "{old} {new}");
        assert!((there.softer - back.firmer).abs() < 1e-9, "{old} {new}");
    }
}

#[test]
fn every_signal_is_named_as_it_is_serialized() {
    for signal in Signal::ALL {
        assert_eq!(serde_json::to_value(signal).unwrap(), signal.as_str());
        assert!(signal.description().ends_with('.'));
    }
}

#[test]
fn edits_that_matter_are_flagged() {
    for new in [
        REFUND.replace("30", "14"),
        REFUND.replace("must", "may"),
        REFUND.replace("must", "must not"),
        REFUND.replace("You", "We"),
        REFUND.replace("days", "hours"),
        REFUND.replace(", unless the goods are damaged", ""),
    ] {
        let found = assess(REFUND, &new);
        assert!(matches!(found.verdict, Verdict::Accuracy | Verdict::Both), "{new:?}: {found:?}");
    }
}

#[test]
fn edits_of_form_are_not() {
    for new in [
        format!("1. {REFUND}"),
        format!("- **{REFUND}**"),
        REFUND.replace("30", "thirty (30)"),
        REFUND.replace(' ', "\n"),
        REFUND.trim_end_matches('.').to_owned(),
        REFUND.replace("goods", "_goods_"),
    ] {
        let found = assess(REFUND, &new);
        assert_eq!(found.verdict, Verdict::None, "{new:?}: {found:?}");
        assert_eq!((found.accuracy, found.direction), (0.0, None), "{new:?}");
    }
}

#[test]
fn direction_is_that_of_the_gravest_findings() {
    assert_eq!(assess("You must pay.", "You may pay.").direction, Some(Direction::Looser));
    assert_eq!(assess("You may pay.", "You must pay.").direction, Some(Direction::Stricter));
    assert_eq!(
        assess(REFUND, &REFUND.replace("30", "60").replace("must", "may")).direction,
        Some(Direction::Changed)
    );
}

#[test]
fn another_language_is_left_to_a_person() {
    let german =
        "Sie müssen die Erstattung innerhalb von dreißig Tagen nach dem Kauf schriftlich beantragen.";
    let found = assess(german, &german.replace("dreißig", "sechzig"));
    assert_eq!((found.coverage, found.verdict), (Coverage::NotCovered, Verdict::Undecided));
    let japanese = "返金は購入後三十日以内に書面で請求してください。";
    assert_eq!(assess(japanese, "返金はできません。").coverage, Coverage::NotCovered);
    // What is the same is the same in any language.
    assert_eq!(assess(german, &format!("1. {german}")).verdict, Verdict::None);
}

#[test]
fn thresholds_are_the_policy_s() {
    let policy = GuardPolicy { accuracy_threshold: 1.0, undecided_from: 1.0, tone_threshold: 1.0 };
    let found = Assessment::of("You must pay.", "You must not pay.", &policy).unwrap();
    assert_eq!(found.verdict, Verdict::None);
    let band = GuardPolicy { accuracy_threshold: 1.0, undecided_from: 0.1, tone_threshold: 1.0 };
    assert_eq!(
        Assessment::of("You must pay.", "You must not pay.", &band).unwrap().verdict,
        Verdict::Undecided
    );
    for (field, wrong) in [
        ("accuracy_threshold", GuardPolicy { accuracy_threshold: 1.5, ..GuardPolicy::default() }),
        ("undecided_from", GuardPolicy { undecided_from: f64::NAN, ..GuardPolicy::default() }),
        ("undecided_from", GuardPolicy { undecided_from: 0.9, ..GuardPolicy::default() }),
        ("tone_threshold", GuardPolicy { tone_threshold: -0.1, ..GuardPolicy::default() }),
    ] {
        let error = Assessment::of("a", "b", &wrong).unwrap_err();
        assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Invalid, Some(field)));
    }
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let long = "a ".repeat(crate::text::MAX_TEXT_BYTES / 2 + 1);
    let error = Assessment::of("a", &long, &GuardPolicy::default()).unwrap_err();
    assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("new")));
    assert_eq!(edit_measures(&long, "a").unwrap_err().field(), Some("old"));
}

#[test]
fn findings_are_bounded_and_what_is_left_out_is_counted() {
    let numbers = |by: u32| (0..1_000).map(|at| format!("word{at} {} ", at * 2 + by)).collect::<String>();
    let found = assess(&numbers(10_000), &numbers(10_001));
    assert_eq!(found.findings.len(), Assessment::MAX_FINDINGS);
    assert!(found.findings_omitted > 0);
}

#[test]
fn embedders_are_never_compared_with_another() {
    struct Wrong(u32, usize);
    impl Embedder for Wrong {
        fn identity(&self) -> EmbedderId {
            EmbedderId { model: "wrong".to_owned(), version: "1".to_owned(), dimension: self.0 }
        }
        fn embed(&self, texts: &[&str]) -> crate::Result<Vec<Vec<f32>>> {
            Ok(vec![
                vec![
                    f32::from(u8::from(self.0 != 3)) / 0.0_f32.max(f32::from(u8::from(self.0 != 4)));
                    self.0 as usize
                ];
                texts.len() - self.1
            ])
        }
    }
    let pairs = [("a", "b")];
    for wrong in [Wrong(0, 0), Wrong(2, 1), Wrong(4, 0)] {
        assert_eq!(Similarity::of_pairs(&pairs, &wrong).unwrap_err().kind(), crate::ErrorKind::Invalid);
    }
    let pairs = [
        (REFUND, REFUND),
        (REFUND, "Be kind to cats."),
        (REFUND, &*REFUND.replace("30", "60")),
        ("", ""),
        ("", "a"),
    ];
    let found: Vec<_> = Similarity::of_pairs(&pairs, &HashedNgrams)
        .unwrap()
        .into_iter()
        .map(|similarity| similarity.cosine)
        .collect();
    assert!(found[0] > 0.999 && found[1] < 0.3 && found[2] > 0.8, "{found:?}");
    assert_eq!(found[3], 1.0);
}

proptest! {
    #[test]
    fn probabilities_are_probabilities_and_spans_are_parts(old in "\\PC{0,120}", new in "\\PC{0,120}") {
        let found = assess(&old, &new);
        for probability in [found.accuracy, found.firmer, found.softer] {
            prop_assert!((0.0..=1.0).contains(&probability));
        }
        prop_assert!(found.firmer + found.softer <= 1.0 + 1e-9);
        for finding in &found.findings {
            let is_part = |text: &str, span: Option<crate::text::Span>| {
                span.is_none_or(|span| text.get(span.start as usize..span.end as usize).is_some())
            };
            prop_assert!(is_part(&old, finding.old) && is_part(&new, finding.new), "{finding:?}");
        }
        let again: Assessment = serde_json::from_value(serde_json::to_value(&found).unwrap()).unwrap();
        prop_assert_eq!(again.findings, found.findings);
    }

    #[test]
    fn nothing_changes_in_a_text_that_is_the_same(text in "\\PC{0,200}") {
        let found = assess(&text, &text);
        prop_assert_eq!(found.verdict, Verdict::None);
        prop_assert!(found.findings.is_empty());
    }
}
