//! `RitualCompressionCache`: checkpoints.

use mythos_core::ritual as core;
use mythos_core::types::{AssistantId, EntryId, RitualId};
use pyo3::prelude::*;

use crate::call::answer;
use crate::convert::{self, arguments};

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
        let payload = convert::bytes("payload", payload)?;
        let payload = payload.as_bytes();
        answer(py, || self.0.save(&save, payload))
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
        answer(py, || self.0.latest(&assistant, &ritual))
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

    /// Verifies one entry: its record against its signature, its frame and its payload against their digests. Damage is
    /// not an error but a finding.
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
}
