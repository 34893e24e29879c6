//! For those who write a store of their own: conformance cases, a fault-injecting store, a simulated clock.

pub mod conformance;
