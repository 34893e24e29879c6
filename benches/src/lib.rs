//! Benchmarks of MythOS beside its peers.
