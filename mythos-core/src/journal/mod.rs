//! The journal of steps: what an assistant did to the outside world is not done twice because it restarted.
//!
//! A checkpoint brings an assistant's state back, but not what it did meanwhile: a payment that was made after the last
//! save, or just before the process died, is made again by whoever only looks at the state. So the host
//! [begins](StepJournal::begin) each such *step* under a key of its own before it is done, does it, and
//! [completes](StepJournal::complete) it with its outcome:
//!
//! | the journal says | what the host does |
//! |---|---|
//! | [`Begun`](Beginning::Begun) | do it, then complete it |
//! | [`Completed`](Beginning::Completed) | do not do it: here is the outcome |
//! | [`InDoubt`](Beginning::InDoubt) | someone began it and never said how it ended: look at the outside world, then [resolve](StepJournal::resolve) it |
//!
//! No journal can tell whether a step that was begun happened: the process may have died a moment before or after. It
//! makes sure that this is asked for, and that nothing is done a second time without an answer.
//!
//! # What is guaranteed
//!
//! - Of any number of concurrent begins of one key, exactly one is told [`Begun`](Beginning::Begun), until the step is
//!   resolved as undone; then exactly one is again, as the next attempt.
//! - What is told is stored: a crash between any two calls leaves the step either not begun, in doubt, or completed.
//! - A begin that names its [run](StepRun) is refused once a newer run was named in the same ritual, by a begin or by
//!   [`after_restore`](StepJournal::after_restore). So a process that was paused begins nothing any more. What it had
//!   begun before it may still do: it is in doubt, and only who knows that the process is gone may resolve it as undone.
//!
//! # Where steps belong
//!
//! A step is named by tenant, assistant, ritual and key. It notes the ritual's newest entry when it was begun and when it
//! was settled; each is what holds at the moment of the commit. So after entry N was restored, the steps that were settled
//! at N or later are those that the state cannot know of.
//!
//! Deleting a ritual or an assistant leaves the steps: that a payment was made stays true. [`forget`](StepJournal::forget)
//! deletes them. A ritual that is made anew under the same name has the same journal. A fork or a copy under another name
//! begins with an empty one: what its origin did is asked of the origin's, with [`step`](StepJournal::step).
//! The super-log states nothing of journals: one that is deleted whole, behind the library's back, is not found missing.
//!
//! # What is stored where
//!
//! Each step is a record of the table `steps`, and each ritual's order and newest run one of `step_journals`. Names, keys,
//! runs, states and times are stored in the clear. Intents and outcomes are sealed under the key that is active for the
//! payloads of rituals, if there is one, and otherwise stored in the clear as well. Destroying a key erases them; the
//! step and its state stay. Every record ends in a digest that tells damage.

mod content;
mod key;
mod policy;
mod record;
mod request;
mod service;
mod step;

pub use content::MAX_STEP_BYTES;
pub use key::StepKey;
pub use record::{StepJournalHead, StepRecord, StepState};
pub use request::{
    BeginStep, CompleteStep, ForgetSteps, Resolution, ResolveStep, RestoreSteps, StepFilter, StepRun,
};
pub use service::StepJournal;
pub use step::{Beginning, ForgottenSteps, RestoredSteps, Step};
