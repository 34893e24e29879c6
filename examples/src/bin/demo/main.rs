//! The survival demo: an assistant does real work, is killed again and again, and loses nothing.
//!
//! ```text
//! cargo run --release -p mythos-examples --bin demo -- [DIRECTORY] [--seed N] [--keep PATH] [--steps N]
//! ```
//!
//! Two processes take part in the first act. The *worker* is the assistant: it audits a source tree file by file, and its state (the
//! conversation so far, with the text of every file it read) is checkpointed after every step. The *supervisor* kills
//! it with SIGKILL at seeded moments, and brings it back the way the library says: it reports the failure, carries out
//! the effects it is handed, and answers them. Between two runs it also changes the rules of the audit, and damages the
//! newest checkpoint on disk. For every third file the assistant pays a fee, through the journal of steps: some kills come
//! in the middle of a payment, and each is made once. In the end the worker's report must be, byte for byte, that of a run nobody disturbed.
//!
//! In a second act, over the same files and in the same store, three workers in a rest-for-one group work from one another's
//! checkpoints: [`crew`].
//!
//! Read [`worker`] for the assistant, [`recovery`] for the host's side of a restart, and [`survival`] for the kills and
//! their accounting, and [`payments`] for what must not be done twice; the other modules hold one concept each.

mod checkpoints;
mod crew;
mod damage;
mod demo;
mod names;
mod options;
mod payments;
mod plan;
mod process;
mod progress;
mod protocol;
mod recovery;
mod report;
mod rules;
mod state;
mod stopwatch;
mod stored;
mod summary;
mod survival;
mod tree;
mod worker;

use std::process::ExitCode;

use options::Command;

/// What went wrong, for a person to read.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of everything in the demo.
type Result<T, E = Failure> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let outcome = Command::parse(std::env::args_os().skip(1)).and_then(|command| match command {
        Command::Help => {
            println!("{}", options::USAGE);
            Ok(true)
        }
        Command::Demo(options) => demo::run(&options),
        Command::Worker(assignment) => worker::run(&assignment).map(|()| true),
        Command::CrewWorker(post) => crew::worker::run(&post).map(|()| true),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("demo: {failure}");
            ExitCode::FAILURE
        }
    }
}
