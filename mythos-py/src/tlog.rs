//! `mythos.tlog`: who signs checkpoints, and what anyone can verify of a log without it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mythos_core::codex::{EvidenceBundle, verify_chain as verify_chain_of};
use mythos_core::tlog::{
    self as core, ConsistencyProof, EquivocationEvidence, InclusionProof, LogProof, NoteSigner, Policy,
    SignedCheckpoint, TreeHash, VerifierKey,
};
use mythos_core::{Error, ErrorKind, Result};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};
use serde::Serialize;

use crate::call::{answer, call};
use crate::keys::secret;
use crate::{convert, errors, host, interpreter};

/// The signers that a caller hands over: each an `Ed25519Signer`, or any object with a `verifier_key` and a `sign`.
pub(crate) fn signers(signers: &Bound<'_, PyAny>) -> PyResult<Vec<Arc<dyn NoteSigner>>> {
    let items = convert::items("signers", signers)?.enumerate();
    items.map(|(at, signer)| from_python(&format!("signers[{at}]"), &signer?)).collect()
}

/// The signer that is given as `field`.
fn from_python(field: &str, signer: &Bound<'_, PyAny>) -> PyResult<Arc<dyn NoteSigner>> {
    if let Ok(signer) = signer.cast::<Ed25519Signer>() {
        return Ok(Arc::<core::Ed25519Signer>::clone(&signer.get().0));
    }
    host::require(signer, field, "signer", &["sign"])?;
    let py = signer.py();
    let key = signer.getattr_opt(intern!(py, "verifier_key")).map_err(|error| {
        errors::from_core(py, &errors::from_host(py, "the signer's verifier_key", None, error).into())
    })?;
    let Some(key) = key else {
        let message = format!("a {} is no signer: it has no verifier_key", signer.get_type());
        return Err(errors::new(py, ErrorKind::Invalid, &message, Some(field)));
    };
    let key: VerifierKey = convert::argument(&format!("{field}.verifier_key"), &key)?;
    Ok(Arc::new(PythonSigner { object: signer.clone().unbind(), key }))
}

/// A signer written in Python.
#[derive(Debug)]
struct PythonSigner {
    object: Py<PyAny>,
    /// What it says that its key is; asked for once, since it is always the same.
    key: VerifierKey,
}

impl NoteSigner for PythonSigner {
    fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>> {
        const SIGN: &str = "the signer's sign";
        let signature = interpreter::go_out(|py| {
            let signature = self.object.bind(py).call_method1(intern!(py, "sign"), (text,));
            let signature = signature.map_err(|error| errors::from_host(py, SIGN, None, error))?;
            let bytes =
                convert::read_bytes(&signature).map_err(|unfit| unfit.of_host("the signer", "sign"))?;
            Ok(bytes.as_bytes().to_vec())
        });
        Ok(signature.unwrap_or_else(|| Err(host::ended(SIGN)))?)
    }
}

/// Signs checkpoints with Ed25519, with a key in memory that is overwritten when it is dropped, and printed by nothing.
/// Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos.tlog", frozen)]
pub(crate) struct Ed25519Signer(Arc<core::Ed25519Signer>);

#[pymethods]
impl Ed25519Signer {
    /// The key pair that belongs to 32 secret bytes (RFC 8032). `name` is the origin of the log that it signs.
    #[new]
    fn new(py: Python<'_>, name: &Bound<'_, PyAny>, seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (name, seed): (String, _) = (convert::argument("name", name)?, secret("seed", seed)?);
        call(py, || core::Ed25519Signer::from_seed(name, &seed)).map(|signer| Self(Arc::new(signer)))
    }

    /// The signer whose `private_text` this is, `PRIVATE+KEY+NAME+ID+BASE64`. No error repeats any of it; the text itself
    /// remains the caller's to keep secret.
    #[staticmethod]
    fn from_private_text(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        private(text, core::Ed25519Signer::parse_private).map(|signer| Self(Arc::new(signer)))
    }

    /// The private key as text: whoever has it can sign. Python overwrites no copy of it.
    fn private_text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        Ok(PyString::new(py, &call(py, || self.0.private_text())?))
    }

    /// The public half, as C2SP signed notes write it: `NAME+ID+BASE64`.
    #[getter]
    fn verifier_key(&self) -> String {
        self.0.verifier_key().to_string()
    }

    /// Signs the text of a note, which ends in a newline: 64 bytes.
    fn sign<'py>(&self, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = text.py();
        let text: String = convert::argument("text", text)?;
        Ok(PyBytes::new(py, &call(py, || self.0.sign(&text))?))
    }
}

/// Cosigns checkpoints as a witness does, with a key in memory that is overwritten when it is dropped, and printed by
/// nothing. Every method may be called from any thread.
///
/// A cosignature says that this is the largest consistent tree of its log that the cosigner has seen at that time. The
/// caller sees to it that this is true.
#[derive(Debug)]
#[pyclass(module = "mythos.tlog", frozen)]
pub(crate) struct CosignatureSigner(core::CosignatureSigner);

#[pymethods]
impl CosignatureSigner {
    /// The key pair that belongs to 32 secret bytes (RFC 8032), which no other cosigner has.
    #[new]
    fn new(py: Python<'_>, name: &Bound<'_, PyAny>, seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (name, seed): (String, _) = (convert::argument("name", name)?, secret("seed", seed)?);
        call(py, || core::CosignatureSigner::from_seed(name, &seed)).map(Self)
    }

    /// The signer whose `private_text` this is, `PRIVATE+KEY+NAME+ID+BASE64`. No error repeats any of it; the text itself
    /// remains the caller's to keep secret.
    #[staticmethod]
    fn from_private_text(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        private(text, core::CosignatureSigner::parse_private).map(Self)
    }

    /// The private key as text: whoever has it can cosign. Python overwrites no copy of it.
    fn private_text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        Ok(PyString::new(py, &call(py, || self.0.private_text())?))
    }

    /// The public half, as C2SP signed notes write it: `NAME+ID+BASE64`.
    #[getter]
    fn verifier_key(&self) -> String {
        self.0.verifier_key().to_string()
    }

    /// The checkpoint with a cosignature at `unix_seconds`, which takes the place of an older one of this cosigner.
    fn cosign(&self, py: Python<'_>, checkpoint: &Bound<'_, PyAny>, unix_seconds: u64) -> PyResult<String> {
        let mut checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
        call(py, || {
            checkpoint.add_cosignature(&self.0.at(unix_seconds)?)?;
            Ok::<_, Error>(checkpoint.to_string())
        })
    }
}

/// The signer that the argument `text` is the private text of. It is read as Python holds it, so that no copy is left behind,
/// and no error repeats any of it.
fn private<T>(text: &Bound<'_, PyAny>, parse: impl FnOnce(&str) -> Result<T>) -> PyResult<T> {
    let refused = |kind, message: &str| errors::new(text.py(), kind, message, Some("text"));
    let read = text.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
    let read = read.ok_or_else(|| refused(ErrorKind::Invalid, "text: a private key is a str"))?;
    parse(read).map_err(|error| refused(error.kind(), &error.to_string()))
}

/// What a checkpoint says.
#[derive(Serialize)]
struct Checkpoint<'a> {
    origin: &'a str,
    size: u64,
    root: TreeHash,
    extensions: &'a [String],
}

/// Reads a checkpoint. Nothing in it may be believed before `evaluate_policy`.
#[pyfunction]
pub(crate) fn read_checkpoint<'py>(checkpoint: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let signed: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
    let told = signed.checkpoint();
    let (origin, size, root, extensions) = (told.origin(), told.size(), told.root(), told.extensions());
    convert::to_python(checkpoint.py(), &Checkpoint { origin, size, root, extensions })
}

/// The hash of a leaf that holds `data`, in base64. The data of an event's leaf are the 32 bytes of its digest.
#[pyfunction]
pub(crate) fn leaf_hash(data: &Bound<'_, PyAny>) -> PyResult<String> {
    let bytes = convert::bytes("data", data)?;
    let bytes = bytes.as_bytes();
    call(data.py(), || Ok::<_, Error>(core::leaf_hash(bytes).to_string()))
}

/// Verifies that the tree with this `root` holds this `leaf` where `proof` says. `Corrupt` if it does not.
#[pyfunction]
pub(crate) fn verify_inclusion(
    proof: &Bound<'_, PyAny>,
    leaf: &Bound<'_, PyAny>,
    root: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = proof.py();
    let proof: InclusionProof = convert::argument("proof", proof)?;
    let leaf: TreeHash = convert::argument("leaf", leaf)?;
    let root: TreeHash = convert::argument("root", root)?;
    call(py, || proof.verify(&leaf, &root))
}

/// Verifies that the tree with `new_root` begins with all of the tree with `old_root`. `Corrupt` if it does not.
#[pyfunction]
pub(crate) fn verify_consistency(
    proof: &Bound<'_, PyAny>,
    old_root: &Bound<'_, PyAny>,
    new_root: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = proof.py();
    let proof: ConsistencyProof = convert::argument("proof", proof)?;
    let old_root: TreeHash = convert::argument("old_root", old_root)?;
    let new_root: TreeHash = convert::argument("new_root", new_root)?;
    call(py, || proof.verify(&old_root, &new_root))
}

/// The policy that believes the log with this key, with no witness.
#[pyfunction]
pub(crate) fn policy_of_log(verifier_key: &Bound<'_, PyAny>) -> PyResult<String> {
    let key: VerifierKey = convert::argument("verifier_key", verifier_key)?;
    call(verifier_key.py(), || Policy::of_log(key).map(|policy| policy.to_string()))
}

/// What a policy says of a checkpoint.
#[derive(Serialize)]
struct Verdict {
    is_met: bool,
    log: Option<VerifierKey>,
    witnesses: Vec<WitnessSignature>,
    has_quorum: bool,
}

/// A witness that cosigned.
#[derive(Serialize)]
struct WitnessSignature {
    name: String,
    key: VerifierKey,
    time: u64,
}

impl From<core::Verdict> for Verdict {
    fn from(verdict: core::Verdict) -> Self {
        let is_met = verdict.is_met();
        let witnesses = verdict.witnesses.into_iter().map(|witness| WitnessSignature {
            name: witness.name,
            key: witness.key,
            time: witness.time,
        });
        let witnesses = witnesses.collect();
        let log = verdict.log.map(|signed| signed.key);
        Self { is_met, log, witnesses, has_quorum: verdict.has_quorum }
    }
}

/// Verifies the signatures of a checkpoint by the policy's logs and witnesses, and says whether they are enough.
/// `Corrupt` if a signature of a key of the policy is not the key's.
#[pyfunction]
pub(crate) fn evaluate_policy<'py>(
    policy: &Bound<'py, PyAny>,
    checkpoint: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = policy.py();
    let policy: Policy = convert::argument("policy", policy)?;
    let checkpoint: SignedCheckpoint = convert::argument("checkpoint", checkpoint)?;
    answer(py, || policy.evaluate(&checkpoint).map(Verdict::from))
}

/// Verifies that a log which `policy` believes holds an entry with the data `leaf_data` where `proof` says, and gives what
/// the policy says of its checkpoint. `Corrupt` if it does not. Nothing else is needed: no store, no network.
#[pyfunction]
pub(crate) fn verify_log_proof<'py>(
    proof: &Bound<'py, PyAny>,
    leaf_data: &Bound<'py, PyAny>,
    policy: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = proof.py();
    let proof: LogProof = convert::argument("proof", proof)?;
    let leaf_data = convert::bytes("leaf_data", leaf_data)?;
    let leaf_data = leaf_data.as_bytes();
    let policy: Policy = convert::argument("policy", policy)?;
    answer(py, || proof.verify(&core::leaf_hash(leaf_data), &policy).map(Verdict::from))
}

/// Verifies an evidence bundle against the keys of `policy`, and gives what it proves. `Corrupt` if anything does not
/// follow from its checkpoint, or that is not signed as the policy asks. Nothing else is needed: no store, no network.
#[pyfunction]
pub(crate) fn verify_evidence<'py>(
    bundle: &Bound<'py, PyAny>,
    policy: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = bundle.py();
    let bundle: String = convert::argument("bundle", bundle)?;
    let policy: Policy = convert::argument("policy", policy)?;
    answer(py, || EvidenceBundle::from_json(&bundle)?.verify(&policy))
}

/// Verifies that `events`, such as the files that `export` writes, are a chain from the beginning of a log: that each names
/// the digest of the one before it. Gives the digest of the last, which stands for them all; `None` for no events.
/// `Corrupt` at the first that does not.
#[pyfunction]
#[pyo3(signature = (events, *, threads = 1))]
pub(crate) fn verify_chain(events: &Bound<'_, PyAny>, threads: u32) -> PyResult<Option<String>> {
    let py = events.py();
    let Some(threads) = NonZeroUsize::new(threads as usize) else {
        return Err(errors::new(
            py,
            ErrorKind::Invalid,
            "a chain is verified by one thread or more",
            Some("threads"),
        ));
    };
    let mut read = Vec::new();
    for (at, event) in convert::items("events", events)?.enumerate() {
        read.push(PyBackedBytes::from(convert::bytes(&format!("events[{at}]"), &event?)?));
    }
    call(py, || verify_chain_of(&read, threads).map(|last| last.map(|last| last.to_string())))
}

/// Verifies that one of `log_keys` signed both checkpoints of the evidence, which are of one size and different roots,
/// and gives that key: its log lied. `Corrupt` if that is not so.
#[pyfunction]
pub(crate) fn verify_equivocation(
    evidence: &Bound<'_, PyAny>,
    log_keys: &Bound<'_, PyAny>,
) -> PyResult<String> {
    let py = evidence.py();
    let evidence: String = convert::argument("evidence", evidence)?;
    let log_keys: Vec<VerifierKey> = convert::argument("log_keys", log_keys)?;
    call(py, || {
        let evidence: EquivocationEvidence = evidence.parse()?;
        evidence.verify(&log_keys).map(ToString::to_string)
    })
}
