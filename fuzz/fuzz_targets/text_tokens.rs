//! Whatever a text is, its tokens are parts of it in their order, and reading takes no longer than its length allows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::text::Text;

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    let text = Text::new(&source);
    let mut last = 0;
    for token in text.tokens() {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        assert!(source.get(start..end).is_some() && start >= last, "{token:?}");
        assert!(!text.normal(token).is_empty());
        last = start;
    }
    for span in text.hidden() {
        assert!(source.get(span.start as usize..span.end as usize).is_some());
    }
    // Two words of a contraction at the most come of one, so that hostile texts do not grow.
    assert!(text.tokens().len() <= source.len() + 1);
});
