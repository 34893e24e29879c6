//! What a step's intent and outcome are stored as: a frame of the ritual cache (`ritual/frame.rs`) without an encoding or a
//! salt, that is a layout, flags, perhaps a key's id and a nonce, and the bytes, perhaps sealed; in base64, since it stands
//! in a record.

use base64ct::{Base64, Encoding};

use super::StepKey;
use crate::error::{Error, Result};
use crate::ritual::frame::{self, Sealing};
use crate::seal::{Associated, KeyId, NONCE_BYTES, NamedKey};
use crate::types::{AssistantId, RitualId, TenantId};

/// The longest intent, and the longest outcome: 64 KiB. What is larger belongs into the ritual's payload, or elsewhere,
/// with its name in the outcome.
pub const MAX_STEP_BYTES: usize = 64 << 10;

/// What a content belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) assistant: &'a AssistantId,
    pub(super) ritual: &'a RitualId,
    pub(super) key: &'a StepKey,
    pub(super) attempt: u64,
    /// `intent` or `outcome`.
    pub(super) part: &'static str,
}

impl Place<'_> {
    fn associated(&self) -> Associated {
        Associated::new("mythos 2026 step seal v1")
            .field(self.tenant.as_str().as_bytes())
            .field(self.assistant.as_str().as_bytes())
            .field(self.ritual.as_str().as_bytes())
            .field(self.key.as_str().as_bytes())
            .field(&self.attempt.to_le_bytes())
            .field(self.part.as_bytes())
    }
}

/// Refuses a content that is too long, before anything is made of it.
pub(super) fn check(field: &'static str, content: &[u8]) -> Result<()> {
    if content.len() > MAX_STEP_BYTES {
        let length = content.len();
        let message = format!("the {field} of a step has at most {MAX_STEP_BYTES} bytes, not {length}");
        return Err(Error::limit(field, message));
    }
    Ok(())
}

/// The stored form of a content, sealed if there is a key.
pub(super) fn write(
    place: Place<'_>,
    content: &[u8],
    seal: Option<(&NamedKey, [u8; NONCE_BYTES])>,
) -> Result<String> {
    let mut bytes = frame::begin(seal.map(|(key, _)| key.id()), None, content.len());
    bytes.extend_from_slice(content);
    let sealing = seal.map(|(key, nonce)| Sealing { key, nonce, associated: place.associated() });
    Ok(Base64::encode_string(&frame::finish(bytes, sealing)?))
}

/// The content behind a stored form; `key` gives the key that it is sealed under.
pub(super) fn read(
    place: Place<'_>,
    stored: &str,
    key: impl FnOnce(&KeyId) -> Result<NamedKey>,
) -> Result<Vec<u8>> {
    let damaged =
        |error: Error| error.while_doing(format_args!("read the {} of step {}", place.part, place.key));
    let bytes =
        Base64::decode_vec(stored).map_err(|_| damaged(Error::corrupt("what is stored is not base64")))?;
    let key = frame::key_of(&bytes).and_then(|id| id.as_ref().map(key).transpose()).map_err(damaged)?;
    let expected = key.as_ref().map(|key| (key, place.associated()));
    Ok(frame::open(bytes, expected).map_err(damaged)?.content().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::seal::{KeyRing, SecretKey};

    #[test]
    fn a_sealed_content_opens_in_its_own_place_only() {
        let (tenant, assistant) = (TenantId::default(), "ana".parse().unwrap());
        let (ritual, key) = ("refund".parse().unwrap(), "pay".parse().unwrap());
        let place = Place {
            tenant: &tenant,
            assistant: &assistant,
            ritual: &ritual,
            key: &key,
            attempt: 1,
            part: "intent",
        };
        let ring = KeyRing::with_active("k".parse().unwrap(), SecretKey::from_bytes(&[7; 32]));
        let named = NamedKey::active(&ring).unwrap().unwrap();
        let known = |id: &KeyId| NamedKey::known(&ring, id);
        let stored = write(place, b"50 EUR", Some((&named, [1; NONCE_BYTES]))).unwrap();
        assert_eq!(read(place, &stored, known).unwrap(), b"50 EUR");
        for other in [Place { attempt: 2, ..place }, Place { part: "outcome", ..place }] {
            assert_eq!(read(other, &stored, known).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        ring.destroy(&"k".parse().unwrap());
        assert_eq!(read(place, &stored, known).unwrap_err().field(), Some("key"));
        // Unsealed, it is what was given, behind two bytes.
        assert_eq!(write(place, b"", None).unwrap(), "AQA=");
    }
}
