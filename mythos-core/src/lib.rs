//! MythOS keeps the AI assistants of a platform alive: their state is checkpointed small and restored verified, failed
//! deployments come back by a restart machine whose decisions survive its own death, and every change to the rules
//! they follow is an entry in a tamper-evident log. One library, no server.
//!
//! | you want to | use |
//! |---|---|
//! | save and restore an assistant's state | [`ritual::RitualCompressionCache`] |
//! | do to the outside world nothing twice | [`journal::StepJournal`] |
//! | keep rules whose history can be proven | [`codex::CodexProofOfSymbolEngine`] |
//! | let no edit make a rule or a prompt worse unnoticed | [`regression::CodexRegressionGuard`] |
//! | bring failed assistants back | [`restart::AssistantDeploymentAutoRestarter`] |
//! | heal assistants that grow ill, within budgets | [`healing::SelfHealingProtocolEngine`] |
//! | find that something was deleted or rolled back | [`anchor::AnchorLog`] |
//! | show what is stored on a page of yours | [`view`] |
//! | watch it by metrics and traces | [`observe`] (features `metrics`, `tracing`) |
//! | keep everything in one SQLite file | [`Mythos::open`] |
//! | keep everything in your own database | [`store::Store`], [`Mythos::with_store`] |
//! | prove to others what a log holds, in the formats of C2SP | [`tlog`] |
//! | prove that your own store is right | `testing` (feature `testing`) |
//!
//! # Example
//!
//! ```
//! use mythos_core::codex::{Clause, CreateCodex, DirectivePath, MutateCodex, Mutation};
//! use mythos_core::ritual::{SaveRitual, SymbolicIntent};
//! use mythos_core::Mythos;
//!
//! let directory = tempfile::tempdir().unwrap();
//! let mythos = Mythos::open(directory.path().join("mythos.db"))?;
//!
//! // The rules, and one change to them.
//! let clause = Clause { clause: "refund-limit".parse()?, text: "Refund at most 100 EUR.".into() };
//! let path = DirectivePath::new(["support", "refunds"])?;
//! mythos.codices().create(&CreateCodex::new("support".parse()?, vec![clause], path.clone(), "ana"))?;
//! let change = Mutation::Replace { clause: "refund-limit".parse()?, text: "Refund at most 50 EUR.".into() };
//! mythos.codices().mutate(&MutateCodex::new("support".parse()?, change, path, "bob"))?;
//!
//! // A checkpoint, bound to the rules it was made under.
//! let root = mythos.codices().codex(&"support".parse()?)?.heads[0].codex_root;
//! let intent =
//!     SymbolicIntent { codex: Some("support".parse()?), codex_root: Some(root), ..SymbolicIntent::default() };
//! let save = SaveRitual { intent, ..SaveRitual::new("assistant-7".parse()?, "refund".parse()?) };
//! mythos.rituals().save(&save, br#"{"step": 3}"#)?;
//!
//! // After a crash: verified, or an error.
//! let restored = mythos.rituals().latest(&"assistant-7".parse()?, &"refund".parse()?)?.unwrap();
//! assert_eq!(restored.payload, br#"{"step": 3}"#);
//! assert_eq!(restored.entry.codex_root, Some(root));
//! assert!(mythos.codices().verify(&"support".parse()?)?.finding.is_none());
//! # Ok::<(), mythos_core::Error>(())
//! ```
//!
//! # Rules that hold everywhere
//!
//! - **Tenants.** [`Mythos::tenant`] gives the same services for another tenant; nothing crosses.
//! - **Errors.** One type, [`Error`]; its [`kind`](Error::kind) says what to do. The state is unchanged after one.
//! - **Operations.** Every write takes an optional [`OperationId`](types::OperationId). Repeated under the same id after an
//!   unknown outcome, it is made once.
//! - **Time and chance** come from [`types::Runtime`]; the same inputs give the same outputs.

pub mod anchor;
pub mod canonical;
pub mod codex;
pub mod error;
pub mod healing;
pub mod journal;
mod log;
mod mythos;
pub mod observe;
pub mod regression;
pub mod restart;
pub mod ritual;
pub mod seal;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod tlog;
pub mod types;
pub mod view;

pub use error::{Error, ErrorKind, Result};
pub use mythos::{Mythos, TABLES};
