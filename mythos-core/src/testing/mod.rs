//! For those who write a store of their own: conformance cases, a fault-injecting store, a simulated clock.

pub mod broken;
mod clock;
pub mod conformance;
pub mod decoders;
mod fault;

pub use clock::{SimulatedClock, simulated_runtime};
pub use fault::{Fault, FaultStore};
