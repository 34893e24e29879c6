//! Values that cannot be wrong once they exist: ids, timestamps, digests, scores, versions.

mod digest;
mod id;
mod record_id;
mod runtime;
mod score;
mod string_newtype;
mod text;
mod text_form;
mod timestamp;
mod version;

pub use digest::{Commitment, Digest, Salt};
pub(crate) use digest::{DomainHasher, KeyedDomain};
pub use id::{
    AssistantId, ClauseId, CodexId, EntryId, GroupId, OperationId, RitualId, SupervisorId, TenantId,
};
pub use record_id::RecordId;
#[cfg(feature = "testing")]
pub(crate) use record_id::decode_hex;
pub use runtime::{Clock, Entropy, Runtime, SeededEntropy, SystemClock, SystemEntropy};
pub use score::Score;
pub(crate) use string_newtype::string_newtype;
pub(crate) use text::{check_label, check_text};
pub(crate) use text_form::serde_through_text;
pub use timestamp::Timestamp;
pub use version::{MAX_SAFE_INTEGER, Version};
