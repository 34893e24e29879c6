//! Groups of deployments that are started, stopped and restarted together, and groups of groups: the supervisors of
//! Erlang/OTP, over deployments that come back by a verified path.

mod machine;
mod policy;
mod tree;

pub use machine::{Group, GroupEnd, GroupState, GroupStateName};
pub use policy::{AutoShutdown, GroupPolicy, GroupPolicyOptions, Shutdown, Strategy};

pub(in crate::restart) use machine::Place;
pub(in crate::restart) use tree::{Member, Nodes, Tree};
