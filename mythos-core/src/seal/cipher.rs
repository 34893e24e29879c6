//! XChaCha20-Poly1305 over a part of a buffer, where it lies.
//!
//! Source: draft-irtf-cfrg-xchacha-03, section 2, on RFC 8439, section 2.8. The construction hides and authenticates,
//! but does not commit to its key: who knows two keys can make bytes that open under both. What is opened is therefore
//! still held against the commitment of what was saved.

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

use super::{Associated, KeyId, KeyProvider, SecretKey};
use crate::error::{Error, Result};

/// The length of a nonce. At 192 bits, nonces drawn at random do not collide (the draft's section 2.1).
pub(crate) const NONCE_BYTES: usize = 24;

/// How much longer sealed bytes are than plain ones: the authentication tag at their end (RFC 8439, section 2.5).
pub(crate) const TAG_BYTES: usize = 16;

/// A key with its id, as the provider gave them.
#[derive(Debug, Clone)]
pub(crate) struct NamedKey {
    id: KeyId,
    secret: SecretKey,
}

impl NamedKey {
    /// The key to seal with; `None` if payloads are to be stored unsealed.
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) of the field `key` if the provider does not know the key that
    /// it calls active: storing the payload unsealed would betray what the host asked for.
    pub(crate) fn active(provider: &dyn KeyProvider) -> Result<Option<Self>> {
        let id = provider.active().map_err(|error| error.while_doing("ask for the active key"))?;
        let key = id.map(|id| Self::known(provider, &id));
        key.transpose().map_err(|error| error.while_doing("seal with the active key"))
    }

    /// The key to open with.
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) of the field `key` if the provider does not know it.
    pub(crate) fn known(provider: &dyn KeyProvider, id: &KeyId) -> Result<Self> {
        match provider.key(id) {
            Ok(Some(secret)) => Ok(Self { id: id.clone(), secret }),
            Ok(None) => Err(key_not_known(id)),
            Err(error) => Err(error.while_doing(format_args!("ask for the key {:?}", id.as_str()))),
        }
    }

    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    /// Seals `buffer[start..]` in place and appends the tag. The bytes are bound to `associated` and to the key's id.
    ///
    /// The same `nonce` must never be used twice with one key. With room for [`TAG_BYTES`] more in `buffer` nothing is
    /// copied; without, the buffer moves once.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: Associated,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<()> {
        // Exactly, because growing by half or double would cost as much memory again.
        buffer.reserve_exact(TAG_BYTES);
        let associated = self.bind(associated);
        let plain = buffer.get_mut(start..).ok_or_else(|| starts_behind_its_end(start))?;
        let tag = encrypt(&self.secret, nonce, associated.as_bytes(), plain)?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens `buffer[start..]`, which ends in the tag, in place, and cuts the tag off.
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if these are not the bytes that [`seal`](Self::seal) made with the
    /// same key, nonce and associated fields; `buffer` is then as it was.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: Associated,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<()> {
        let sealed = buffer.get_mut(start..).ok_or_else(|| starts_behind_its_end(start))?;
        let Some((body, tag)) = sealed.split_last_chunk_mut() else {
            let length = sealed.len();
            let message = format!("sealed bytes have at least the {TAG_BYTES} of their tag, not {length}");
            return Err(Error::corrupt(message));
        };
        if !decrypt(&self.secret, nonce, self.bind(associated).as_bytes(), body, tag) {
            return Err(Error::corrupt(format!(
                "the key {:?} does not open these bytes: they, or the place they are in, are not what was sealed",
                self.id.as_str()
            )));
        }
        buffer.truncate(buffer.len() - TAG_BYTES);
        Ok(())
    }

    /// The id is bound too: it is stored beside the bytes, and two ids could stand for the same key by mistake.
    fn bind(&self, associated: Associated) -> Associated {
        associated.field(self.id.as_str().as_bytes())
    }
}

/// The error for a key that is gone, or was never there: what it sealed cannot be read.
pub(super) fn key_not_known(id: &KeyId) -> Error {
    let message = format!("the key {:?} is not known: destroyed, or not given", id.as_str());
    Error::not_found(message).with_field("key")
}

fn starts_behind_its_end(start: usize) -> Error {
    Error::internal(format!("the sealed part of a buffer begins at {start}, behind the buffer's end"))
}

/// Encrypts `bytes` in place and returns the tag.
fn encrypt(
    key: &SecretKey,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    bytes: &mut [u8],
) -> Result<[u8; TAG_BYTES]> {
    let length = bytes.len();
    let tag = XChaCha20Poly1305::new(key.as_bytes().into())
        .encrypt_inout_detached(nonce.into(), associated, InOutBuf::from(bytes))
        // RFC 8439, section 2.8: the block counter has 32 bits.
        .map_err(|_| Error::limit("payload", format!("{length} bytes are more than one nonce can seal")))?;
    Ok(tag.into())
}

/// Decrypts `bytes` in place if `tag` is theirs; otherwise returns false and leaves them as they are.
fn decrypt(
    key: &SecretKey,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    bytes: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> bool {
    XChaCha20Poly1305::new(key.as_bytes().into())
        .decrypt_inout_detached(nonce.into(), associated, InOutBuf::from(bytes), tag.into())
        .is_ok()
}

#[cfg(test)]
mod tests;
