//! What a person sees while the demo works: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Result;

/// Elsewhere than on a terminal, so many lines tell of a run.
const LINES: u64 = 4;

/// The progress of one run of the audit.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    title: &'static str,
    steps: u64,
    told: u64,
    is_terminal: bool,
}

impl Progress {
    /// Begins a run of `steps` steps.
    pub(crate) fn new(title: &'static str, steps: u64) -> Result<Self> {
        let is_terminal = stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{prefix:>17} [{bar:32}] {pos}/{len} {msg}")?;
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_style(style.progress_chars("=> "));
        bar.set_prefix(title);
        Ok(Self { bar, title, steps, told: 0, is_terminal })
    }

    /// `step` is acknowledged.
    pub(crate) fn reach(&mut self, step: u64) {
        self.bar.set_position(step);
        let part = step * LINES / self.steps.max(1);
        if !self.is_terminal && part > self.told {
            self.told = part;
            eprintln!("{}: step {step} of {}", self.title, self.steps);
        }
    }

    /// So many kills were survived or are about to be.
    pub(crate) fn count_kills(&self, kills: u64) {
        self.bar.set_message(format!("killed {kills} times"));
    }

    /// Something happened that happens once.
    pub(crate) fn tell(&self, what: &str) {
        // The bar moves out of the way of a line, but swallows it when there is no bar.
        if self.is_terminal { self.bar.println(what) } else { eprintln!("{what}") }
    }

    /// The run is over.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
