//! What signs checkpoints: keys in memory, or an object in JavaScript.

use std::sync::Arc;
use std::time::Duration;

use mythos_core::Result;
use mythos_core::seal::SecretKey;
use mythos_core::store::StoreError;
use mythos_core::tlog::{CosignatureSigner, Ed25519Signer, NoteSigner, SignedCheckpoint, VerifierKey};
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde_bytes::ByteBuf;

use crate::callback::{Arguments, Callback};
use crate::calls::Lane;
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::host::{Host, defect};
use crate::value::{Value, from_value};

/// Any signer of notes, as a handle.
#[napi]
#[derive(Debug, Clone)]
pub struct NativeSigner {
    signer: Arc<dyn NoteSigner>,
    lane: Lane,
}

#[napi]
impl NativeSigner {
    /// The key that belongs to a name and 32 secret bytes.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn ed25519(name: Argument, seed: Argument) -> Outcome<NativeSigner> {
        let signer = named_seed(name, seed).and_then(|(name, seed)| {
            let signer = Ed25519Signer::from_seed(name, &seed)?;
            Ok(Self { signer: Arc::new(signer), lane: Lane::Native })
        });
        Outcome(signer)
    }

    /// A signer in JavaScript. `call(id, method, text)` must not throw; each call is answered by `settleCall`.
    #[napi(
        ts_args_type = "verifierKey: Argument, timeoutMs: number, call: (id: number, method: string, text: unknown) => void",
        ts_return_type = "Outcome<NativeSigner>"
    )]
    pub fn host(
        verifier_key: Argument,
        timeout_ms: f64,
        call: Function<'_, Arguments, ()>,
    ) -> napi::Result<Outcome<Self>> {
        let key = match verifier_key.parse("verifierKey") {
            Ok(key) => key,
            Err(failure) => return Ok(Outcome(Err(failure))),
        };
        let timeout = Duration::from_millis(timeout_ms as u64);
        let host = Host::new("the signer", timeout, Callback::new(&call)?);
        Ok(Outcome(Ok(Self { signer: Arc::new(HostSigner { key, host }), lane: Lane::Hosted })))
    }

    /// The public half, with the name.
    #[napi]
    pub fn verifier_key(&self) -> String {
        self.signer.verifier_key().to_string()
    }
}

/// A signer in JavaScript.
#[derive(Debug)]
struct HostSigner {
    key: VerifierKey,
    host: Host,
}

impl NoteSigner for HostSigner {
    fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>> {
        let answer = self.host.call("sign", Value::Text(text.to_owned())).map_err(StoreError::from)?;
        let signature: ByteBuf = from_value(answer)
            .map_err(|error| defect(format!("{} returned a wrong type: {error}", self.host.name("sign"))))?;
        Ok(signature.into_vec())
    }
}

/// The signers of one checkpoint: what an asynchronous call can take.
#[napi]
#[derive(Debug, Clone)]
pub struct NativeSigners {
    signers: Vec<Arc<dyn NoteSigner>>,
    lane: Lane,
}

impl NativeSigners {
    /// The signers, in order.
    pub(crate) fn list(&self) -> Vec<Arc<dyn NoteSigner>> {
        self.signers.clone()
    }

    /// Where calls that ask them run.
    pub(crate) const fn lane(&self) -> Lane {
        self.lane
    }
}

#[napi]
impl NativeSigners {
    /// No signers.
    #[napi(factory)]
    pub fn empty() -> Self {
        Self { signers: Vec::new(), lane: Lane::Native }
    }

    /// Adds one.
    #[napi]
    pub fn add(&mut self, signer: &NativeSigner) {
        self.signers.push(Arc::clone(&signer.signer));
        if signer.lane == Lane::Hosted {
            self.lane = Lane::Hosted;
        }
    }
}

/// `CosignatureSigner` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeCosigner(CosignatureSigner);

#[napi]
impl NativeCosigner {
    /// The key that belongs to a name and 32 secret bytes.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn from_seed(name: Argument, seed: Argument) -> Outcome<NativeCosigner> {
        let cosigner = named_seed(name, seed)
            .and_then(|(name, seed)| Ok(Self(CosignatureSigner::from_seed(name, &seed)?)));
        Outcome(cosigner)
    }

    /// The public half, with the name.
    #[napi]
    pub fn verifier_key(&self) -> String {
        self.0.verifier_key().to_string()
    }

    /// A signed checkpoint with its cosignature.
    #[napi]
    pub fn cosign(&self, checkpoint: Argument, unix_seconds: Argument) -> Outcome<String> {
        let cosigned = || -> std::result::Result<_, Failure> {
            let mut checkpoint: SignedCheckpoint = checkpoint.parse("checkpoint")?;
            checkpoint.add_cosignature(&self.0.at(unix_seconds.parse("unixSeconds")?)?)?;
            Ok(checkpoint.to_string())
        };
        Outcome(cosigned())
    }
}

fn named_seed(name: Argument, seed: Argument) -> std::result::Result<(String, SecretKey), Failure> {
    let (name, seed): (_, ByteBuf) = (name.parse("name")?, seed.parse("seed")?);
    Ok((name, SecretKey::from_slice(&seed)?))
}
