//! No record body makes a record type's decoder panic, and what one accepts is written as a body that it accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mythos_core::codex::{CodexHead, SymbolProof};
use mythos_core::healing::{HealingEvent, HealingNumbering, HealingScope, HealingTarget};
use mythos_core::journal::{StepJournalHead, StepRecord};
use mythos_core::restart::{Deployment, DeploymentRestart};
use mythos_core::ritual::{RitualDictionaries, RitualHead};
use mythos_core::store::{Model, Record};
use mythos_core::types::{RecordId, Version};
use serde_json::{Map, Value};

fn round_trip<M: Model>(record: &Record) {
    let Ok(model) = M::from_record(record) else { return };
    let body = model.to_body().expect("a decoded record is an object");
    let again = Record { body, ..record.clone() };
    let again = M::from_record(&again).expect("what a record type writes it reads");
    assert_eq!(again.to_body().expect("a decoded record is an object"), model.to_body().expect("as before"));
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    let id = RecordId::new(b"fuzz").expect("an id of four bytes");
    let record = Record { id, version: Version::FIRST, body };
    round_trip::<RitualHead>(&record);
    round_trip::<RitualDictionaries>(&record);
    round_trip::<StepJournalHead>(&record);
    round_trip::<StepRecord>(&record);
    round_trip::<SymbolProof>(&record);
    round_trip::<CodexHead>(&record);
    round_trip::<Deployment>(&record);
    round_trip::<DeploymentRestart>(&record);
    round_trip::<HealingScope>(&record);
    round_trip::<HealingNumbering>(&record);
    round_trip::<HealingTarget>(&record);
    round_trip::<HealingEvent>(&record);
});
