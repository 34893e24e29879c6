//! What a head says now, and how that goes with what was stated of it. Pure.

use super::AnchoredName;
use super::statement::Stated;
use crate::codex::CodexHead;
use crate::ritual::RitualHead;
use crate::types::{Digest, KeyedDomain};

static RITUAL: KeyedDomain = KeyedDomain::new("mythos 2026 anchor ritual v1");
static DEPLOYMENT: KeyedDomain = KeyedDomain::new("mythos 2026 anchor deployment v1");

/// A head as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: AnchoredName,
    pub(super) length: u64,
    pub(super) digest: Digest,
}

/// How a head goes with the last statement about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Nothing was stated of it, or it was retired since.
    New,
    /// It is what was stated.
    Same,
    /// It is longer.
    Longer,
    /// It is shorter.
    Shorter,
    /// It is as long, and says something else.
    Other,
}

impl Found {
    /// A codex: the root of its tree, which stands for all events.
    pub(super) fn of_codex(head: &CodexHead) -> Self {
        Self {
            name: AnchoredName::Codex { codex: head.codex.clone() },
            length: head.length,
            digest: Digest::from_bytes(*head.tree_root.as_bytes()),
        }
    }

    /// A ritual: BLAKE3 in keyed mode, context `mythos 2026 anchor ritual v1`, over the 16 bytes of the id
    /// that its entries' derive from, the highest position (8 bytes little-endian), and what the head keeps
    /// of the newest entry's signature.
    pub(super) fn of_ritual(head: &RitualHead) -> Self {
        Self {
            name: AnchoredName::Ritual { assistant: head.assistant.clone(), ritual: head.ritual.clone() },
            length: head.sequence,
            digest: Self::ritual_digest(head, head.sequence, &head.signature),
        }
    }

    /// The digest of a ritual whose newest entry is at `sequence` and has a signature that begins so.
    pub(super) fn ritual_digest(head: &RitualHead, sequence: u64, signature: &str) -> Digest {
        let mut bytes = head.root.as_uuid().as_bytes().to_vec();
        bytes.extend_from_slice(&sequence.to_le_bytes());
        bytes.extend_from_slice(signature.as_bytes());
        RITUAL.hash(&bytes)
    }

    /// A deployment: BLAKE3 in keyed mode, context `mythos 2026 anchor deployment v1`, over the canonical
    /// JSON of its record and of that of its newest incident (none if there was none), each preceded by its
    /// length (8 bytes little-endian). The version of its record counts every decision.
    pub(super) fn of_deployment(name: AnchoredName, version: u64, record: &[u8], incident: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(16 + record.len() + incident.len());
        for part in [record, incident] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        Self { name, length: version, digest: DEPLOYMENT.hash(&bytes) }
    }

    /// How it goes with what was stated.
    pub(super) fn relation(&self, stated: Option<&Stated>) -> Relation {
        let Some(stated) = stated.filter(|stated| stated.length > 0) else { return Relation::New };
        match self.length.cmp(&stated.length) {
            std::cmp::Ordering::Less => Relation::Shorter,
            std::cmp::Ordering::Greater => Relation::Longer,
            std::cmp::Ordering::Equal if self.digest == stated.digest => Relation::Same,
            std::cmp::Ordering::Equal => Relation::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_is_told() {
        let name = AnchoredName::Codex { codex: "support".parse().unwrap() };
        let found = Found { name, length: 5, digest: Digest::of(b"x") };
        let stated = |length, digest: &[u8]| Stated { sequence: 0, length, digest: Digest::of(digest) };
        assert_eq!(found.relation(None), Relation::New);
        for (stated, relation) in [
            (stated(0, b""), Relation::New),
            (stated(5, b"x"), Relation::Same),
            (stated(5, b"y"), Relation::Other),
            (stated(4, b"y"), Relation::Longer),
            (stated(6, b"x"), Relation::Shorter),
        ] {
            assert_eq!(found.relation(Some(&stated)), relation);
        }
    }
}
