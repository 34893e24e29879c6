//! What is form and what is not.

use proptest::prelude::*;

use super::*;

/// The normal forms of a text's tokens, with a mark before those that are no words.
fn read(source: &str) -> Vec<String> {
    let text = Text::new(source);
    let show = |token: &Token| {
        let mark = match token.kind {
            TokenKind::Word => "",
            TokenKind::Number => "#",
            TokenKind::Symbol => "$",
            TokenKind::Placeholder => "?",
            TokenKind::Address => "@",
            TokenKind::Target => "->",
            TokenKind::Identifier => "`",
        };
        format!("{mark}{}", text.normal(token))
    };
    text.tokens().iter().map(show).collect()
}

#[test]
fn form_is_left_out() {
    for (form, plain) in [
        ("**You** _must_ pay.", "you must pay"),
        ("# Terms\n\n> * You must pay", "Terms you must pay"),
        ("1. Pay", "Pay"),
        ("2.3.1 Pay", "Pay"),
        ("(a) Pay", "Pay"),
        ("iv) Pay", "Pay"),
        ("**6.3 Ownership.** Ours", "Ownership. Ours"),
        ("2\\. ACCOUNTS", "accounts"),
        ("7.Disclaimer of warranties", "Disclaimer of warranties"),
        ("• Pay — now", "pay now"),
        ("“quoted” and ‘more’", "\"quoted\" and 'more'"),
        ("don't, can’t, won't, it's", "do not can not will not it is"),
        ("the customer's data", "the customer data"),
        ("n't", "not"),
        ("thirty (30) days", "30 days"),
        ("two hundred and twenty-five thousand", "200 and 25000"),
        ("1,000,000 and 1.50", "1000000 and 1.5"),
        ("third-party", "third party"),
        ("e.g. the U.S. law", "eg the usa law"),
        ("ﬁne ＡＢＣ", "fine abc"),
        ("wo\u{AD}rd", "word"),
        ("system = \"\"\"You are kind", "you are kind"),
        ("\"role\": \"Be kind", "Be kind"),
        ("<b>bold</b><br/>text", "bold text"),
        ("one of them", "one of them"),
    ] {
        assert_eq!(read(form), read(plain), "{form:?}");
    }
}

#[test]
fn what_a_program_reads_is_kept_whole() {
    for (source, expected) in [
        ("Hello {name}, {{ city }} and ${zip}", "hello ?{name} ?{city} and ?{zip}"),
        ("Use <tool_name> for %s and %(x)s", "use ?{tool_name} for ?{s} and ?{(x)s}"),
        ("Call get_user in src/main.py", "call `get_user in src `main.py"),
        ("See https://a.example/b/.", "see @https://a.example/b"),
        ("Write to me@a.example!", "write to @me@a.example"),
        ("[Help](https://a.example/help)", "help ->https://a.example/help"),
        ("[a]( https://a.example/ \"title\")[b]( )[c](/)", "a ->https://a.example b c"),
        ("Pay $5 or 10%, or €3", "pay $$ #5 or #10 $percent or $€ #3"),
        ("24h and 3rd, gpt-4o", "#24 h and #3 gpt `4o"),
        ("a { b } c", "a ?{b} c"),
        ("if x < 3 and y > 2", "if x #3 and y #2"),
    ] {
        assert_eq!(read(source).join(" "), expected, "{source:?}");
    }
}

#[test]
fn what_is_invisible_is_seen() {
    assert_eq!(Text::new("pay \u{202E}now\u{202C}").hidden().len(), 2);
    assert_eq!(read("pa\u{200B}y"), ["pay"]);
    assert_eq!(Text::new("pa\u{200B}y").hidden(), [Span { start: 2, end: 5 }]);
    assert!(
        Text::new("\u{FEFF}pay 👩\u{200D}🚀 ❤\u{FE0F} so\u{AD}ft link\u{2060} \u{200B}").hidden().is_empty()
    );
}

#[test]
fn marks_tell_what_stands_around_a_word() {
    let text = Text::new("- Stop! (Really?) `code`, **bold**; end:\nnext");
    let marks = |index: usize| text.tokens()[index].marks;
    assert!(marks(0).has(Marks::ITEM) && marks(0).has(Marks::EXCLAMATION));
    assert!(marks(1).has(Marks::OPEN.with(Marks::CLOSE)) && marks(1).has(Marks::QUESTION));
    assert!(marks(2).has(Marks::CODE) && marks(2).has(Marks::COMMA) && !marks(2).has(Marks::MARKED));
    assert!(marks(3).has(Marks::MARKED) && marks(3).has(Marks::SEMICOLON));
    assert!(marks(4).has(Marks::COLON) && marks(4).has(Marks::LINE));
    assert!(!marks(5).has_any(Marks::LINE));
}

#[test]
fn case_is_kept_beside_the_normal_form() {
    let text = Text::new("you MUST Pay I");
    let cases: Vec<_> = text.tokens().iter().map(|token| token.case).collect();
    assert_eq!(cases, [Case::Lower, Case::Upper, Case::Capitalised, Case::Capitalised]);
}

proptest! {
    #[test]
    fn spans_are_parts_of_the_text_in_their_order(source in "\\PC{0,80}") {
        let text = Text::new(&source);
        let mut last = 0;
        for token in text.tokens() {
            let Span { start, end } = token.span;
            prop_assert!(source.get(start as usize..end as usize).is_some(), "{token:?}");
            prop_assert!(start <= end && start >= last, "{token:?}");
            prop_assert!(!text.normal(token).is_empty(), "{token:?}");
            last = start;
        }
        for span in text.hidden() {
            prop_assert!(source.get(span.start as usize..span.end as usize).is_some());
        }
    }

    #[test]
    fn a_text_does_not_differ_from_itself(source in "\\PC{0,80}") {
        let found = Comparison::new(Text::new(&source), Text::new(&source));
        prop_assert!(found.hunks.is_empty());
    }

    #[test]
    fn blanks_and_emphasis_change_nothing(words in prop::collection::vec("[a-z]{2,8}", 1..12), at in 0_usize..12) {
        let plain = words.join(" ");
        let marked: Vec<_> =
            words.iter().enumerate().map(|(index, word)| if index == at { format!("**{word}**") } else { word.clone() }).collect();
        let found = Comparison::new(Text::new(&plain), Text::new(&marked.join("\n  ")));
        prop_assert!(found.hunks.is_empty());
    }
}
