//! What the codex log costs: beside other proof logs, and beside what its hashes alone cost.
//!
//! `bench_proof [DIRECTORY]`: the stores are written under DIRECTORY, or where temporary files are. It should lie on the
//! disk to be measured: a flush to memory costs nothing. `MYTHOS_PROOF_EVENTS` is the length of the longest log, a million
//! if not given. `WITNESS_LOG` is the command that measures witness-log; `make bench-proof` sets it.

mod append;
mod hashing;
mod many;
mod prove;
mod subject;

use std::path::PathBuf;

fn main() {
    let directory = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(directory).expect("the directory can be written");
    let events = std::env::var("MYTHOS_PROOF_EVENTS")
        .ok()
        .map_or(1_000_000, |events| events.parse().expect("MYTHOS_PROOF_EVENTS is a number"));
    println!(
        "Codex log: {} clauses, one replaced by each event, under {}",
        subject::CLAUSES,
        directory.path().display()
    );
    append::run(directory.path());
    prove::run(directory.path(), events);
    many::run(directory.path(), (events / 100).clamp(10, 10_000));
}
