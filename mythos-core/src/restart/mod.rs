//! Brings failed deployments back: failure, backoff, verified restore, codex alignment, readiness.

mod backoff;
mod effect;
mod incident;
mod machine;
mod policy;
mod spec;
mod state;
mod window;

pub use backoff::{Backoff, Jitter};
pub use effect::{Action, Effect, EffectId, Escalation, Outcome, Which};
pub use incident::{Ending, Incident, StepResult, StepTaken, Visit};
pub use machine::Machine;
pub use policy::{AlignmentPolicy, FallbackStep, RestartPolicy, RestartPolicyOptions, Strategy};
pub use spec::DeploymentSpec;
pub use state::{Alignment, FailureKind, GiveUp, Question, Reason, RestoredEntry, State, StateName};
pub use window::{RestartHistory, RestartWindow};
