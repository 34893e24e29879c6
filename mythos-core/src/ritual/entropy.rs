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
    /// Bits of a byte.
    const MAX_ENTROPY: f64 = 8.0;
    if payload.is_empty() {
        return Score::ZERO;
    }
    // Four tables, so that runs of one byte do not wait for their own last increment.
    let mut tables = [[0_u32; 256]; 4];
    let (chunks, rest) = payload.as_chunks::<4>();
    for chunk in chunks {
        for (table, byte) in tables.iter_mut().zip(chunk) {
            table[usize::from(*byte)] += 1;
        }
    }
    for byte in rest {
        tables[0][usize::from(*byte)] += 1;
    }
    let total = payload.len() as f64;
    let bits: f64 = (0..256)
        .map(|byte| tables.iter().map(|table| u64::from(table[byte])).sum::<u64>())
        .filter(|count| *count > 0)
        .map(|count| {
            let share = count as f64 / total;
            -share * share.log2()
        })
        .sum();
    Score::clamped(bits / MAX_ENTROPY)
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
        fn one_more_distinct_byte_never_lowers_it(distinct in 1_u8..=255) {
            let payload: Vec<u8> = (0..distinct).collect();
            let more: Vec<u8> = (0..=distinct).collect();
            prop_assert!(entropy_score(&more) > entropy_score(&payload));
        }
    }
}
