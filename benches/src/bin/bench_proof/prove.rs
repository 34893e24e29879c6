//! Proofs and verification.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use mythos_benches::measure::{self, interleaved};
use mythos_benches::report;
use mythos_core::Mythos;
use mythos_core::codex::{CodexOptions, CodexTree, verify_chain};
use mythos_core::seal::SecretKey;
use mythos_core::store::{SqliteOptions, Synchronous};
use mythos_core::tlog::{Ed25519Signer, leaf_hash};
use sha2::Sha256;

use crate::{hashing, subject};

/// The size of the log in which witness-log is measured.
const WITNESS_LEAVES: u64 = 20_000;

/// What signs checkpoints of the measured codex.
pub(crate) fn signer(mythos: &Mythos) -> Ed25519Signer {
    let origin = mythos.codices().origin(&subject::codex());
    Ed25519Signer::from_seed(origin, &SecretKey::from_bytes(&[7; 32])).expect("a name of a key")
}

/// Positions that follow no order that a cache would like.
fn scattered(size: u64) -> impl FnMut() -> u64 {
    let mut at = 0_u64;
    move || {
        at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (at >> 11) % size
    }
}

pub(crate) fn run(directory: &Path, events: u64) {
    println!("\nProofs");
    let mut rows = Vec::new();
    let mut row = |what: String, seconds: f64| rows.push(vec![what, format!("{:.2}", seconds * 1e6)]);
    let mut figures = Vec::new();
    for size in [WITNESS_LEAVES, events.min(100_000), events] {
        let path = directory.join(format!("proofs-{size}.db"));
        let mut options = SqliteOptions::default();
        options.synchronous = Synchronous::Normal;
        let mythos = Mythos::open_with(&path, &options).expect("the store opens");
        let filling = measure::time(|| subject::fill(&mythos, size)).as_secs_f64();
        row(
            format!("{size} events: appending one, in batches of 4096, synchronous NORMAL"),
            filling / size as f64,
        );
        let mut again = None;
        let opening = measure::time(|| {
            let opened = Mythos::open_with(&path, &options).expect("the store opens");
            opened.codices().codex(&subject::codex()).expect("it is there");
            again = Some(opened);
        });
        drop(again);
        row(format!("{size} events: opening the store and reading the head"), opening.as_secs_f64());
        let of = |tile_bytes: u64| {
            let mythos = mythos.clone().with_codices(CodexOptions { tile_bytes, ..CodexOptions::default() });
            mythos.codices().tree(&subject::codex()).expect("it is there")
        };
        let (warm, cold) = (of(1 << 30), of(0));
        for index in (0..size).step_by(256) {
            warm.inclusion(index, None).expect("there is a proof");
        }
        let (mut one, mut two, mut three) = (scattered(size), scattered(size), scattered(size - 1));
        let [inclusion, from_sqlite, consistency] = interleaved([
            &mut || drop(black_box(warm.inclusion(one(), None))),
            &mut || drop(black_box(cold.inclusion(two(), None))),
            &mut || drop(black_box(warm.consistency(three() + 1, None))),
        ]);
        row(format!("{size} events: inclusion proof, tiles in memory"), inclusion);
        row(format!("{size} events: inclusion proof, tiles from SQLite"), from_sqlite);
        row(format!("{size} events: consistency proof, tiles in memory"), consistency);
        let over_hashes = verification(&mythos, &warm, size, &mut row);
        if size == WITNESS_LEAVES {
            peers(inclusion, &mut row, &mut figures);
        }
        if size == events {
            figures.push(("proof.inclusion_warm_us", inclusion * 1e6));
            figures.push(("proof.inclusion_sqlite_us", from_sqlite * 1e6));
            figures.push(("proof.verify_over_hash_cost", over_hashes));
        }
        mythos.close().expect("the store closes");
        if size == events {
            let bytes = std::fs::metadata(&path).expect("the file is there").len();
            figures.push(("proof.bytes_per_event", bytes as f64 / size as f64));
        }
    }
    chain(&mut row, &mut figures);
    report::table(&["", "us"], &rows);
    for (name, value) in figures {
        report::figure(name, value);
    }
}

/// The time of a verification over that of its hashes.
fn verification(mythos: &Mythos, tree: &CodexTree, size: u64, row: &mut impl FnMut(String, f64)) -> f64 {
    let index = size / 3;
    let proof = tree.inclusion(index, None).expect("there is a proof");
    let entry = mythos.codices().trail(&subject::codex(), index, 1).expect("it is there").items.remove(0);
    let (leaf, root) = (leaf_hash(entry.digest.as_bytes()), tree.head().tree_root);
    proof.verify(&leaf, &root).expect("the proof is sound");
    let bytes = [1_u8; 65];
    let [verify, hashes] = interleaved([
        &mut || proof.verify(black_box(&leaf), &root).expect("the proof is sound"),
        &mut || {
            for _ in 0..proof.hashes.len() {
                black_box(<Sha256 as sha2::Digest>::digest(black_box(&bytes)));
            }
        },
    ]);
    row(format!("{size} events: verifying an inclusion proof of {} hashes", proof.hashes.len()), verify);
    row(format!("{size} events: its hashes alone"), hashes);
    verify / hashes
}

/// The same proofs by others.
fn peers(ours: f64, row: &mut impl FnMut(String, f64), figures: &mut Vec<(&'static str, f64)>) {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    (0..WITNESS_LEAVES).for_each(|number| tree.push(number.to_le_bytes().to_vec()));
    let mut at = scattered(WITNESS_LEAVES);
    let [ct_merkle] = interleaved([&mut || drop(black_box(tree.prove_inclusion(at() as usize)))]);
    row(format!("{WITNESS_LEAVES} leaves: inclusion proof of ct-merkle, in memory"), ct_merkle);
    figures.push(("proof.inclusion_20k_over_ct_merkle", ct_merkle / ours));
    let Ok(command) = std::env::var("WITNESS_LOG") else {
        println!("  witness-log: not measured, since WITNESS_LOG names no command");
        return;
    };
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .args([WITNESS_LEAVES.to_string(), "100".to_owned()])
        .output()
        .expect("WITNESS_LOG runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let times: Vec<f64> = told.split_whitespace().filter_map(|time| time.parse().ok()).collect();
    let [append, inclusion] = times[..] else { panic!("WITNESS_LOG said {told:?}") };
    row(format!("{WITNESS_LEAVES} leaves: appending to witness-log, in memory"), append);
    row(format!("{WITNESS_LEAVES} leaves: inclusion proof of witness-log, in memory"), inclusion);
    figures.push(("proof.inclusion_20k_over_witness_log", inclusion / ours));
}

/// Verification of events: of their bytes, and whole.
fn chain(row: &mut impl FnMut(String, f64), figures: &mut Vec<(&'static str, f64)>) {
    const EVENTS: u64 = 50_000;
    let mythos = Mythos::in_memory();
    subject::fill(&mythos, EVENTS);
    let codices = mythos.codices();
    let signed = codices.checkpoint(&subject::codex(), &[&signer(&mythos)]).expect("it is signed");
    let mut events = Vec::new();
    let export = codices.export(&subject::codex(), &signed, 0, true, |file| {
        if file.path.starts_with("events/") {
            events.push(file.bytes);
        }
        Ok(())
    });
    export.expect("it is exported");
    let threads = |threads: usize| NonZeroUsize::new(threads).expect("not zero");
    let key = [7; 32];
    let [one, two, hashes] = interleaved([
        &mut || drop(black_box(verify_chain(&events, threads(1)))),
        &mut || drop(black_box(verify_chain(&events, threads(2)))),
        &mut || {
            for event in &events {
                black_box(blake3::keyed_hash(&key, event));
            }
        },
    ]);
    let each = |seconds: f64| seconds / EVENTS as f64;
    row("verifying the chain of bytes, one thread, each event".to_owned(), each(one));
    row("verifying the chain of bytes, two threads, each event".to_owned(), each(two));
    row("BLAKE3 of the bytes alone, each event".to_owned(), each(hashes));
    let whole = measure::time(|| drop(black_box(codices.verify(&subject::codex())))).as_secs_f64();
    row("verifying whole, by replay, each event".to_owned(), each(whole));
    row("one node of the log's tree".to_owned(), hashing::node());
    figures.push(("proof.chain_verify_per_s", 1.0 / each(one)));
    figures.push(("proof.chain_verify_over_hash_limit", hashes / one));
    figures.push(("proof.chain_verify_two_threads_over_one", one / two));
    figures.push(("proof.replay_verify_per_s", 1.0 / each(whole)));
}
