use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// What a payload's bytes belong to. They must not change while it lives: the next state is stored as what differs from
/// them.
pub trait PayloadOwner: AsRef<[u8]> + Any + Send + Sync {}

impl<T: AsRef<[u8]> + Any + Send + Sync> PayloadOwner for T {}

/// A payload that is shared rather than copied: between the cache's memory and its callers, and with a host that has its
/// own kind of bytes.
///
/// ```
/// use mythos_core::ritual::Payload;
///
/// let payload = Payload::from(b"state".to_vec());
/// let same = payload.clone();
/// assert_eq!(&same[..], b"state");
/// assert_eq!(same.as_ptr(), payload.as_ptr());
/// assert_eq!(payload.owner::<Vec<u8>>().unwrap(), b"state");
/// ```
#[derive(Clone)]
pub struct Payload(Arc<dyn PayloadOwner>);

impl Payload {
    /// The bytes of `owner`, which is asked for them whenever they are needed.
    #[must_use]
    pub fn of(owner: impl PayloadOwner) -> Self {
        Self(Arc::new(owner))
    }

    /// What the bytes belong to, if it is a `T`.
    #[must_use]
    pub fn owner<T: PayloadOwner>(&self) -> Option<&T> {
        let owner: &dyn Any = &*self.0;
        owner.downcast_ref()
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::of(bytes)
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    /// Without the bytes, which are users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("bytes", &self.len()).finish_non_exhaustive()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}
