//! `RitualCompressionCache`: checkpoints.

use mythos_core::ritual as core;
use mythos_core::types::{AssistantId, EntryId, RitualId};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict};

use crate::call::{answer, call};
use crate::convert::{self, arguments};
use crate::scores;

/// The checkpoints of assistants' state. Every method may be called from any thread.
#[derive(Debug)]
#[pyclass(module = "mythos", frozen)]
pub(crate) struct RitualCompressionCache(pub(crate) core::RitualCompressionCache);

#[pymethods]
impl RitualCompressionCache {
    /// Appends an entry with `payload` to a ritual and returns it. When this returns, the state survives what the store
    /// promises.
    ///
    /// `payload` is any bytes-like object of at most 64 MiB and kept byte for byte. `parent` says which entry must be
    /// the newest, by default whichever is. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (assistant, ritual, payload, *, intent = None, parent = None, operation = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn save<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        payload: &Bound<'py, PyAny>,
        intent: Option<&Bound<'py, PyAny>>,
        parent: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let save: core::SaveRitual =
            convert::request(py, arguments![assistant, ritual, intent, parent, operation])?;
        let payload = core::Payload::of(PyBackedBytes::from(convert::bytes("payload", payload)?));
        answer(py, || self.0.save_shared(&save, &payload))
    }

    /// Restores the newest entry of a ritual, verified; `None` if the ritual has none.
    ///
    /// `Corrupt` if what is stored is not what was saved; see `latest_verifiable`. `NotFound` with the field `key` if its
    /// key was destroyed.
    fn latest<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        let own = |payload: Vec<u8>| {
            Python::attach(|py| core::Payload::of(PyBackedBytes::from(PyBytes::new(py, &payload))))
        };
        let found = call(py, || self.0.latest_shared(&assistant, &ritual, own))?;
        let Some(core::SharedRitual { entry, payload, format }) = found else {
            return Ok(py.None().into_bound(py));
        };
        let restored = PyDict::new(py);
        restored.set_item(intern!(py, "entry"), convert::to_python(py, &entry)?)?;
        // The very object that was saved, or handed out before: bytes do not change.
        let payload = match payload.owner::<PyBackedBytes>() {
            Some(payload) => payload.into_pyobject(py)?,
            None => PyBytes::new(py, &payload),
        };
        restored.set_item(intern!(py, "payload"), payload)?;
        restored.set_item(intern!(py, "format"), format)?;
        Ok(restored.into_any())
    }

    /// Restores one entry, verified. `Corrupt` if what is stored is not what was saved.
    fn restore<'py>(&self, py: Python<'py>, entry: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let entry: EntryId = convert::argument("entry", entry)?;
        answer(py, || self.0.restore(entry))
    }

    /// The record of one entry, without its payload.
    fn entry<'py>(&self, py: Python<'py>, entry: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let entry: EntryId = convert::argument("entry", entry)?;
        answer(py, || self.0.entry(entry))
    }

    /// Restores the newest entry that verifies, before position `before` if that is given, and says which newer ones
    /// do not; `None` if none does.
    #[pyo3(signature = (assistant, ritual, *, before = None))]
    fn latest_verifiable<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        before: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        answer(py, || self.0.latest_verifiable(&assistant, &ritual, before))
    }

    /// Lists entries that pass all of the filters, newest first: by position if assistant and ritual are named,
    /// otherwise by time. `after` is the `next` of the page before.
    #[pyo3(signature = (
        *, assistant = None, ritual = None, labels = None, since = None, before = None, min_raw_bytes = None,
        max_raw_bytes = None, verified = None, after = None, limit = 100
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn list<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        ritual: Option<&Bound<'py, PyAny>>,
        labels: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        min_raw_bytes: Option<&Bound<'py, PyAny>>,
        max_raw_bytes: Option<&Bound<'py, PyAny>>,
        verified: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::RitualFilter = convert::request(
            py,
            arguments![assistant, ritual, labels, since, before, min_raw_bytes, max_raw_bytes, verified],
        )?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.list(&filter, after, limit))
    }

    /// Lists rituals by their heads, the last saved to first. No entry is read. `after` is the `next` of the page before.
    /// Rituals whose head is damaged are left out; `scrub` names them.
    #[pyo3(signature = (*, assistant = None, since = None, before = None, after = None, limit = 100))]
    fn rituals<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        since: Option<&Bound<'py, PyAny>>,
        before: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter: core::RitualHeadFilter = convert::request(py, arguments![assistant, since, before])?;
        let after = convert::optional("after", after)?;
        answer(py, || self.0.rituals(&filter, after, limit))
    }

    /// Verifies one entry by every way that leads to it: also damage that another way still makes good is found. Damage
    /// is not an error but a finding.
    fn verify<'py>(&self, py: Python<'py>, entry: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let entry: EntryId = convert::argument("entry", entry)?;
        answer(py, || self.0.verify(entry))
    }

    /// Trains a dictionary from the newest states of an assistant's rituals, and lets new states be compressed with it if
    /// it earns its bytes. It takes seconds; no save waits for it. What is stored already changes over with `compact`.
    fn train<'py>(&self, py: Python<'py>, assistant: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.train(&assistant))
    }

    /// The dictionaries of an assistant; `None` if it never had one.
    fn dictionaries<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.dictionaries(&assistant))
    }

    /// Makes what is stored as small as it can be, under the present dictionary and the active key, and deletes
    /// dictionaries that no entry needs. Restored payloads do not change.
    ///
    /// It may be interrupted at any point. Call it again with the `next` of its report as `after` until that is `None`.
    #[pyo3(signature = (*, assistant = None, cold_for_seconds = None, budget = None, after = None))]
    fn compact<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        cold_for_seconds: Option<&Bound<'py, PyAny>>,
        budget: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: core::CompactRituals =
            convert::request(py, arguments![assistant, cold_for_seconds, budget, after])?;
        answer(py, || self.0.compact(&request))
    }

    /// Deletes entries, at any position; every entry that stays restores as before. `what` says which: those that a
    /// policy does not keep, all of a ritual but some, or exactly some. `dry_run` only says what would go.
    ///
    /// It may be interrupted at any point. Call it again with the `next` of its report as `after` until that is `None`.
    #[pyo3(signature = (what, *, dry_run = false, budget = None, after = None))]
    fn prune<'py>(
        &self,
        py: Python<'py>,
        what: &Bound<'py, PyAny>,
        dry_run: bool,
        budget: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = core::PruneRituals {
            what: convert::argument("what", what)?,
            dry_run,
            budget: convert::optional("budget", budget)?.unwrap_or_default(),
            after: convert::optional("after", after)?,
        };
        answer(py, || self.0.prune(&request))
    }

    /// Deletes a ritual with all that is stored of it, damaged or not. Deleting what is not there is no error.
    fn delete_ritual<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        answer(py, || self.0.delete_ritual(&assistant, &ritual))
    }

    /// Deletes all that this cache holds of an assistant: its rituals, dictionaries and retention. Repeat the call until
    /// the `done` of its report. Stop the assistant first: what it saves meanwhile may stay.
    #[pyo3(signature = (assistant, *, budget = None))]
    fn delete_assistant<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        budget: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let budget: core::RitualBudget = convert::optional("budget", budget)?.unwrap_or_default();
        answer(py, || self.0.delete_assistant(&assistant, budget))
    }

    /// Begins the new ritual `ritual` with the state of an entry and returns its first entry, whose parent is that
    /// entry. `assistant` is by default that of the entry. With the same `operation`, a repetition is harmless.
    #[pyo3(signature = (entry, ritual, *, assistant = None, operation = None))]
    fn fork<'py>(
        &self,
        py: Python<'py>,
        entry: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        assistant: Option<&Bound<'py, PyAny>>,
        operation: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let fork: core::ForkRitual = convert::request(py, arguments![entry, ritual, assistant, operation])?;
        answer(py, || self.0.fork(&fork))
    }

    /// Copies a ritual wholly to `to_ritual`, under new ids. `to_assistant` is by default the same assistant. Repeat the
    /// call until the `done` of its report; until then the copy shows no entries.
    #[pyo3(signature = (assistant, ritual, to_ritual, *, to_assistant = None, budget = None))]
    fn copy<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        to_ritual: &Bound<'py, PyAny>,
        to_assistant: Option<&Bound<'py, PyAny>>,
        budget: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let copy: core::CopyRitual =
            convert::request(py, arguments![assistant, ritual, to_ritual, to_assistant, budget])?;
        answer(py, || self.0.copy(&copy))
    }

    /// Sets what is kept of each ritual of an assistant, now and of rituals to come; `None` keeps everything. It runs by
    /// itself: on a ritual with every 16th save, and on all rituals with `Mythos.maintain`.
    fn set_retention(
        &self,
        py: Python<'_>,
        assistant: &Bound<'_, PyAny>,
        policy: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let policy: Option<core::RetentionPolicy> = convert::optional("policy", policy)?;
        call(py, || self.0.set_retention(&assistant, policy))
    }

    /// What is kept of an assistant's rituals, and what that did so far; `None` if everything is kept.
    fn retention<'py>(&self, py: Python<'py>, assistant: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        answer(py, || self.0.retention(&assistant))
    }

    /// Verifies everything that is stored, and notes in each ritual's head what it saw, for the filter `verified` of
    /// `list`. Nothing is mended; damage is not an error but a finding.
    ///
    /// Call it again with the `next` of its report as `after` until that is `None`. A ritual whose head is gone without
    /// a trace is found if `assistant` and `ritual` name it.
    #[pyo3(signature = (*, assistant = None, ritual = None, budget = None, after = None))]
    fn scrub<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        ritual: Option<&Bound<'py, PyAny>>,
        budget: Option<&Bound<'py, PyAny>>,
        after: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request: core::ScrubRituals = convert::request(py, arguments![assistant, ritual, budget, after])?;
        answer(py, || self.0.scrub(&request))
    }

    /// Adds up what rituals take, from their heads; `by_encoding` reads the cards of all entries too. No payload is read.
    ///
    /// One call adds up at most 1,000 rituals, and by encoding about 100,000 entries. Call it again with the `next` of
    /// its answer as `after`, and `mythos.add_totals`, until that is `None`.
    #[pyo3(signature = (*, assistant = None, ritual = None, by_encoding = false, after = None))]
    fn totals<'py>(
        &self,
        py: Python<'py>,
        assistant: Option<&Bound<'py, PyAny>>,
        ritual: Option<&Bound<'py, PyAny>>,
        by_encoding: bool,
        after: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = totals_request(assistant, ritual, by_encoding, after)?;
        answer(py, || self.0.totals(&request))
    }

    /// How the states of a ritual grow: at most `max_points` of its entries, 2 to 1,000, evenly over their positions,
    /// oldest first, with the oldest and the newest. Empty if there is no such ritual.
    #[pyo3(signature = (assistant, ritual, *, max_points = 100))]
    fn curve<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        max_points: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        answer(py, || self.0.curve(&assistant, &ritual, max_points))
    }

    /// The stall that a ritual's newest entries end in; `None` if they do not. `min_length` and `threshold` are those of
    /// `mythos.stall`. At most 20,000 entries are looked at.
    #[pyo3(signature = (assistant, ritual, *, min_length = None, threshold = None))]
    fn stalled<'py>(
        &self,
        py: Python<'py>,
        assistant: &Bound<'py, PyAny>,
        ritual: &Bound<'py, PyAny>,
        min_length: Option<&Bound<'py, PyAny>>,
        threshold: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let assistant: AssistantId = convert::argument("assistant", assistant)?;
        let ritual: RitualId = convert::argument("ritual", ritual)?;
        let policy = scores::policy(py, min_length, threshold)?;
        answer(py, || self.0.stalled(&assistant, &ritual, &policy))
    }
}

/// Which rituals to add up, as the cache and its view take it.
pub(crate) fn totals_request(
    assistant: Option<&Bound<'_, PyAny>>,
    ritual: Option<&Bound<'_, PyAny>>,
    by_encoding: bool,
    after: Option<&Bound<'_, PyAny>>,
) -> PyResult<core::TotalRituals> {
    Ok(core::TotalRituals {
        assistant: convert::optional("assistant", assistant)?,
        ritual: convert::optional("ritual", ritual)?,
        by_encoding,
        after: convert::optional("after", after)?,
    })
}
