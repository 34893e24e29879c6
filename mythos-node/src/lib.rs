//! MythOS for Node.
