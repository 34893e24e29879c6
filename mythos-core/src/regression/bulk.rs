//! Many comparisons at once.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Assessment, ComparedDocument, DocumentEdit, GuardPolicy, PairLine, score_line};
use crate::error::{Error, Result};

/// The most threads that work on one call.
pub const MAX_THREADS: usize = 64;

/// So many pairs a thread takes at a time.
const STRIDE: usize = 16;

/// How many comparisons are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bulk {
    /// How many threads work, at most [`MAX_THREADS`]; none is as many as the machine runs at once.
    pub threads: Option<NonZeroUsize>,
    /// The number of the first item, as errors name it: for who hands them over in parts.
    pub first: u64,
}

/// Compares many pairs, the older version first, as [`Assessment::of`] does one; the answers are in the order of the pairs.
///
/// ```
/// use mythos_core::regression::{Bulk, GuardPolicy, Verdict, assess_many};
///
/// let pairs = [("You must pay.", "You may pay."), ("You must pay.", "You **must** pay")];
/// let found = assess_many(&pairs, &GuardPolicy::default(), Bulk::default())?;
/// assert_eq!(found[1].verdict, Verdict::None);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// # Errors
/// As [`Assessment::of`], field `pairs[INDEX].old` or `.new`: that of the first pair that has one.
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `threads`, of more than [`MAX_THREADS`].
pub fn assess_many(pairs: &[(&str, &str)], policy: &GuardPolicy, bulk: Bulk) -> Result<Vec<Assessment>> {
    policy.validate()?;
    in_parallel(pairs, "pairs", (bulk, STRIDE), |_, (old, new)| Assessment::of(old, new, policy))
}

/// Compares many documents, as [`ComparedDocument::of`] does one.
///
/// # Errors
/// As [`ComparedDocument::of`], with `documents[INDEX]` before the field, and as [`assess_many`] of `threads`.
pub fn compare_many(
    edits: &[DocumentEdit],
    policy: &GuardPolicy,
    bulk: Bulk,
) -> Result<Vec<ComparedDocument>> {
    policy.validate()?;
    in_parallel(edits, "documents", (bulk, 1), |_, edit| ComparedDocument::of(edit, policy))
}

/// Scores many lines, as [`score_line`] does one; [`Bulk::first`] is the number of the first, 1 at the beginning of a file.
///
/// # Errors
/// As [`score_line`], and as [`assess_many`] of `threads`.
pub fn score_lines(lines: &[&str], policy: &GuardPolicy, bulk: Bulk) -> Result<Vec<PairLine>> {
    policy.validate()?;
    in_parallel(lines, "lines", (bulk, STRIDE), |index, line| {
        score_line(bulk.first.saturating_add(index as u64), line, policy)
    })
}

/// The answer of each item, in their order, or the error of the first one that has one. A thread takes `stride` at a time.
fn in_parallel<T: Sync, A: Send>(
    items: &[T],
    name: &str,
    (Bulk { threads, first }, stride): (Bulk, usize),
    work: impl Fn(usize, &T) -> Result<A> + Sync,
) -> Result<Vec<A>> {
    if let Some(threads) = threads.filter(|threads| threads.get() > MAX_THREADS) {
        return Err(Error::invalid("threads", format!("at most {MAX_THREADS} threads, not {threads}")));
    }
    let available = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = threads.map_or_else(available, NonZeroUsize::get).min(MAX_THREADS);
    let threads = threads.min(items.len().div_ceil(stride)).max(1);
    let next = AtomicUsize::new(0);
    let run = || {
        let mut answers = Vec::new();
        loop {
            let start = next.fetch_add(stride, Ordering::Relaxed);
            let Some(rest) = items.get(start..).filter(|rest| !rest.is_empty()) else { return answers };
            for (index, item) in rest.iter().take(stride).enumerate().map(|(at, item)| (start + at, item)) {
                let answer = work(index, item);
                let has_failed = answer.is_err();
                answers.push((index, answer));
                if has_failed {
                    // Nobody begins anything more; what precedes it is under way.
                    next.fetch_max(items.len(), Ordering::Relaxed);
                    return answers;
                }
            }
        }
    };
    let mut all = if threads == 1 {
        run()
    } else {
        let parts: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let own = run();
            let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
            std::iter::once(Ok(own)).chain(joined).collect()
        });
        let mut all = Vec::with_capacity(items.len());
        for part in parts {
            all.extend(part.map_err(|_| Error::internal("a thread of a comparison panicked"))?);
        }
        all
    };
    all.sort_unstable_by_key(|(index, _)| *index);
    let named = |index: usize, error: Error| {
        let field = error.field().map_or_else(String::new, |field| format!(".{field}"));
        let number = first.saturating_add(index as u64);
        error.with_field(format!("{name}[{number}]{field}"))
    };
    all.into_iter().map(|(index, answer)| answer.map_err(|error| named(index, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_TEXT_BYTES;

    fn threads(count: usize) -> Bulk {
        Bulk { threads: NonZeroUsize::new(count), first: 0 }
    }

    #[test]
    fn answers_are_in_order_whatever_the_threads() {
        let texts: Vec<String> = (0..100).map(|days| format!("Pay within {days} days.")).collect();
        let pairs: Vec<_> = texts.iter().map(|text| ("Pay within 50 days.", text.as_str())).collect();
        let one = assess_many(&pairs, &GuardPolicy::default(), threads(1)).expect("answers");
        assert_eq!(one.len(), 100);
        assert!(one[50].findings.is_empty() && !one[51].findings.is_empty());
        for count in [Bulk::default(), threads(2), threads(7)] {
            assert_eq!(assess_many(&pairs, &GuardPolicy::default(), count).expect("answers"), one);
        }
    }

    #[test]
    fn the_first_error_is_named() {
        let long = "a".repeat(MAX_TEXT_BYTES + 1);
        let mut pairs = vec![("a", "b"); 60];
        pairs[33] = ("a", &long);
        pairs[50] = (&long, "b");
        for count in [1, 2, 4] {
            let error = assess_many(&pairs, &GuardPolicy::default(), threads(count)).expect_err("too long");
            assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("pairs[33].new")));
        }
        let error = assess_many(&pairs, &GuardPolicy::default(), Bulk { threads: None, first: 1_000 });
        assert_eq!(error.expect_err("too long").field(), Some("pairs[1033].new"));
    }

    #[test]
    fn threads_are_bounded() {
        let error = assess_many(&[], &GuardPolicy::default(), threads(65)).expect_err("too many");
        assert_eq!(error.field(), Some("threads"));
    }
}
