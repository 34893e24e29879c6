//! The conformance cases, for stores in JavaScript.
