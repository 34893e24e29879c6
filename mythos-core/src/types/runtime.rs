//! The one place where time and chance enter.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{OperationId, Salt, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment, in UTC. It may go backwards.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes for salts and ids.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there are none to be had.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the edge at which time enters")]
    fn now(&self) -> Timestamp {
        let now = jiff::Timestamp::now().as_microsecond();
        Timestamp::from_microseconds(now).unwrap_or(Timestamp::MAX)
    }
}

/// The operating system's random bytes. It keeps no state, so a forked process does not repeat its parent's bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the edge at which chance enters")]
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("the operating system gave no random bytes: {error}"))
        })
    }
}

/// ChaCha12 from a seed, for tests and simulations: the same seed gives the same bytes on every platform.
///
/// Never for production: who knows the seed knows every salt.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<ChaCha12Rng>);

impl SeededEntropy {
    /// Starts the sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha12Rng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}

/// The clock and the entropy that the services use; nothing else in this crate reads either.
///
/// ```
/// use mythos_core::types::Runtime;
///
/// let runtime = Runtime::system();
/// assert!(runtime.now() > mythos_core::types::Timestamp::UNIX_EPOCH);
/// ```
#[derive(Debug, Clone)]
pub struct Runtime {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Runtime {
    /// The operating system's clock and random bytes.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// A clock and a source of random bytes of the caller's.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// The present moment as the clock shows it, so that a clock that once showed a wrong one is believed again as soon
    /// as it is mended. When it is set back, this goes backwards: what must not, such as the moments of one record's
    /// versions, is held against what is recorded.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new operation id: a time-ordered UUID (version 7, RFC 9562 §5.7).
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there are no random bytes.
    pub fn operation_id(&self) -> Result<OperationId> {
        let mut random = [0; 10];
        self.entropy.fill(&mut random)?;
        let milliseconds = u64::try_from(self.now().as_microseconds() / 1000).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        Ok(OperationId::from_uuid(uuid))
    }

    /// A new salt.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there are no random bytes.
    pub fn salt(&self) -> Result<Salt> {
        let mut bytes = [0; Salt::BYTES];
        self.entropy.fill(&mut bytes)?;
        Ok(Salt::from_bytes(bytes))
    }

    /// As many new salts as are asked for: ChaCha12 under 256 random bits, which are drawn for this call alone.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there are no random bytes.
    pub(crate) fn salts(&self) -> Result<impl FnMut() -> Salt + use<>> {
        let mut seed = [0; 32];
        self.entropy.fill(&mut seed)?;
        let mut random = ChaCha12Rng::from_seed(seed);
        Ok(move || {
            let mut bytes = [0; Salt::BYTES];
            random.fill_bytes(&mut bytes);
            Salt::from_bytes(bytes)
        })
    }

    /// A new nonce for XChaCha20-Poly1305: 192 random bits, of which no two are ever the same in practice, however many
    /// are drawn under one key.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there are no random bytes.
    pub fn nonce(&self) -> Result<[u8; 24]> {
        let mut bytes = [0; 24];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Backwards(AtomicI64);

    impl Clock for Backwards {
        fn now(&self) -> Timestamp {
            Timestamp::from_microseconds(self.0.fetch_sub(1_000_000, Ordering::Relaxed)).unwrap()
        }
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed() {
        let clock = Backwards(AtomicI64::new(5_000_000));
        let runtime = Runtime::new(Arc::new(clock), Arc::new(SeededEntropy::new(1)));
        assert_eq!(runtime.now().as_microseconds(), 5_000_000);
        assert_eq!(runtime.clone().now().as_microseconds(), 4_000_000);
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let ids = |seed| {
            let clock = Backwards(AtomicI64::new(0));
            let runtime = Runtime::new(Arc::new(clock), Arc::new(SeededEntropy::new(seed)));
            (runtime.operation_id().unwrap(), runtime.salt().unwrap(), runtime.nonce().unwrap())
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        let runtime = Runtime::system();
        assert_ne!(runtime.nonce().unwrap(), runtime.nonce().unwrap());
        assert_eq!(Runtime::system().operation_id().unwrap().as_uuid().get_version_num(), 7);
    }
}
