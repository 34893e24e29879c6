//! Read models: what a host's pages show, one for each route, ready to be serialized.

mod ritual_compression;

pub use ritual_compression::{RitualCompressionView, RitualOverview, RitualVerb};
