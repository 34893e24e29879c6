//! Brings failed deployments back: running → failed → backing off → restoring → aligning → verifying → mythpath-ready.
//!
//! A *deployment* is an assistant under a supervisor, with the ritual it is restored to and the codex it must be
//! aligned with. A pure [`Machine`] decides about each: values and the time in, values out. The [`Supervisor`] commits
//! every decision together with the [`Effect`] it asks for, and the host carries effects out and answers them. So a
//! crash of the supervisor at any point loses no decision, and the next holder of the supervision goes on from there.
//!
//! # How it is driven
//! 1. [`supervise`](AssistantDeploymentAutoRestarter::supervise) takes the supervision over.
//! 2. [`deploy`](Supervisor::deploy) says what runs, [`report_failure`](Supervisor::report_failure) what failed, and
//!    [`report_exit`](Supervisor::report_exit) what ended: by the policy's [`exits`](ExitRules) a restart follows, or rest, or a
//!    notice to an operator.
//! 3. In a loop: [`tick`](Supervisor::tick) fires due timers, [`poll_effects`](Supervisor::poll_effects) gives what is
//!    to be done. [`carry_out`](Supervisor::carry_out) does a restore and an alignment; the host launches and probes
//!    assistants and tells operators, and [`answer`](Supervisor::answer)s. [`next_timeout`](Supervisor::next_timeout)
//!    says how long to sleep.
//!
//! A failure that nobody reports shows in heartbeats that stay out. A [`HeartbeatMonitor`] turns them into suspicions, each
//! of which is a [`ReportFailure`]: on every heartbeat, [`heartbeat`](HeartbeatMonitor::heartbeat); at
//! [`poll_timeout`](HeartbeatMonitor::poll_timeout), report what [`suspects`](HeartbeatMonitor::suspects) gives.

mod backoff;
mod detector;
mod effect;
mod exit;
mod group;
mod incident;
mod machine;
mod monitor;
mod observation;
mod policy;
mod record;
mod request;
mod service;
mod spec;
mod state;
mod supervision_tree;
mod supervisor;
mod transitions;
mod window;

pub use backoff::{Backoff, Jitter};
pub use detector::{DetectorPolicy, DetectorPolicyOptions, HeartbeatDetector};
pub use effect::{Action, Effect, EffectId, Escalation, Outcome, Which};
pub use exit::{Exit, ExitKind, ExitMatch, ExitRules, RestartClass, Verdict};
pub use group::{
    AutoShutdown, ChangeGroup, CreateGroup, DeleteChild, Group, GroupDecision, GroupEnd, GroupMember,
    GroupPolicy, GroupPolicyOptions, GroupState, GroupStateName, MemberNode, Membership, RestartChild,
    Shutdown, StartChild, Strategy, SupervisionGroup, WhenGivenUp,
};
pub use incident::{Ending, Incident, StepResult, StepTaken, Visit};
pub use machine::{Answer, Cause, Machine};
pub use monitor::{HeartbeatMonitor, Suspicion};
pub use policy::{AlignmentPolicy, FallbackStep, QuietSince, RestartPolicy, RestartPolicyOptions};
pub use record::{Decision, Deployment, DeploymentRestart, SupervisorRecord};
pub use request::{DeployAssistant, ReportExit, ReportFailure, RestartAssistant, StopAssistant};
pub use service::{AssistantDeploymentAutoRestarter, DeploymentFilter, GroupFilter, RestartFilter};
pub use spec::DeploymentSpec;
pub use state::{Alignment, FailureKind, GiveUp, Question, Reason, RestoredEntry, State, StateName, Stop};
pub use supervision_tree::{MemberOptions, NodeId, SupervisionTree, TreeEffect};
pub use supervisor::{CarriedOut, SupervisionTotals, Supervisor};
pub use transitions::{Transition, TransitionCause};
pub use window::{RestartHistory, RestartWindow, WindowKind};
