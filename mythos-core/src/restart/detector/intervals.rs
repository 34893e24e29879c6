use std::collections::VecDeque;

use super::DetectorPolicy;

/// The longest interval that is learned, in microseconds.
pub(super) const MAX_INTERVAL_US: u64 = DetectorPolicy::MAX_DURATION_MS * 1_000;

/// The last intervals between heartbeats, in microseconds, oldest first, with what mean and deviation follow from.
///
/// The sums are integers: what is added and taken away again leaves nothing behind, however long the detector runs, and
/// they are those of the intervals that are left. Of at most 1,000 intervals below 2^37, they have at most 84 bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Intervals {
    microseconds: VecDeque<u64>,
    sum: u128,
    sum_of_squares: u128,
}

impl Intervals {
    /// Adds an interval of at most [`MAX_INTERVAL_US`], in place of the oldest one if there are `max_samples`.
    pub(super) fn push(&mut self, microseconds: u64, max_samples: usize) {
        while self.microseconds.len() >= max_samples.max(1)
            && let Some(oldest) = self.microseconds.pop_front()
        {
            let oldest = u128::from(oldest);
            self.sum -= oldest;
            self.sum_of_squares -= oldest * oldest;
        }
        self.microseconds.push_back(microseconds);
        let added = u128::from(microseconds);
        self.sum += added;
        self.sum_of_squares += added * added;
    }

    /// The intervals, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.microseconds.iter().copied()
    }

    /// Their mean in microseconds; of none, 0.
    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / self.count()
    }

    /// Their standard deviation in microseconds, as that of a whole population; of none, 0.
    ///
    /// `n·Σx² - (Σx)²` is exact, and not negative (Cauchy and Schwarz). IEEE 754 fixes what is made of it: a conversion,
    /// a square root and a division.
    pub(super) fn std_deviation(&self) -> f64 {
        let n = self.microseconds.len() as u128;
        ((n * self.sum_of_squares - self.sum * self.sum) as f64).sqrt() / self.count()
    }

    /// How many there are, and at least 1, since it divides.
    fn count(&self) -> f64 {
        self.microseconds.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mean_and_deviation_are_those_of_a_worked_example() {
        // Wikipedia, "Standard deviation": the population 2, 4, 4, 4, 5, 5, 7, 9 has a mean of 5 and a deviation of 2.
        let mut intervals = Intervals::default();
        for interval in [2, 4, 4, 4, 5, 5, 7, 9] {
            intervals.push(interval, 8);
        }
        assert_eq!((intervals.mean(), intervals.std_deviation()), (5.0, 2.0));
        assert_eq!((Intervals::default().mean(), Intervals::default().std_deviation()), (0.0, 0.0));
    }

    #[test]
    fn the_largest_sums_fit() {
        let mut intervals = Intervals::default();
        for index in 0..3_000 {
            intervals.push(if index % 2 == 0 { MAX_INTERVAL_US } else { 0 }, 1_000);
        }
        let half = MAX_INTERVAL_US as f64 / 2.0;
        assert_eq!((intervals.mean(), intervals.std_deviation()), (half, half));
    }

    proptest! {
        #[test]
        fn sums_are_those_of_what_is_left(
            all in prop::collection::vec(0..=MAX_INTERVAL_US, 0..60),
            max_samples in 2_usize..20,
        ) {
            let mut intervals = Intervals::default();
            for (index, interval) in all.iter().enumerate() {
                intervals.push(*interval, max_samples);
                let left = &all[(index + 1).saturating_sub(max_samples)..=index];
                prop_assert!(intervals.iter().eq(left.iter().copied()));
                let mut fresh = Intervals::default();
                left.iter().for_each(|interval| fresh.push(*interval, max_samples));
                prop_assert_eq!(&intervals, &fresh);
                prop_assert_eq!(intervals.sum, left.iter().map(|x| u128::from(*x)).sum::<u128>());
                prop_assert_eq!(
                    intervals.sum_of_squares,
                    left.iter().map(|x| u128::from(*x).pow(2)).sum::<u128>()
                );
            }
        }
    }
}
