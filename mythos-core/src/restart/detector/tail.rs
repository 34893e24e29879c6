use std::f64::consts::{FRAC_1_SQRT_2, LOG10_E};

/// The highest phi: what lies further out is as improbable, and the tail stays far from the smallest doubles.
pub(super) const MAX_PHI: f64 = 300.0;

/// From so many standard deviations on, phi is [`MAX_PHI`]: `-log10 Q(37.05)` is 300.05.
pub(super) const MAX_DEVIATIONS: f64 = 38.0;

/// Below so many standard deviations, phi is what it is there: 3 in 10^16.
const MIN_DEVIATIONS: f64 = -8.0;

/// Steps of a standard deviation; a power of two, so that scaling is exact.
const STEPS: f64 = 4_096.0;

/// `-log10` of the probability that a heartbeat comes still later than `deviations` standard deviations behind the mean
/// of a normal distribution; at most [`MAX_PHI`], and never less for more deviations.
///
/// The deviations are rounded down to 1/4,096 first. Between two such steps phi changes by at least a part in 10^5 of
/// itself, and `erfc`, `log10` and `log1p` are off by parts in 10^15: so what they give grows with the steps, which no
/// library promises for arguments as close to each other as doubles can be. A test goes through all steps. Phi is too low
/// by at most what one step makes: 0.0007 at a phi of 8, and 0.004 at most.
///
/// The functions are those of the crate `libm`, a port of FreeBSD's: additions, multiplications and divisions in a fixed
/// order, hence the same on every platform, unlike those of the standard library.
///
/// Source: Hayashibara et al. 2004, §4: phi from the normal distribution. The logistic approximation of the distribution
/// that Pekko uses, `1 / (1 + exp(-y·(1.5976 + 0.070566·y²)))`, errs by at most 0.00014 in the probability, which is many
/// times the probability itself out in the tail: where it gives 8, phi is 7.06.
pub(super) fn phi(deviations: f64) -> f64 {
    let deviations = (deviations.clamp(MIN_DEVIATIONS, MAX_DEVIATIONS) * STEPS).floor() / STEPS;
    if deviations < 0.0 {
        // The tail is nearly 1; its logarithm is taken from what is missing.
        -libm::log1p(-upper_tail(-deviations)) * LOG10_E
    } else {
        (-libm::log10(upper_tail(deviations))).min(MAX_PHI)
    }
}

/// The probability `Q(y)` above `y` standard deviations, `y` not negative.
fn upper_tail(deviations: f64) -> f64 {
    0.5 * libm::erfc(deviations * FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_is_that_of_the_table_of_the_normal_distribution() {
        // Q(y): Abramowitz and Stegun, "Handbook of Mathematical Functions", tables 26.1 and 26.2.
        let table: [(f64, f64); 11] = [
            (-3.0, 1.0 - 1.349_898_031_6e-3),
            (-1.0, 1.0 - 0.158_655_253_931),
            (0.0, 0.5),
            (0.5, 0.308_537_538_726),
            (1.0, 0.158_655_253_931),
            (2.0, 0.022_750_131_948),
            (3.0, 1.349_898_031_6e-3),
            (4.0, 3.167_124_183e-5),
            (5.0, 2.866_515_719e-7),
            // -log10 Q: 9.00586 and 23.11805.
            (6.0, 10_f64.powf(-9.005_86)),
            (10.0, 10_f64.powf(-23.118_05)),
        ];
        for (deviations, probability) in table {
            let expected = -probability.log10();
            assert!(
                (phi(deviations) - expected).abs() < 1e-5,
                "{deviations}: {}, not {expected}",
                phi(deviations)
            );
        }
        // The quantiles of 10^-1, 10^-2 and 10^-8, from the side on which a step cannot round below them.
        for (deviations, expected) in [(1.281_552, 1.0), (2.326_348, 2.0), (5.612_002, 8.0)] {
            let found = phi(deviations);
            assert!(found <= expected + 1e-6 && found > expected - 0.0007, "{deviations}: {found}");
        }
    }

    #[test]
    fn phi_grows_with_every_step_to_its_maximum() {
        let steps = ((MAX_DEVIATIONS - MIN_DEVIATIONS) * STEPS) as i32;
        let mut last = phi(MIN_DEVIATIONS);
        assert!(last > 0.0);
        for step in 1..=steps {
            let deviations = MIN_DEVIATIONS + f64::from(step) / STEPS;
            let next = phi(deviations);
            assert!(next >= last && (next > last || next == MAX_PHI), "{deviations}: {next} after {last}");
            assert!(next - last < 0.0041, "{deviations}: {next} after {last}");
            last = next;
        }
        assert_eq!(last, MAX_PHI);
        assert_eq!(phi(f64::INFINITY), MAX_PHI);
        assert_eq!(phi(f64::NEG_INFINITY), phi(MIN_DEVIATIONS));
    }

    #[test]
    fn phi_has_these_bits_on_every_platform() {
        for (deviations, bits) in [
            (-1.5, 0x3f9e_bfd2_a88b_2b70_u64),
            (0.0, 0x3fd3_4413_509f_79ff),
            (2.5, 0x4001_a7cb_dcd3_24f3),
            (5.612, 0x401f_ff86_5d2c_bb3e),
        ] {
            assert_eq!(phi(deviations).to_bits(), bits, "{deviations}: {}", phi(deviations));
        }
    }
}
