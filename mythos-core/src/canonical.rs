//! Canonical JSON (RFC 8785): one value has one sequence of bytes.
