//! Many comparisons at once.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::{Assessment, Embedder, GuardPolicy, Similarity};
use crate::error::{Error, Result};
use crate::text::MAX_TEXT_BYTES;

/// The most pairs that one call compares.
pub const MAX_PAIRS: usize = 1_000_000;

/// How many pairs a thread takes at a time, and after which progress is told.
const PART: usize = 32;

/// How many comparisons are made at once, by which thresholds, and with which embedder.
#[derive(Clone, Copy, Default)]
pub struct BulkOptions<'a> {
    /// The thresholds.
    pub policy: GuardPolicy,
    /// How many threads compare; as many as the machine has cores if not given, and never more than there is work for.
    pub threads: Option<NonZero<usize>>,
    /// What also says how alike the versions are. It is asked for 32 pairs at a time, from every thread.
    pub embedder: Option<&'a dyn Embedder>,
}

impl std::fmt::Debug for BulkOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let embedder = self.embedder.map(Embedder::identity);
        f.debug_struct("BulkOptions")
            .field("policy", &self.policy)
            .field("threads", &self.threads)
            .field("embedder", &embedder)
            .finish()
    }
}

/// How far many comparisons are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkProgress {
    /// How many are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Compares each older version with its newer one, on several threads. The outcome is in the order of the pairs, and the same
/// with any number of threads.
///
/// `progress` is told after each 32 pairs, from any of the threads, and says whether to go on.
///
/// ```
/// use mythos_core::regression::{BulkOptions, Verdict, assess_all};
///
/// let pairs = [("Pay within 30 days.", "Pay within 90 days."), ("Pay within 30 days.", "Pay within 30 days")];
/// let found = assess_all(&pairs, &BulkOptions::default(), &|_| true)?.unwrap();
/// assert_eq!(found.iter().map(|it| it.verdict).collect::<Vec<_>>(), [Verdict::Accuracy, Verdict::None]);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// `None` if `progress` said to stop.
///
/// # Errors
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `pairs`, for more than [`MAX_PAIRS`] or a version longer than
/// [`MAX_TEXT_BYTES`], before anything is compared; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the policy is; what the
/// embedder meets, for the first pair that it fails on among those that were begun.
pub fn assess_all(
    pairs: &[(&str, &str)],
    options: &BulkOptions<'_>,
    progress: &(dyn Fn(BulkProgress) -> bool + Sync),
) -> Result<Option<Vec<Assessment>>> {
    options.policy.validate()?;
    if pairs.len() > MAX_PAIRS {
        return Err(Error::limit(
            "pairs",
            format!("at most {MAX_PAIRS} pairs are compared at once, not {}", pairs.len()),
        ));
    }
    if let Some(at) = pairs.iter().position(|(old, new)| old.len().max(new.len()) > MAX_TEXT_BYTES) {
        return Err(Error::limit(
            "pairs",
            format!("pair {at} has a version of more than {MAX_TEXT_BYTES} bytes"),
        ));
    }
    let parts: Vec<_> = pairs.chunks(PART).collect();
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = options.threads.map_or_else(cores, NonZero::get).min(parts.len()).max(1);
    let bulk = Bulk {
        parts: &parts,
        options,
        progress,
        total: pairs.len() as u64,
        next: AtomicUsize::new(0),
        done: AtomicU64::new(0),
        is_stopped: AtomicBool::new(false),
    };
    let mut found = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(|| bulk.work())).collect();
        let mut found = bulk.work();
        for worker in workers {
            found.extend(worker.join().map_err(|_| Error::internal("a thread that compares panicked"))?);
        }
        Ok::<_, Error>(found)
    })?;
    found.sort_by_key(|(part, _)| *part);
    let mut assessments = Vec::with_capacity(pairs.len());
    for (_, part) in found {
        assessments.extend(part?);
    }
    Ok((assessments.len() == pairs.len()).then_some(assessments))
}

/// Compares each version of a text with the one before it: one assessment fewer than there are versions.
///
/// # Errors
/// Those of [`assess_all`]; `None` as there.
pub fn assess_history(
    versions: &[&str],
    options: &BulkOptions<'_>,
    progress: &(dyn Fn(BulkProgress) -> bool + Sync),
) -> Result<Option<Vec<Assessment>>> {
    let pairs: Vec<_> = versions.iter().zip(versions.iter().skip(1)).map(|(old, new)| (*old, *new)).collect();
    assess_all(&pairs, options, progress)
}

/// What the threads share.
struct Bulk<'a> {
    parts: &'a [&'a [(&'a str, &'a str)]],
    options: &'a BulkOptions<'a>,
    progress: &'a (dyn Fn(BulkProgress) -> bool + Sync),
    total: u64,
    next: AtomicUsize,
    done: AtomicU64,
    is_stopped: AtomicBool,
}

impl Bulk<'_> {
    /// Compares parts until there are none, and gives each with its number.
    fn work(&self) -> Vec<(usize, Result<Vec<Assessment>>)> {
        let mut found = Vec::new();
        while !self.is_stopped.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = self.parts.get(number) else { break };
            let assessed = self.assess(part);
            let done = self.done.fetch_add(part.len() as u64, Ordering::Relaxed) + part.len() as u64;
            if assessed.is_err() || !(self.progress)(BulkProgress { done, total: self.total }) {
                self.is_stopped.store(true, Ordering::Relaxed);
            }
            found.push((number, assessed));
        }
        found
    }

    fn assess(&self, part: &[(&str, &str)]) -> Result<Vec<Assessment>> {
        let assess = |(old, new): &(&str, &str)| Assessment::of(old, new, &self.options.policy);
        let mut assessments = part.iter().map(assess).collect::<Result<Vec<_>>>()?;
        if let Some(embedder) = self.options.embedder {
            for (assessment, similarity) in assessments.iter_mut().zip(Similarity::of_pairs(part, embedder)?)
            {
                assessment.similarity = Some(similarity);
            }
        }
        Ok(assessments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regression::{EmbedderId, HashedNgrams};

    fn texts() -> Vec<(String, String)> {
        let pair = |number: usize| {
            (format!("Pay within {number} days."), format!("You may pay within {} days.", number % 7))
        };
        (0..500).map(pair).collect()
    }

    fn with_threads(threads: usize) -> BulkOptions<'static> {
        BulkOptions {
            threads: NonZero::new(threads),
            embedder: Some(&HashedNgrams),
            ..BulkOptions::default()
        }
    }

    #[test]
    fn any_number_of_threads_finds_the_same_in_the_same_order() {
        let texts = texts();
        let pairs: Vec<_> = texts.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
        let done = AtomicU64::new(0);
        let count = |progress: BulkProgress| {
            assert!(progress.done <= progress.total && progress.total == 500);
            done.fetch_max(progress.done, Ordering::Relaxed);
            true
        };
        let one = assess_all(&pairs, &with_threads(1), &count).unwrap().unwrap();
        assert_eq!((one.len(), done.load(Ordering::Relaxed)), (500, 500));
        for (found, (old, new)) in one.iter().zip(&pairs) {
            let alone = Assessment::of(old, new, &GuardPolicy::default()).unwrap();
            assert_eq!((found.accuracy, &found.findings), (alone.accuracy, &alone.findings));
            assert!(found.similarity.is_some());
        }
        for threads in [2, 5, 1_000] {
            assert!(assess_all(&pairs, &with_threads(threads), &|_| true).unwrap().unwrap() == one);
        }
        let versions: Vec<_> = pairs.iter().map(|(old, _)| *old).collect();
        assert_eq!(assess_history(&versions, &with_threads(2), &|_| true).unwrap().unwrap().len(), 499);
        assert_eq!(assess_history(&[], &with_threads(2), &|_| true).unwrap(), Some(vec![]));
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let texts = texts();
        let pairs: Vec<_> = texts.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
        let calls = AtomicU64::new(0);
        let stop = |_: BulkProgress| calls.fetch_add(1, Ordering::Relaxed) + 1 < 3;
        assert_eq!(assess_all(&pairs, &with_threads(1), &stop).unwrap(), None);
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_is_too_long_or_fails_is_told() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        let error = assess_all(&[("a", "b"), ("a", &long)], &BulkOptions::default(), &|_| true).unwrap_err();
        assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("pairs")));

        #[derive(Debug)]
        struct Broken;
        impl Embedder for Broken {
            fn identity(&self) -> EmbedderId {
                HashedNgrams.identity()
            }
            fn embed(&self, _: &[&str]) -> Result<Vec<Vec<f32>>> {
                Ok(Vec::new())
            }
        }
        let options = BulkOptions { embedder: Some(&Broken), ..BulkOptions::default() };
        assert_eq!(assess_all(&[("a", "b")], &options, &|_| true).unwrap_err().field(), Some("embedder"));
    }
}
