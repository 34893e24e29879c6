"""Transparency logs: who signs checkpoints of codices, and what anyone can verify without the store.

Trees and proofs are those of RFC 9162 over SHA-256, and the text formats those of C2SP, byte for byte: a *checkpoint* is a
signed note, a *verifier key* is `NAME+ID+BASE64`, and a *policy* is a policy file, such as

    log example.com/rules/default/support+9ae1b11d+Adz...
    witness one witness.example+81b3ccdd+BHR...
    quorum one

`policy_of_log` makes the one that believes a log without witnesses. Hashes of trees are in base64. A *log proof*, which
`mythos.CodexTree.log_proof` makes, is one text with a checkpoint and the proof that its tree holds an entry; files of it
end in `.tlog-proof`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypedDict

from ._mythos import (
    CosignatureSigner,
    Ed25519Signer,
    evaluate_policy,
    leaf_hash,
    policy_of_log,
    read_checkpoint,
    verify_chain,
    verify_consistency,
    verify_equivocation,
    verify_evidence,
    verify_inclusion,
    verify_log_proof,
)
from .records import ChangeKind, ConsistencyProof, InclusionProof

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "Checkpoint",
    "ConsistencyProof",
    "CosignatureSigner",
    "Ed25519Signer",
    "InclusionProof",
    "NoteSigner",
    "ProvenClause",
    "ProvenOrigin",
    "Verdict",
    "WitnessSignature",
    "evaluate_policy",
    "leaf_hash",
    "policy_of_log",
    "read_checkpoint",
    "verify_chain",
    "verify_consistency",
    "verify_equivocation",
    "verify_evidence",
    "verify_inclusion",
    "verify_log_proof",
]


class NoteSigner(Protocol):
    """What signs checkpoints: a key in a hardware module, or of a key service; `Ed25519Signer` holds its key in memory.

    - `verifier_key` is the public half, as C2SP signed notes write it, with the origin of the log as its name. It is
      read once for each checkpoint, and always the same.
    - `sign` gives the signature of a text without the key's id: 64 bytes for Ed25519. It is verified before it is used;
      `mythos.Corrupt` if it is not the key's, or empty.
    - It is called from any thread, also several at a time.
    - A `MythosError` that it raises keeps its kind: `mythos.Unavailable` if it cannot sign now. Anything else is
      `Internal`, with what was raised as its cause. Its text must not hold a secret.
    """

    @property
    def verifier_key(self) -> str:
        """The public half, `NAME+ID+BASE64`."""

    def sign(self, text: str, /) -> Buffer:
        """The signature of the text of a note, which ends in a newline."""


class Checkpoint(TypedDict):
    """What a checkpoint says: the log's name, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: str
    extensions: list[str]


class WitnessSignature(TypedDict):
    """A witness that cosigned: what the policy calls it, its key, and when, in seconds since 1970, as it says."""

    name: str
    key: str
    time: int


class Verdict(TypedDict):
    """What a policy says of a checkpoint.

    It may be believed if `is_met`: the log signed, by the key `log`, and enough `witnesses` cosigned.
    """

    is_met: bool
    log: str | None
    witnesses: list[WitnessSignature]
    has_quorum: bool


class ProvenOrigin(TypedDict):
    """An event that gave a clause a text or a note. Actor and reason are `None` if they are not disclosed."""

    sequence: int
    change: ChangeKind
    directive_path: list[str]
    actor: str | None
    reason: str | None
    recorded_at: datetime


class ProvenClause(TypedDict):
    """What an evidence bundle proves: what a clause said after `size` events, and the events that gave it that.

    Texts are `None` if they are erased. `witnesses` are those of the policy that cosigned.
    """

    tenant: str
    codex: str
    origin: str
    size: int
    codex_root: str
    clause: str
    text: str | None
    notes: list[str | None]
    origins: list[ProvenOrigin]
    witnesses: list[str]
