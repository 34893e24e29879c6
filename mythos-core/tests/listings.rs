//! The listings of the services, on the real tables in SQLite with 100,000 rows: none scans a table or sorts. Entries of
//! rituals are no rows; there are 100,000 of them in 20,000 rituals.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;
use std::time::Duration;

use mythos_core::codex::{Clause, CreateCodex, DirectivePath, ProofFilter, SymbolProof};
use mythos_core::restart::{
    DeployAssistant, Deployment, DeploymentFilter, DeploymentRestart, DeploymentSpec, ReportFailure,
    RestartFilter, StateName,
};
use mythos_core::ritual::{RitualFilter, RitualHeadFilter, RitualOptions, SaveRitual, SymbolicIntent};
use mythos_core::store::{Batch, MemoryStore, Model, RecordOp, SqliteStore, Store, copy};
use mythos_core::testing::simulated_runtime;
use mythos_core::types::{OperationId, RecordId, Timestamp, Version};
use mythos_core::{Mythos, Result, TABLES};
use serde_json::{Map, Value, json};

const ROWS: u64 = 100_000;
const BATCH: u64 = 10_000;

/// Writes many variations of a record, in batches; `vary` changes the body of number `n`.
fn fill<M: Model>(store: &SqliteStore, example: &M, vary: impl Fn(u64, &mut Map<String, Value>)) {
    let example = example.to_body().unwrap();
    for first in (0..ROWS).step_by(BATCH as usize) {
        let mut batch = Batch::new();
        for number in first..first + BATCH {
            let id: RecordId =
                OperationId::from_name(&format!("{}{number}", M::TABLE.name())).as_uuid().into();
            let mut body = example.clone();
            let second = i64::try_from(number).unwrap() * 1_000_000;
            body["created_at"] = json!(Timestamp::from_microseconds(second).unwrap());
            vary(number, &mut body);
            batch.records.push(RecordOp::Import { table: M::TABLE, id, version: Version::FIRST, body });
        }
        store.commit(&batch).unwrap();
    }
}

const RITUALS: u64 = 20_000;
const ASSISTANTS: u64 = 100;

/// A store of many rituals, each saved to in turn, one save a second.
fn rituals() -> MemoryStore {
    let store = MemoryStore::new();
    let (runtime, clock) = simulated_runtime(1, Timestamp::UNIX_EPOCH);
    let mythos = Mythos::with_store(Arc::new(store.clone()), runtime);
    for step in 0..ROWS / RITUALS {
        for number in 0..RITUALS {
            let (assistant, ritual) = (number % ASSISTANTS, number / ASSISTANTS);
            let save = SaveRitual::new(
                format!("assistant {assistant}").parse().unwrap(),
                format!("ritual {ritual}").parse().unwrap(),
            );
            let label = if number % 3 == 0 { "third" } else { "other" };
            let labels = ["common".to_owned(), label.to_owned()].into();
            let intent = SymbolicIntent { labels, ..SymbolicIntent::default() };
            clock.advance(Duration::from_secs(1));
            let payload = format!("{number} at {step}");
            mythos.rituals().save(&SaveRitual { intent, ..save }, payload.as_bytes()).unwrap();
        }
    }
    store
}

#[test]
fn no_listing_of_a_service_scans_or_sorts_at_a_hundred_thousand_rows() {
    let directory = tempfile::tempdir().unwrap();
    let mythos = Mythos::open(directory.path().join("mythos.db")).unwrap();
    let store = mythos.sqlite().unwrap();
    let ana = || "ana".parse().unwrap();

    copy(&rituals(), store, TABLES).unwrap();
    let clause = Clause { clause: "limit".parse().unwrap(), text: "at most 100".into() };
    let path = DirectivePath::new(["launch"]).unwrap();
    let create = CreateCodex::new("support".parse().unwrap(), vec![clause], path, "ana");
    let proof = mythos.codices().create(&create).unwrap();
    fill::<SymbolProof>(store, &proof, |number, body| {
        body["codex"] = json!(format!("codex {}", number % 50));
        body["sequence"] = json!(number);
        body["clause"] = json!(format!("clause {}", number % 11));
    });
    let supervisor = mythos.deployments().supervise(&"desk".parse().unwrap()).unwrap();
    let spec = DeploymentSpec::new("refund".parse().unwrap());
    supervisor.deploy(&DeployAssistant::new(ana(), spec)).unwrap();
    supervisor.report_failure(&ReportFailure::crashed(ana(), "killed".try_into().unwrap())).unwrap();
    let deployment = supervisor.deployment(&ana()).unwrap();
    fill::<Deployment>(store, &deployment, |number, body| {
        body["assistant"] = json!(format!("assistant {number}"));
        body["supervisor"] = json!(format!("supervisor {}", number % 10));
    });
    let restart = mythos.deployments().history(&RestartFilter::default(), None, 1).unwrap().items.remove(0);
    fill::<DeploymentRestart>(store, &restart, |number, body| {
        body["assistant"] = json!(format!("assistant {}", number % 100));
        body["supervisor"] = json!(format!("supervisor {}", number % 10));
    });

    let some = |name: &str| Some(name.to_owned());
    let moment = |second: i64| Some(Timestamp::from_microseconds(second * 1_000_000).unwrap());
    let (rituals, codices, deployments) = (mythos.rituals(), mythos.codices(), mythos.deployments());
    let assistant = || some("assistant 7").map(|name| name.parse().unwrap());
    let mut checked = 0;
    let mut holds = |what: &str, listing: &dyn Fn() -> Result<usize>| {
        let before = store.statistics();
        let found = listing().unwrap();
        let after = store.statistics();
        assert!(found > 0, "{what} finds something");
        assert_eq!(after.full_scan_steps - before.full_scan_steps, 0, "{what} scans");
        assert_eq!(after.sorts - before.sorts, 0, "{what} sorts");
        checked += 1;
    };

    let list = |filter: &RitualFilter, depth: usize| {
        let (mut found, mut after) = (0, None);
        for _ in 0..depth {
            let page = rituals.list(filter, after, 50)?;
            found += page.items.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    };
    let all = RitualFilter::default;
    holds("entries", &|| list(&all(), 3));
    holds("entries of an assistant", &|| list(&RitualFilter { assistant: assistant(), ..all() }, 3));
    let ritual = some("ritual 3").map(|name| name.parse().unwrap());
    let one = RitualFilter { assistant: assistant(), ritual: ritual.clone(), ..all() };
    holds("one ritual", &|| list(&one, 3));
    holds("a ritual of any assistant", &|| list(&RitualFilter { ritual: ritual.clone(), ..all() }, 1));
    holds("entries with a label", &|| list(&RitualFilter { labels: vec!["third".into()], ..all() }, 3));
    let span = RitualFilter { since: moment(5_000), before: moment(6_000), ..all() };
    holds("entries of a time", &|| list(&span, 3));

    let span = RitualFilter { since: moment(5_000), ..one.clone() };
    holds("one ritual since a time", &|| list(&span, 3));

    let heads = |filter: RitualHeadFilter| rituals.rituals(&filter, None, 50).map(|page| page.items.len());
    let any_head = RitualHeadFilter::default;
    holds("rituals", &|| heads(any_head()));
    holds("rituals of an assistant", &|| heads(RitualHeadFilter { assistant: assistant(), ..any_head() }));
    holds("rituals of a time", &|| heads(RitualHeadFilter { since: moment(90_000), ..any_head() }));
    let entry = rituals.list(&one, None, 1).unwrap().items.remove(0).entry;
    let fresh = mythos.clone().with_rituals(RitualOptions::default());
    holds("the ritual of an entry", &|| fresh.rituals().restore(entry).map(|_| 1));

    let proofs = |filter: ProofFilter| codices.list(&filter, None, 50).map(|page| page.items.len());
    let codex = || some("codex 5").map(|name| name.parse().unwrap());
    holds("proofs", &|| proofs(ProofFilter::default()));
    holds("proofs of a codex", &|| proofs(ProofFilter { codex: codex(), ..ProofFilter::default() }));
    let clause = some("clause 2").map(|name| name.parse().unwrap());
    holds("proofs of a clause", &|| {
        proofs(ProofFilter { codex: codex(), clause: clause.clone(), ..ProofFilter::default() })
    });
    holds("proofs of a time", &|| proofs(ProofFilter { before: moment(9_000), ..ProofFilter::default() }));
    holds("proofs of a codex and a time", &|| {
        proofs(ProofFilter {
            codex: codex(),
            since: moment(9_000),
            before: moment(90_000),
            ..ProofFilter::default()
        })
    });
    holds("codices", &|| codices.codices(None, 50).map(|page| page.items.len()));

    let desk = || some("supervisor 7").map(|name| name.parse().unwrap());
    let listed =
        |filter: DeploymentFilter| deployments.deployments(&filter, None, 50).map(|page| page.items.len());
    let any = DeploymentFilter::default;
    holds("deployments", &|| listed(any()));
    holds("deployments of a supervisor", &|| listed(DeploymentFilter { supervisor: desk(), ..any() }));
    holds("deployments of an assistant", &|| listed(DeploymentFilter { assistant: assistant(), ..any() }));
    let state = Some(StateName::BackingOff);
    holds("deployments in a state", &|| listed(DeploymentFilter { supervisor: desk(), state, ..any() }));

    let restarts =
        |filter: RestartFilter| deployments.history(&filter, None, 50).map(|page| page.items.len());
    let every = RestartFilter::default;
    holds("restarts", &|| restarts(every()));
    holds("restarts of an assistant", &|| restarts(RestartFilter { assistant: assistant(), ..every() }));
    holds("restarts of a supervisor", &|| restarts(RestartFilter { supervisor: desk(), ..every() }));
    holds("restarts of a time", &|| restarts(RestartFilter { since: moment(90_000), ..every() }));
    holds("the next timeout", &|| Ok(usize::from(supervisor.next_timeout()?.is_some())));
    assert_eq!(checked, 26);
}
