//! The rule books and their logs.

use std::path::{Path, PathBuf};

use mythos_core::codex::{CodexProofOfSymbolEngine, CodexTree, EvidenceBundle, ExportedFile};
use mythos_core::store::StoreError;
use mythos_core::tlog::{NoteSigner, Policy, SignedCheckpoint};
use mythos_core::view::CodexProofView;
use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Env};
use napi_derive::napi;
use serde::Deserialize;

use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::page::{DEFAULT_LIMIT, PageRequest, TrailRequest};
use crate::signers::NativeSigners;
use crate::value::to_value;
use crate::view::NativeProofView;

/// `CodexProofOfSymbolEngine` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeCodices {
    engine: CodexProofOfSymbolEngine,
    lane: Lane,
}

impl NativeCodices {
    pub(crate) const fn new(engine: CodexProofOfSymbolEngine, lane: Lane) -> Self {
        Self { engine, lane }
    }
}

#[napi]
impl NativeCodices {
    /// Begins a codex.
    #[napi]
    pub async fn create(&self, request: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.create(&request.parse("request")?)?)).await
    }

    /// Appends a mutation.
    #[napi]
    pub async fn mutate(&self, request: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.mutate(&request.parse("request")?)?)).await
    }

    /// The head of a codex.
    #[napi]
    pub async fn codex(&self, codex: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.codex(&codex.parse("codex")?)?)).await
    }

    /// Lists codices.
    #[napi]
    pub async fn codices(&self, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.codices(after, limit)?)
        })
        .await
    }

    /// The clauses of a codex.
    #[napi]
    pub async fn clauses(&self, codex: Argument, head: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.clauses(&codex.parse("codex")?, head.parse("head")?)?)).await
    }

    /// A part of a codex's trail.
    #[napi]
    pub async fn trail(&self, codex: Argument, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let TrailRequest { from, limit } = page.parse("page")?;
            Ok(engine.trail(&codex.parse("codex")?, from, limit)?)
        })
        .await
    }

    /// Lists proofs.
    #[napi]
    pub async fn list(&self, filter: Argument, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.list(&filter.parse("filter")?, after, limit)?)
        })
        .await
    }

    /// Verifies a codex whole.
    #[napi]
    pub async fn verify(&self, codex: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.verify(&codex.parse("codex")?)?)).await
    }

    /// Verifies the next codices.
    #[napi]
    pub async fn verify_all(&self, page: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let PageRequest { after, limit } = page.parse("page")?;
            Ok(engine.verify_all(after, limit)?)
        })
        .await
    }

    /// Verifies one event with everything that speaks for it.
    #[napi]
    pub async fn verify_event(&self, codex: Argument, sequence: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.verify_event(&codex.parse("codex")?, sequence.parse("sequence")?)?))
            .await
    }

    /// Appends many mutations in one commit.
    #[napi]
    pub async fn mutate_all(&self, batch: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.mutate_all(&batch.parse("batch")?)?)).await
    }

    /// Erases texts, actors or reasons.
    #[napi]
    pub async fn redact(&self, request: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.redact(&request.parse("request")?)?)).await
    }

    /// The texts and notes that a clause ever had.
    #[napi]
    pub async fn openings_of_clause(&self, codex: Argument, clause: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            Ok(engine.openings_of_clause(&codex.parse("codex")?, &clause.parse("clause")?)?)
        })
        .await
    }

    /// Where a codex names an actor.
    #[napi]
    pub async fn openings_of_actor(&self, codex: Argument, actor: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let actor: String = actor.parse("actor")?;
            Ok(engine.openings_of_actor(&codex.parse("codex")?, &actor)?)
        })
        .await
    }

    /// Lists the proofs of events that have none yet.
    #[napi]
    pub async fn list_pending(&self, codex: Argument, limit: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.list_pending(&codex.parse("codex")?, limit.parse("limit")?)?)).await
    }

    /// What a codex said at a moment.
    #[napi]
    pub async fn state_at(&self, codex: Argument, moment: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || Ok(engine.state_at(&codex.parse("codex")?, moment.parse("moment")?)?)).await
    }

    /// What changed from one moment to another.
    #[napi]
    pub async fn diff(&self, codex: Argument, before: Argument, after: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let (before, after) = (before.parse("before")?, after.parse("after")?);
            Ok(engine.diff(&codex.parse("codex")?, before, after)?)
        })
        .await
    }

    /// Which events gave a clause what it says.
    #[napi]
    pub async fn blame(&self, codex: Argument, clause: Argument, head: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            Ok(engine.blame(&codex.parse("codex")?, &clause.parse("clause")?, head.parse("head")?)?)
        })
        .await
    }

    /// The origin of a codex's checkpoints.
    #[napi]
    pub fn origin(&self, codex: Argument) -> Outcome<String> {
        Outcome(codex.parse("codex").map(|codex| self.engine.origin(&codex)))
    }

    /// Signs a checkpoint and stores it.
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn checkpoint(
        &self,
        env: Env,
        codex: Argument,
        signers: &NativeSigners,
    ) -> napi::Result<AsyncBlock<Outcome>> {
        let (engine, list) = (self.engine.clone(), signers.list());
        let lane = if signers.lane() == Lane::Hosted { Lane::Hosted } else { self.lane };
        let call = move || {
            let signers: Vec<&dyn NoteSigner> = list.iter().map(|signer| &**signer).collect();
            Ok(engine.checkpoint(&codex.parse("codex")?, &signers)?)
        };
        AsyncBlockBuilder::new(async move { Ok(run(lane, call).await) }).build(&env)
    }

    /// Stores a checkpoint from elsewhere.
    #[napi]
    pub async fn add_checkpoint(&self, codex: Argument, checkpoint: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            Ok(engine.add_checkpoint(&codex.parse("codex")?, &checkpoint.parse("checkpoint")?)?)
        })
        .await
    }

    /// The stored checkpoints, the newest first.
    #[napi]
    pub async fn checkpoints(&self, codex: Argument, limit: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let limit: Option<u32> = limit.parse("limit")?;
            Ok(engine.checkpoints(&codex.parse("codex")?, limit.unwrap_or(DEFAULT_LIMIT))?)
        })
        .await
    }

    /// Verifies a codex whole, and compares it with checkpoints.
    #[napi]
    pub async fn verify_against(&self, codex: Argument, policy: Argument, pinned: Argument) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let policy: Policy = policy.parse("policy")?;
            let pinned: Option<Vec<SignedCheckpoint>> = pinned.parse("pinned")?;
            Ok(engine.verify_against(&codex.parse("codex")?, &policy, &pinned.unwrap_or_default())?)
        })
        .await
    }

    /// The Merkle tree over a codex's events.
    #[napi]
    pub async fn tree(&self, codex: Argument) -> Outcome<NativeCodexTree> {
        let (engine, lane) = (self.engine.clone(), self.lane);
        open(lane, move || Ok(NativeCodexTree { tree: engine.tree(&codex.parse("codex")?)?, lane })).await
    }

    /// Writes the files of a codex's log into a directory.
    #[napi]
    pub async fn export(
        &self,
        codex: Argument,
        checkpoint: Argument,
        directory: Argument,
        options: Argument,
    ) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let (codex, checkpoint) = (codex.parse("codex")?, checkpoint.parse("checkpoint")?);
            let directory: PathBuf = directory.parse("directory")?;
            let ExportOptions { had, with_events } = options.parse("options")?;
            let mut files = 0_u64;
            engine.export(&codex, &checkpoint, had, with_events, |file| {
                files += 1;
                write_file(&directory, &file)
            })?;
            Ok(files)
        })
        .await
    }

    /// Proves what a clause says after the last event of a checkpoint; gives the bundle's text form.
    #[napi]
    pub async fn evidence(
        &self,
        codex: Argument,
        clause: Argument,
        checkpoint: Argument,
        disclosure: Argument,
    ) -> Outcome {
        let engine = self.engine.clone();
        run(self.lane, move || {
            let (codex, clause) = (codex.parse("codex")?, clause.parse("clause")?);
            let (checkpoint, disclosure) = (checkpoint.parse("checkpoint")?, disclosure.parse("disclosure")?);
            Ok(engine.evidence(&codex, &clause, &checkpoint, disclosure)?.to_json()?)
        })
        .await
    }

    /// The read model of the same codices.
    #[napi]
    pub fn proof_view(&self) -> NativeProofView {
        NativeProofView::new(CodexProofView::new(self.engine.clone()), self.lane)
    }
}

/// What an export goes on from, and what it has beside the tiles.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct ExportOptions {
    had: u64,
    with_events: bool,
}

/// Writes a file of an export so that a reader sees the old one or the new one, never a part.
fn write_file(directory: &Path, file: &ExportedFile) -> mythos_core::Result<()> {
    let path = directory.join(&file.path);
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&beside, &file.bytes))
        .and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|error| {
        let message = format!("cannot write {}: {error}", path.display());
        StoreError::Unavailable { message, source: Some(Box::new(error)) }.into()
    })
}

/// `CodexTree` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeCodexTree {
    tree: CodexTree,
    lane: Lane,
}

#[napi]
impl NativeCodexTree {
    /// The head that it is of.
    #[napi]
    pub fn head(&self) -> Outcome {
        Outcome(to_value(self.tree.head()).map_err(Failure::answer))
    }

    /// Proves that an event is in the log.
    #[napi]
    pub async fn inclusion(&self, index: Argument, size: Argument) -> Outcome {
        let tree = self.tree.clone();
        run(self.lane, move || Ok(tree.inclusion(index.parse("index")?, size.parse("size")?)?)).await
    }

    /// Proves that the log grew from what it was.
    #[napi]
    pub async fn consistency(&self, old_size: Argument, new_size: Argument) -> Outcome {
        let tree = self.tree.clone();
        run(self.lane, move || Ok(tree.consistency(old_size.parse("oldSize")?, new_size.parse("newSize")?)?))
            .await
    }

    /// The proof of an event as one file.
    #[napi]
    pub async fn log_proof(&self, index: Argument, checkpoint: Argument, extra: Argument) -> Outcome {
        let tree = self.tree.clone();
        run(self.lane, move || {
            let (index, checkpoint) = (index.parse("index")?, checkpoint.parse("checkpoint")?);
            let extra: Option<serde_bytes::ByteBuf> = extra.parse("extra")?;
            let proof = tree.log_proof(index, &checkpoint, extra.map(serde_bytes::ByteBuf::into_vec))?;
            Ok(proof.to_string())
        })
        .await
    }

    /// The root over the first events.
    #[napi]
    pub async fn root(&self, size: Argument) -> Outcome {
        let tree = self.tree.clone();
        run(self.lane, move || Ok(tree.root(size.parse("size")?)?)).await
    }
}

/// Verifies an evidence bundle against a policy.
#[napi]
pub async fn verify_evidence(bundle: Argument, policy: Argument) -> Outcome {
    run(Lane::Native, move || {
        let (bundle, policy): (String, Policy) = (bundle.parse("bundle")?, policy.parse("policy")?);
        Ok(EvidenceBundle::from_json(&bundle)?.verify(&policy)?)
    })
    .await
}
