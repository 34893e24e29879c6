//! Groups of deployments that are started, stopped and restarted together, and groups of groups: the supervisors of
//! Erlang/OTP, over deployments that come back by a verified path.

mod machine;
mod policy;
mod record;
mod request;
mod tree;

pub use machine::{Group, GroupEnd, GroupState, GroupStateName};
pub use policy::{AutoShutdown, GroupPolicy, GroupPolicyOptions, Shutdown, Strategy, WhenGivenUp};

pub use record::{GroupDecision, GroupMember, MemberNode, Membership, SupervisionGroup};
pub use request::{ChangeGroup, CreateGroup, DeleteChild, RestartChild, StartChild};

pub(in crate::restart) use machine::Place;
pub(in crate::restart) use record::{key, no_group};
pub(in crate::restart) use tree::{Member, Nodes, Tree};
