//! A worker process, as its supervisor sees it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::protocol::Line;

/// How long a worker may be silent. A step takes milliseconds; a minute without a word means that it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A worker process and the lines it says.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    lines: Receiver<Result<Line>>,
}

/// A killed worker, after it was reaped.
#[derive(Debug)]
pub(crate) struct Remains {
    /// How the operating system says that it ended.
    pub(crate) status: ExitStatus,
    /// What it had said before it was killed, and nobody had read yet.
    pub(crate) last_words: Vec<Line>,
}

impl Worker {
    /// Launches a worker: this executable, with the arguments of an assignment.
    pub(crate) fn launch(arguments: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("a worker was launched without a pipe")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || read_lines(output, &sender));
        Ok(Self { child, lines })
    }

    /// The next thing it says. That it ends without having said so, or hangs, is an error.
    pub(crate) fn next_line(&mut self) -> Result<Line> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => Err(format!("the worker is silent for {PATIENCE:?}").into()),
            Err(RecvTimeoutError::Disconnected) => {
                Err(format!("the worker ended by itself: {}", self.child.wait()?).into())
            }
        }
    }

    /// The next thing it has said already, if it has. That it ended without having said so is an error, unless it was asked
    /// to.
    pub(crate) fn heard(&mut self) -> Result<Option<Line>> {
        match self.lines.try_recv() {
            Ok(line) => line.map(Some),
            Err(TryRecvError::Disconnected) if self.child.stdin.is_some() => {
                Err(format!("the worker ended by itself: {}", self.child.wait()?).into())
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(None),
        }
    }

    /// Asks it to end, by the end of its input. It may take its time: see [`has_ended`](Self::has_ended).
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Whether it has ended, and was reaped.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Kills it with SIGKILL, which it can neither handle nor delay, waits until it is gone, and reads what it still
    /// had written: what is in the pipe was said before the death, also if it is read after.
    pub(crate) fn kill(mut self) -> Result<Remains> {
        self.child.kill()?;
        let status = self.child.wait()?;
        // The reader ends with the pipe, whose only other end died with the worker.
        let last_words = self.lines.iter().collect::<Result<_>>()?;
        Ok(Remains { status, last_words })
    }

    /// Waits until it ends by itself, which must be in good order.
    pub(crate) fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the worker ended badly: {status}").into()) }
    }
}

impl Drop for Worker {
    /// Nobody reads what it says any more, so it may not go on.
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes whole lines on. A death in the middle of a write leaves a last line without an end, which is not said.
fn read_lines(output: ChildStdout, sender: &Sender<Result<Line>>) {
    let mut output = BufReader::new(output);
    let mut text = String::new();
    loop {
        text.clear();
        let line = match output.read_line(&mut text) {
            Ok(_) if text.ends_with('\n') => text.trim_end().parse(),
            Ok(_) => return,
            Err(error) => Err(error.into()),
        };
        let is_last = line.is_err();
        if sender.send(line).is_err() || is_last {
            return;
        }
    }
}
