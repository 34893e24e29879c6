//! MythOS for Python.
