//! At which steps something befalls the crew: decided by the seed alone.

use crate::Result;
use crate::plan::Chance;

/// Tells the chances of this act from those of the first, which come from the same seed.
const SALT: u64 = 0x63_72_65_77;

/// What is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The checker is killed once this step of its own is acknowledged.
    pub(crate) checker_dies: u64,
    /// The reader is killed once this step of its own is acknowledged.
    pub(crate) reader_dies: u64,
    /// Behind this step the checker goes round in circles.
    pub(crate) checker_circles: u64,
}

/// Spreads what is to come over `steps` steps, each in an eighth of its own, so that there is work before, between and
/// after.
pub(crate) fn plan(seed: u64, steps: u64) -> Result<Plan> {
    let chance = Chance::new(seed ^ SALT);
    let eighth = steps / 8;
    let within = |number: u64| Ok::<_, crate::Failure>(number * eighth + chance.below(eighth)?);
    Ok(Plan { checker_dies: within(1)?, reader_dies: within(3)?, checker_circles: within(5)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FEWEST_STEPS;

    #[test]
    fn there_is_work_between_the_scenes() {
        for seed in 0..200 {
            let steps = FEWEST_STEPS + seed;
            let plan = plan(seed, steps).unwrap();
            assert_eq!(plan, super::plan(seed, steps).unwrap());
            let Plan { checker_dies, reader_dies, checker_circles } = plan;
            assert!(checker_dies > 0 && checker_dies + 4 < reader_dies, "{plan:?}");
            assert!(reader_dies + 4 < checker_circles && checker_circles + 4 < steps, "{plan:?}");
        }
    }
}
