use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::text_form::serde_through_text;
use crate::error::{Error, Result};

/// A moment in UTC with microseconds, from 0001-01-01 to 9999-12-30T22:00.
///
/// The text form is RFC 3339 with six decimals and `Z`, always 27 characters, so that the order of the texts is the
/// order of the moments. The range is
/// what both Python's `datetime` and `jiff` can hold.
///
/// ```
/// use mythos_core::types::Timestamp;
///
/// let moment: Timestamp = "2026-11-21T09:30:00.25+01:00".parse()?;
/// assert_eq!(moment.to_string(), "2026-11-21T08:30:00.250000Z");
/// assert_eq!(moment.as_microseconds(), 1_795_249_800_250_000);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: RFC 3339 §5.6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00.000000Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-30T22:00:00.999999Z.
    pub const MAX: Self = Self(253_402_207_200_999_999);
    /// 1970-01-01T00:00:00.000000Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// Takes microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `timestamp`, outside [`Timestamp::MIN`] to [`Timestamp::MAX`].
    pub fn from_microseconds(microseconds: i64) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&microseconds) {
            Ok(Self(microseconds))
        } else {
            let message = format!(
                "{microseconds} µs since 1970 lie outside the years 1 to 9999 (to December 30th, 22:00)"
            );
            Err(Error::invalid("timestamp", message))
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_microseconds(self) -> i64 {
        self.0
    }

    /// The moment `duration` later, at most [`Timestamp::MAX`]; parts of a microsecond are dropped.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(microseconds).min(Self::MAX.0))
    }

    /// The moment `duration` earlier, at least [`Timestamp::MIN`]; parts of a microsecond are dropped.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(microseconds).max(Self::MIN.0))
    }

    /// How long after `earlier` this moment lies; zero if it does not.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        // Both lie in the stated range, whose width fits an i64.
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `from_microsecond` refuses the last second of jiff's range.
        let (seconds, microseconds) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000) as i32);
        let moment = jiff::Timestamp::new(seconds, microseconds * 1000).map_err(|_| fmt::Error)?;
        write!(f, "{moment:.6}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Parses RFC 3339 with any offset; parts of a microsecond are dropped, toward the past.
    fn from_str(text: &str) -> Result<Self> {
        let moment: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| {
            Error::invalid("timestamp", format!("{text:?} is not an RFC 3339 date and time with an offset"))
                .with_source(error)
        })?;
        let microseconds = moment.as_nanosecond().div_euclid(1000);
        Self::from_microseconds(i64::try_from(microseconds).unwrap_or(i64::MAX))
    }
}

serde_through_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_range_have_texts() {
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.999999Z");
        assert!(Timestamp::from_microseconds(Timestamp::MAX.0 + 1).is_err());
        assert!(Timestamp::from_microseconds(i64::MIN).is_err());
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.saturating_duration_since(Timestamp::MAX), Duration::ZERO);
    }

    #[test]
    fn texts_without_an_offset_are_refused() {
        for bad in ["", "2026-11-21", "2026-11-21T08:30:00", "yesterday", "2026-13-01T00:00:00Z"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad:?}");
        }
        let before: Timestamp = "1969-12-31T23:59:59.9999999Z".parse().unwrap();
        assert_eq!(before.as_microseconds(), -1);
    }

    proptest! {
        #[test]
        fn texts_round_trip_and_sort_like_moments(
            a in Timestamp::MIN.0..=Timestamp::MAX.0,
            b in Timestamp::MIN.0..=Timestamp::MAX.0,
        ) {
            let (a, b) = (Timestamp(a), Timestamp(b));
            prop_assert_eq!(a.to_string().parse::<Timestamp>().unwrap(), a);
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
