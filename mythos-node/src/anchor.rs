//! The log over everything that a tenant stores.

use mythos_core::anchor::{AnchorLog, AnchorRequest, AnchorTree, AnchorVerificationCursor};
use mythos_core::seal::SecretKey;
use mythos_core::tlog::{NoteSigner, Policy, SignedCheckpoint};
use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Env};
use napi_derive::napi;
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::calls::{Lane, open, run};
use crate::convert::Argument;
use crate::errors::{Failure, Outcome};
use crate::page::{DEFAULT_LIMIT, TrailRequest};
use crate::signers::NativeSigners;
use crate::value::to_value;

/// `AnchorLog` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeAnchors {
    log: AnchorLog,
    lane: Lane,
}

impl NativeAnchors {
    pub(crate) const fn new(log: AnchorLog, lane: Lane) -> Self {
        Self { log, lane }
    }
}

/// Which part of a verification.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
struct PartRequest {
    after: Option<AnchorVerificationCursor>,
    limit: u32,
}

impl Default for PartRequest {
    fn default() -> Self {
        Self { after: None, limit: AnchorLog::MAX_HEADS_OF_A_PART }
    }
}

#[napi]
impl NativeAnchors {
    /// The same log, whose head is written and read with a code of this key.
    #[allow(clippy::use_self, reason = "napi moves the function out of the `impl`")]
    #[napi]
    pub fn with_mac_key(&self, key: Argument) -> Outcome<NativeAnchors> {
        let keyed = key.parse("key").and_then(|key: ByteBuf| {
            Ok(Self { log: self.log.with_mac_key(&SecretKey::from_slice(&key)?), lane: self.lane })
        });
        Outcome(keyed)
    }

    /// States every head that changed since the last run.
    #[napi]
    pub async fn anchor(&self, request: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.anchor(&request.parse("request")?)?)).await
    }

    /// Goes on with a run that its limit ended.
    #[napi]
    pub async fn anchor_on(&self, cursor: Argument, limit: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || {
            let limit: Option<u32> = limit.parse("limit")?;
            Ok(log.anchor_on(&cursor.parse("cursor")?, limit.unwrap_or(AnchorRequest::MAX_HEADS))?)
        })
        .await
    }

    /// The head of the log.
    #[napi]
    pub async fn head(&self) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.head()?)).await
    }

    /// A part of the statements.
    #[napi]
    pub async fn statements(&self, page: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || {
            let TrailRequest { from, limit } = page.parse("page")?;
            Ok(log.statements(from, limit)?)
        })
        .await
    }

    /// The last statement about a name.
    #[napi]
    pub async fn last_statement(&self, name: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.last_statement(&name.parse("name")?)?)).await
    }

    /// The Merkle tree over the statements.
    #[napi]
    pub async fn tree(&self) -> Outcome<NativeAnchorTree> {
        let (log, lane) = (self.log.clone(), self.lane);
        open(lane, move || Ok(NativeAnchorTree { tree: log.tree()?, lane })).await
    }

    /// States that what a name names is gone on purpose.
    #[napi]
    pub async fn retire(&self, name: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.retire(&name.parse("name")?)?)).await
    }

    /// Lets a key sign checkpoints.
    #[napi]
    pub async fn authorize(&self, key: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.authorize(&key.parse::<String>("key")?)?)).await
    }

    /// Takes that back.
    #[napi]
    pub async fn revoke(&self, key: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.revoke(&key.parse::<String>("key")?)?)).await
    }

    /// The origin of the log's checkpoints.
    #[napi]
    pub fn origin(&self) -> String {
        self.log.origin()
    }

    /// Signs a checkpoint and stores it.
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn checkpoint(&self, env: Env, signers: &NativeSigners) -> napi::Result<AsyncBlock<Outcome>> {
        let (log, list) = (self.log.clone(), signers.list());
        let lane = if signers.lane() == Lane::Hosted { Lane::Hosted } else { self.lane };
        let call = move || {
            let signers: Vec<&dyn NoteSigner> = list.iter().map(|signer| &**signer).collect();
            Ok(log.checkpoint(&signers)?)
        };
        AsyncBlockBuilder::new(async move { Ok(run(lane, call).await) }).build(&env)
    }

    /// Stores a checkpoint from elsewhere.
    #[napi]
    pub async fn add_checkpoint(&self, checkpoint: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.add_checkpoint(&checkpoint.parse("checkpoint")?)?)).await
    }

    /// The stored checkpoints, the newest first.
    #[napi]
    pub async fn checkpoints(&self, limit: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || {
            let limit: Option<u32> = limit.parse("limit")?;
            Ok(log.checkpoints(limit.unwrap_or(DEFAULT_LIMIT))?)
        })
        .await
    }

    /// Verifies all.
    #[napi]
    pub async fn verify(&self) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || Ok(log.verify()?)).await
    }

    /// Verifies a part.
    #[napi]
    pub async fn verify_part(&self, part: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || {
            let PartRequest { after, limit } = part.parse("part")?;
            Ok(log.verify_part(after.as_ref(), limit)?)
        })
        .await
    }

    /// Verifies all, and compares the log with checkpoints.
    #[napi]
    pub async fn verify_against(&self, policy: Argument, pinned: Argument) -> Outcome {
        let log = self.log.clone();
        run(self.lane, move || {
            let policy: Policy = policy.parse("policy")?;
            let pinned: Option<Vec<SignedCheckpoint>> = pinned.parse("pinned")?;
            Ok(log.verify_against(&policy, &pinned.unwrap_or_default())?)
        })
        .await
    }
}

/// `AnchorTree` of the core.
#[napi]
#[derive(Debug)]
pub struct NativeAnchorTree {
    tree: AnchorTree,
    lane: Lane,
}

#[napi]
impl NativeAnchorTree {
    /// The head that it is of.
    #[napi]
    pub fn head(&self) -> Outcome {
        Outcome(to_value(self.tree.head()).map_err(Failure::answer))
    }

    /// Proves that a statement is in the log.
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

    /// The root over the first statements.
    #[napi]
    pub async fn root(&self, size: Argument) -> Outcome {
        let tree = self.tree.clone();
        run(self.lane, move || Ok(tree.root(size.parse("size")?)?)).await
    }
}
