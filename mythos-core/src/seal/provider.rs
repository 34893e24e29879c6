use std::fmt;

use super::{KeyId, SecretKey};
use crate::error::Result;

/// Where keys come from: a key service, a secrets manager, or a [`KeyRing`](super::KeyRing).
///
/// # To ensure correctness
///
/// - **Ids are stable.** An id stands for one key for ever; what was sealed under it can be opened only with that very
///   key. A key is replaced by a new key under a new id. The id of a destroyed key is never given to another one.
/// - **Destroying erases.** Once [`key`](Self::key) gives `None`, nothing that was sealed under the id can be read
///   again, in any copy of the store. So a key that merely cannot be had at the moment is an error, not `None`.
/// - **What is active is known.** [`key`](Self::key) gives the key of the id that [`active`](Self::active) gives. A save
///   that finds the active key missing is refused; nothing is stored unsealed instead.
/// - **Any thread calls.** Several threads call at the same time, once or twice for each payload, and wait for the
///   answer; a provider that asks a service keeps its answers for a while. It does not call this library back.
/// - **Errors are passed through** with their kind. [`Error::unavailable`](crate::Error::unavailable) if the key service
///   cannot be reached: the caller of this library then knows that nothing was changed, and retries.
///
/// ```
/// use mythos_core::seal::{KeyId, KeyProvider, SecretKey};
///
/// /// One key from the environment, which a deployment sets.
/// #[derive(Debug)]
/// struct FromEnvironment(KeyId);
///
/// impl KeyProvider for FromEnvironment {
///     fn active(&self) -> mythos_core::Result<Option<KeyId>> {
///         Ok(Some(self.0.clone()))
///     }
///
///     fn key(&self, id: &KeyId) -> mythos_core::Result<Option<SecretKey>> {
///         if *id != self.0 {
///             return Ok(None);
///         }
///         let key = std::env::var("EXAMPLE_KEY").unwrap_or_else(|_| "an example of 32 bytes, no more.".to_owned());
///         SecretKey::from_slice(key.as_bytes()).map(Some)
///     }
/// }
///
/// let keys = FromEnvironment("environment".parse()?);
/// assert!(keys.key(&"environment".parse()?)?.is_some());
/// # Ok::<(), mythos_core::Error>(())
/// ```
pub trait KeyProvider: Send + Sync + fmt::Debug {
    /// The key that new payloads are sealed under; `None` to store them unsealed.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if it cannot be told now.
    fn active(&self) -> Result<Option<KeyId>>;

    /// The key of this id; `None` if it was destroyed or never known.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if it cannot be told now.
    fn key(&self, id: &KeyId) -> Result<Option<SecretKey>>;
}
