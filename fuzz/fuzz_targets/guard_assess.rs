//! No two texts make the guard panic, say what is no probability, or point outside of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::regression::{Assessment, GuardPolicy, Verdict};

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    let (old, new) = source.split_once('\u{0}').or_else(|| source.split_once('\n')).unwrap_or((&source, ""));
    let found = Assessment::of(old, new, &GuardPolicy::default()).expect("short texts are read");
    for probability in [found.accuracy, found.firmer, found.softer] {
        assert!((0.0..=1.0).contains(&probability));
    }
    for finding in &found.findings {
        for (text, span) in [(old, finding.old), (new, finding.new)] {
            assert!(span.is_none_or(|span| text.get(span.start as usize..span.end as usize).is_some()), "{finding:?}");
        }
    }
    let same = Assessment::of(new, new, &GuardPolicy::default()).expect("short texts are read");
    assert!(same.verdict == Verdict::None && same.findings.is_empty());
});
