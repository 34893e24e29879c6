//! What the ground floor costs: canonical JSON and the SQLite store, each beside its peer.
//!
//! `bench_store [DIRECTORY]`: the stores are written under DIRECTORY, or where temporary files are. It should lie on the
//! disk to be measured: a flush to memory costs nothing.

mod canonical;
mod store;

use std::path::PathBuf;

fn main() {
    let directory = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    canonical::run();
    println!();
    store::run(&directory);
}
