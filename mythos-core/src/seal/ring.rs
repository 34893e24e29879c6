use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::cipher::key_not_known;
use super::{KeyId, KeyProvider, SecretKey};
use crate::error::{Error, Result};

/// Keys held in memory, for hosts that read them from a secrets manager at their start, and for tests.
///
/// Share it in an `Arc`: every method takes `&self`, and a change holds from the next save or restore on.
#[derive(Debug, Default)]
pub struct KeyRing(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    active: Option<KeyId>,
    keys: BTreeMap<KeyId, SecretKey>,
}

impl KeyRing {
    /// A ring without keys, so that new payloads are stored unsealed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A ring of one key, under which new payloads are sealed.
    #[must_use]
    pub fn with_active(id: KeyId, key: SecretKey) -> Self {
        Self(RwLock::new(State { active: Some(id.clone()), keys: BTreeMap::from([(id, key)]) }))
    }

    /// Adds a key, which opens what was sealed under it; [`activate`](Self::activate) lets it seal. Adding the same key
    /// again changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the id stands for another key, since what was sealed under
    /// that one could not be opened any more; the field is `key`. Choose another id.
    pub fn insert(&self, id: KeyId, key: SecretKey) -> Result<()> {
        let mut state = self.write();
        match state.keys.get(&id) {
            Some(known) if !known.is_same(&key) => {
                let message = format!("the id {:?} stands for another key; choose another id", id.as_str());
                return Err(Error::invalid("key", message));
            }
            Some(_) => {}
            None => {
                state.keys.insert(id, key);
            }
        }
        Ok(())
    }

    /// Seals new payloads under this key from now on.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the key is not known; the field is `key`.
    pub fn activate(&self, id: &KeyId) -> Result<()> {
        let mut state = self.write();
        if !state.keys.contains_key(id) {
            return Err(key_not_known(id));
        }
        state.active = Some(id.clone());
        Ok(())
    }

    /// Stores new payloads unsealed from now on. The keys stay known.
    pub fn deactivate(&self) {
        self.write().active = None;
    }

    /// Forgets a key, and says whether it was known. All that was sealed under it is lost, unless the key is kept
    /// elsewhere.
    ///
    /// If it was the active one it stays so in name: saves are refused, rather than stored unsealed, until another key
    /// is activated or [`deactivate`](Self::deactivate) is called.
    pub fn destroy(&self, id: &KeyId) -> bool {
        self.write().keys.remove(id).is_some()
    }

    // No method panics halfway through a change, so a lock that a panicking thread left behind guards a whole state.

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyProvider for KeyRing {
    fn active(&self) -> Result<Option<KeyId>> {
        Ok(self.read().active.clone())
    }

    fn key(&self, id: &KeyId) -> Result<Option<SecretKey>> {
        Ok(self.read().keys.get(id).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn id(name: &str) -> KeyId {
        KeyId::new(name).unwrap()
    }

    fn secret(byte: u8) -> SecretKey {
        SecretKey::from_bytes(&[byte; 32])
    }

    #[test]
    fn nothing_prints_the_secret_bytes() {
        // As decimal list, as hexadecimal digits, as text and as base64.
        let bytes: [u8; 32] = *b"QZ9!QZ9!QZ9!QZ9!QZ9!QZ9!QZ9!QZ9!";
        let ring = KeyRing::with_active(id("one"), SecretKey::from_bytes(&bytes));
        for printed in [format!("{ring:?} {ring:#?}"), format!("{:?}", ring.key(&id("one")))] {
            assert!(printed.contains("SecretKey(..)"), "{printed}");
            for forbidden in ["81, 90", "51, 5a", "515a", "515A", "QZ9!", "UVo5"] {
                assert!(!printed.contains(forbidden), "{printed}");
            }
        }
    }

    #[test]
    fn the_active_key_destroyed_stays_active_in_name() {
        let ring = KeyRing::with_active(id("one"), secret(1));
        assert!(ring.destroy(&id("one")));
        assert!(!ring.destroy(&id("one")));
        assert_eq!(ring.active().unwrap(), Some(id("one")));
        assert!(ring.key(&id("one")).unwrap().is_none());
        ring.deactivate();
        assert_eq!(ring.active().unwrap(), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, u8),
        Activate(u8),
        Deactivate,
        Destroy(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..4_u8, 0..3_u8).prop_map(|(name, byte)| Step::Insert(name, byte)),
            (0..4_u8).prop_map(Step::Activate),
            Just(Step::Deactivate),
            (0..4_u8).prop_map(Step::Destroy),
        ]
    }

    proptest! {
        /// The model is an array of what each name stands for, and the name that is active.
        #[test]
        fn a_ring_does_as_an_array_of_keys(steps in prop::collection::vec(step(), 0..40)) {
            let ring = KeyRing::new();
            let named = |name: u8| id(&format!("key {name}"));
            let (mut keys, mut active) = ([None; 4], None);
            for step in steps {
                match step {
                    Step::Insert(name, byte) => {
                        let slot = &mut keys[usize::from(name)];
                        let expected = *slot.get_or_insert(byte) == byte;
                        let inserted = ring.insert(named(name), secret(byte));
                        prop_assert_eq!(inserted.is_ok(), expected);
                        if let Err(error) = inserted {
                            prop_assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
                        }
                    }
                    Step::Activate(name) => match ring.activate(&named(name)) {
                        Ok(()) => {
                            prop_assert!(keys[usize::from(name)].is_some());
                            active = Some(name);
                        }
                        Err(error) => {
                            prop_assert!(keys[usize::from(name)].is_none());
                            prop_assert_eq!((error.kind(), error.field()), (ErrorKind::NotFound, Some("key")));
                        }
                    },
                    Step::Deactivate => {
                        ring.deactivate();
                        active = None;
                    }
                    Step::Destroy(name) => {
                        prop_assert_eq!(ring.destroy(&named(name)), keys[usize::from(name)].take().is_some());
                    }
                }
                prop_assert_eq!(ring.active().unwrap(), active.map(named));
                for (name, byte) in (0..4).zip(keys) {
                    let found = ring.key(&named(name)).unwrap().map(|key| key.as_bytes()[0]);
                    prop_assert_eq!(found, byte);
                }
            }
        }
    }
}
