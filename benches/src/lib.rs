//! How the benchmarks measure and what they print.
//!
//! Each program compares with a peer in the same run: times vary with the machine and its load, so only what was
//! measured side by side is worth dividing. A line `figure NAME VALUE` is for programs that read the output.

pub mod measure;
pub mod report;
