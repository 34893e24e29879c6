use crate::types::Score;

/// The Shannon entropy of the payload's bytes, in bits per byte, divided by 8.
///
/// 0 for an empty payload and for one repeated byte, 1 for all 256 bytes equally often; text lies near 0.6. It does not
/// depend on the order of the bytes.
///
/// ```
/// use mythos_core::ritual::entropy_score;
///
/// assert_eq!(entropy_score(b"").get(), 0.0);
/// assert_eq!(entropy_score(b"aaaa").get(), 0.0);
/// assert_eq!(entropy_score(b"abab").get(), 0.125); // 1 bit of 8
/// let all: Vec<u8> = (0..=255).collect();
/// assert_eq!(entropy_score(&all).get(), 1.0);
/// ```
///
/// Source: C. E. Shannon, "A Mathematical Theory of Communication", 1948, section 6.
#[must_use]
pub fn entropy_score(payload: &[u8]) -> Score {
    Counts::of(payload).entropy_score()
}

/// How often each byte stands in something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts([u32; 256]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Counts {
    /// Counts at most 4 GiB.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut counts = Self::default();
        counts.add(bytes);
        counts
    }

    /// Counts more bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // Four tables, so that runs of one byte do not wait for their own last increment.
        let mut tables = [[0_u32; 256]; 4];
        let (chunks, rest) = bytes.as_chunks::<4>();
        for chunk in chunks {
            for (table, byte) in tables.iter_mut().zip(chunk) {
                table[usize::from(*byte)] += 1;
            }
        }
        for byte in rest {
            tables[0][usize::from(*byte)] += 1;
        }
        for table in &tables {
            for (count, more) in self.0.iter_mut().zip(table) {
                *count += more;
            }
        }
    }

    /// The [`entropy_score`] of all that was counted.
    pub(crate) fn entropy_score(&self) -> Score {
        /// Bits of a byte.
        const MAX_ENTROPY: f64 = 8.0;
        let total: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        if total == 0 {
            return Score::ZERO;
        }
        let bits: f64 = self
            .0
            .iter()
            .filter(|count| **count > 0)
            .map(|count| {
                let share = f64::from(*count) / total as f64;
                -share * share.log2()
            })
            .sum();
        Score::clamped(bits / MAX_ENTROPY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(mut payload in prop::collection::vec(any::<u8>(), 1..2000)) {
            let score = entropy_score(&payload).get();
            let twice = [payload.clone(), payload.clone()].concat();
            prop_assert!((entropy_score(&twice).get() - score).abs() < 1e-9);
            payload.reverse();
            prop_assert!((entropy_score(&payload).get() - score).abs() < 1e-9);
        }

        #[test]
        fn it_may_be_counted_in_parts(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8)) {
            let mut counts = Counts::default();
            for part in &parts {
                counts.add(part);
            }
            prop_assert_eq!(counts.entropy_score(), entropy_score(&parts.concat()));
        }

        #[test]
        fn one_more_distinct_byte_never_lowers_it(distinct in 1_u8..=255) {
            let payload: Vec<u8> = (0..distinct).collect();
            let more: Vec<u8> = (0..=distinct).collect();
            prop_assert!(entropy_score(&more) > entropy_score(&payload));
        }
    }
}
