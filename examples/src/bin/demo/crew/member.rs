//! One of the crew, as its host sees it.

use mythos_core::restart::EffectId;
use mythos_core::types::Digest;

use super::post::Post;
use crate::Result;
use crate::process::Worker;
use crate::protocol::Line;

/// One of the crew: what is known of it, and its process while it has one.
pub(super) struct Member {
    /// Who it is, and what it is launched with.
    pub(super) post: Post,
    /// Its process.
    worker: Option<Worker>,
    /// The stop that it was asked for.
    pub(super) ending: Option<EffectId>,
    /// The digest of the state that was restored last.
    pub(super) restored: Option<Digest>,
    /// The last step whose save was acknowledged.
    pub(super) acknowledged: u64,
    /// Whether it made its last step.
    pub(super) is_done: bool,
    /// Acknowledged steps that were gone after a launch.
    pub(super) lost: u64,
}

impl Member {
    /// One that was not launched yet.
    pub(super) const fn new(post: Post) -> Self {
        let (worker, ending, restored) = (None, None, None);
        Self { post, worker, ending, restored, acknowledged: 0, is_done: false, lost: 0 }
    }

    /// Launches it from the entry of its post, and ends what still ran of it. It is ready when it has restored exactly the
    /// bytes that were verified here.
    pub(super) fn launch(&mut self) -> Result<()> {
        self.kill()?;
        self.is_done = false;
        let mut worker = Worker::launch(self.post.arguments())?;
        match worker.next_line()? {
            Line::Ready { entry, payload, step }
                if entry == self.post.entry && Some(payload) == self.restored =>
            {
                self.lost += self.acknowledged.saturating_sub(step);
                self.acknowledged = step;
                self.worker = Some(worker);
                Ok(())
            }
            line => Err(format!("launched from {}, {} says: {line}", self.post.entry, self.post.role).into()),
        }
    }

    /// The next thing that it has said.
    pub(super) fn heard(&mut self) -> Result<Option<Line>> {
        let Some(worker) = &mut self.worker else { return Ok(None) };
        let line = worker.heard().map_err(|failure| format!("{}: {failure}", self.post.role))?;
        match line {
            Some(Line::Acknowledged { step, .. }) => self.acknowledged = step,
            Some(Line::Done) => self.is_done = true,
            _ => {}
        }
        Ok(line)
    }

    /// Asks it to end, if it runs.
    pub(super) fn ask_to_end(&mut self, stop: EffectId) {
        self.ending = Some(stop);
        if let Some(worker) = &mut self.worker {
            worker.ask_to_end();
        }
    }

    /// The stop that it was asked for, once nothing of it runs.
    pub(super) fn ended(&mut self) -> Result<Option<EffectId>> {
        if let Some(worker) = self.worker.as_mut().filter(|_| self.ending.is_some()) {
            if !worker.has_ended()? {
                return Ok(None);
            }
            // What it said up to its end counts.
            self.kill()?;
        }
        Ok(self.ending.take())
    }

    /// Kills it with SIGKILL, if it runs, and hears what it had still said.
    pub(super) fn kill(&mut self) -> Result<()> {
        let Some(worker) = self.worker.take() else { return Ok(()) };
        for line in worker.kill()?.last_words {
            if let Line::Acknowledged { step, .. } = line {
                self.acknowledged = step;
            }
        }
        Ok(())
    }
}
