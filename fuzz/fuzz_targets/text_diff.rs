//! The hunks of a comparison lead from the older text to the newer one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::text::{Comparison, Text};

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    let (old, new) = source.split_once('\n').unwrap_or((&source, ""));
    let found = Comparison::new(Text::new(old), Text::new(new));
    let words = |text: &Text| text.tokens().iter().map(|token| text.normal(token).to_owned()).collect::<Vec<_>>();
    let (before, after) = (words(&found.old), words(&found.new));
    let (mut made, mut at) = (Vec::new(), 0);
    for hunk in &found.hunks {
        made.extend_from_slice(&before[at..hunk.old.start]);
        assert_eq!(made.len(), hunk.new.start);
        made.extend_from_slice(&after[hunk.new.clone()]);
        at = hunk.old.end;
    }
    made.extend_from_slice(&before[at..]);
    assert_eq!(made, after);
});
