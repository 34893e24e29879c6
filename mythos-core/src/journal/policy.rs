//! What is decided about a step: values in, values out.

use super::{StepRecord, StepRun, StepState};
use crate::error::{Error, Result};
use crate::types::OperationId;

/// What comes of a begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnBegin {
    /// It is begun for the first time.
    First,
    /// It is begun anew, after the attempt before was undone.
    Again,
    /// This very call began it: it is told so once more.
    Repeated,
    /// Another call began it.
    InDoubt,
    /// It was done.
    Completed,
}

/// Decides about a begin of the step that is stored, if one is.
pub(super) fn on_begin(
    step: Option<&StepRecord>,
    operation: OperationId,
    run: Option<StepRun>,
) -> Result<OnBegin> {
    let Some(step) = step else { return Ok(OnBegin::First) };
    let is_same = step.operation == operation;
    if is_same && step.run != run {
        let message = format!("operation {operation} began step {} in another run", step.key);
        return Err(Error::invalid("operation", message));
    }
    match step.state {
        StepState::InDoubt if is_same => Ok(OnBegin::Repeated),
        StepState::InDoubt => Ok(OnBegin::InDoubt),
        StepState::Completed => Ok(OnBegin::Completed),
        // Whoever resolved it took the caller for gone: what the caller began is over.
        StepState::DidNotHappen | StepState::Compensated if is_same => {
            let message = format!(
                "attempt {} of step {}, which this operation began, was resolved: begin it with a new one",
                step.attempt, step.key
            );
            Err(Error::conflict(message).with_field("attempt"))
        }
        StepState::DidNotHappen | StepState::Compensated => Ok(OnBegin::Again),
    }
}

/// What comes of saying how a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnSettle {
    /// It is stored.
    Settled,
    /// It was said before.
    Same,
    /// It is completed already: nothing changes if the outcome is the same.
    Compare,
}

/// Decides about a step of which it is said that it ended as `to`.
pub(super) fn on_settle(step: &StepRecord, attempt: Option<u64>, to: StepState) -> Result<OnSettle> {
    let (key, current) = (&step.key, step.attempt);
    match attempt {
        Some(attempt) if attempt == 0 || attempt > current => {
            let message = format!("step {key} has {current} attempts, and none of number {attempt}");
            return Err(Error::invalid("attempt", message));
        }
        Some(attempt) if attempt < current => {
            let message =
                format!("attempt {attempt} of step {key} was resolved, and {current} is the newest");
            return Err(Error::conflict(message).with_field("attempt"));
        }
        _ => {}
    }
    match (step.state, to) {
        (StepState::InDoubt, _) => Ok(OnSettle::Settled),
        (StepState::Completed, StepState::Completed) => Ok(OnSettle::Compare),
        (known, to) if known == to => Ok(OnSettle::Same),
        (known, to) => {
            let message = format!(
                "attempt {current} of step {key} is known as {}, and cannot be {}",
                known.name(),
                to.name()
            );
            Err(Error::conflict(message).with_field("state"))
        }
    }
}

/// Whether `given` is newer than the newest run that was named, which it then is.
pub(super) fn raises(newest: Option<StepRun>, given: Option<StepRun>) -> Result<bool> {
    match (newest, given) {
        (Some(newest), Some(given)) if given < newest => {
            let message = format!(
                "run {} of epoch {} was replaced by run {} of epoch {}: stop it",
                given.run, given.epoch, newest.run, newest.epoch
            );
            Err(Error::conflict(message).with_field("epoch"))
        }
        (newest, given) => Ok(given.is_some() && given != newest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Timestamp, Version};

    const STATES: [StepState; 4] =
        [StepState::InDoubt, StepState::Completed, StepState::DidNotHappen, StepState::Compensated];

    fn step(state: StepState) -> StepRecord {
        StepRecord {
            format: StepRecord::FORMAT,
            tenant: Default::default(),
            assistant: "ana".parse().unwrap(),
            ritual: "refund".parse().unwrap(),
            key: "pay".parse().unwrap(),
            number: 1,
            state,
            attempt: 2,
            operation: OperationId::from_name("first"),
            run: None,
            intent: String::new(),
            outcome: None,
            begun_entry: None,
            settled_entry: None,
            created_at: Timestamp::UNIX_EPOCH,
            begun_at: Timestamp::UNIX_EPOCH,
            settled_at: None,
        }
    }

    fn run(epoch: u64, run: u64) -> Option<StepRun> {
        Some(StepRun { epoch: Version::new(epoch).unwrap(), run })
    }

    #[test]
    fn a_begin_is_answered_by_state_and_operation() {
        let (first, other) = (OperationId::from_name("first"), OperationId::from_name("other"));
        assert_eq!(on_begin(None, first, None).unwrap(), OnBegin::First);
        let by = |operation, state| on_begin(Some(&step(state)), operation, None).ok();
        let of = |operation| STATES.map(|state| by(operation, state));
        assert_eq!(of(first), [Some(OnBegin::Repeated), Some(OnBegin::Completed), None, None]);
        let others = [OnBegin::InDoubt, OnBegin::Completed, OnBegin::Again, OnBegin::Again];
        assert_eq!(of(other), others.map(Some));
        let error = on_begin(Some(&step(StepState::InDoubt)), first, run(1, 1)).unwrap_err();
        assert_eq!(error.field(), Some("operation"));
    }

    #[test]
    fn only_what_is_in_doubt_is_settled() {
        for from in STATES {
            for to in StepState::SETTLED {
                let found =
                    on_settle(&step(from), Some(2), to).map_err(|error| error.field().map(str::to_owned));
                let expected = match from {
                    StepState::InDoubt => Ok(OnSettle::Settled),
                    StepState::Completed if to == from => Ok(OnSettle::Compare),
                    _ if to == from => Ok(OnSettle::Same),
                    _ => Err(Some("state".to_owned())),
                };
                assert_eq!(found, expected, "{from:?} to {to:?}");
                for (attempt, kind) in [(1, "Conflict"), (3, "Invalid"), (0, "Invalid")] {
                    let error = on_settle(&step(from), Some(attempt), to).unwrap_err();
                    assert_eq!((error.field(), error.kind().name()), (Some("attempt"), kind));
                }
            }
        }
    }

    #[test]
    fn a_newer_run_is_one_of_a_higher_epoch_or_later_in_the_same() {
        assert!(!raises(None, None).unwrap() && !raises(run(1, 1), None).unwrap());
        assert!(raises(None, run(1, 1)).unwrap() && !raises(run(1, 1), run(1, 1)).unwrap());
        assert!(raises(run(1, 9), run(2, 0)).unwrap() && raises(run(1, 1), run(1, 2)).unwrap());
        for (newest, given) in [(run(2, 0), run(1, 9)), (run(1, 2), run(1, 1))] {
            assert_eq!(raises(newest, given).unwrap_err().field(), Some("epoch"));
        }
    }
}
