//! The second act: three workers in one rest-for-one group, over the files and in the store of the first.
//!
//! The reader reads files, the checker applies the rules to what the reader saved, and the editor writes the report from what
//! the checker saved. So whatever befalls one concerns those behind it, and none before it. Two are killed, and one goes
//! round in circles until a healing rule has it restarted. In the end their report must be, byte for byte, one that is made
//! here without them.
//!
//! Read [`worker`] for the three, [`host`] for the effects of a group, and [`act`] for what happens to them.

pub(crate) mod act;
mod healing;
mod host;
mod member;
mod plan;
pub(crate) mod post;
pub(crate) mod record;
mod role;
mod state;
pub(crate) mod worker;
