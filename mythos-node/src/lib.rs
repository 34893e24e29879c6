//! MythOS for Node: the native half of the package.
//!
//! `ts/` is the half that hosts see; it wraps each class of this crate in one of the same methods. What crosses between
//! the two is a `value::Value`, so that no class needs a conversion of its own:
//!
//! - `value`: native values as serde sees them,
//! - `convert`: the same as JavaScript sees them,
//! - `errors`: what a call gives back, an answer or a failure,
//! - `calls`: where calls of the core run,
//! - `callback`: calls into JavaScript from there,
//! - `host`: what all objects that a host brings have in common,
//! - `store`: the built-in stores, and those that a host implements in JavaScript,
//! - `keys`: the same of key providers, `signers` of what signs checkpoints, `formats` of the formats of payloads,
//! - `scores`: what can be told of entries by themselves,
//! - `regression`: versions of rules and documents compared, and `guard` the service that keeps what was found,
//! - `heartbeats`: who is suspected to have failed,
//! - `mythos`, `ritual`, `steps`, `codex`, `restart`, `healing` and `anchor`: the services,
//! - `view`: the read models,
//! - `page`: which part of a listing,
//! - `testing`: the conformance cases for stores.

// What napi exports has to be `pub`, though nothing in Rust can use it; its types stay private.
#![allow(private_interfaces, unreachable_pub)]

mod anchor;
mod callback;
mod calls;
mod codex;
mod convert;
mod errors;
mod formats;
mod guard;
mod healing;
mod heartbeats;
mod host;
mod keys;
mod mythos;
mod page;
mod regression;
mod restart;
mod ritual;
mod scores;
mod signers;
mod steps;
mod store;
mod testing;
mod value;
mod view;

/// Runs when the module is loaded, before the first environment begins.
#[napi_derive::module_init]
fn start() {
    calls::start();
}
