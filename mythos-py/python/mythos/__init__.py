"""MythOS keeps the AI assistants of a platform alive.

Every failure is a `MythosError` with a subclass per kind. Every call releases the interpreter lock. A store is one of
the built-in classes or any object with the four methods of `Store`; the dicts that cross it are in `mythos.store`, and
those that the services take and answer in `mythos.records`. Keys come from a `KeyRing` or a `KeyProvider` of yours.
`mythos.tlog` signs checkpoints of codices, and verifies what is proven of them without a store. `mythos.supervision` runs the
effects of a supervisor under asyncio, and `mythos.healing` those of a healer. `mythos.regression` compares versions of
rules, prompts and documents.
"""

from ._errors import (
    CellConflict,
    Conflict,
    Corrupt,
    ErrorKind,
    Internal,
    Invalid,
    Limit,
    MythosError,
    NotFound,
    RecordConflict,
    Unavailable,
    Unknown,
)
from ._mythos import (
    AnchorLog,
    AnchorTree,
    AssistantDeploymentAutoRestarter,
    AssistantRestartView,
    BuiltInStore,
    CodexProofOfSymbolEngine,
    CodexProofView,
    CodexRegressionGuard,
    CodexRegressionView,
    CodexTree,
    Healer,
    HeartbeatMonitor,
    KeyRing,
    MemoryStore,
    Mythos,
    PayloadFormats,
    RitualCompressionCache,
    RitualCompressionView,
    SelfHealingProtocolEngine,
    SqliteStore,
    StepJournal,
    Supervisor,
    SystemHealthRecoveryView,
    __version__,
    add_totals,
    compression_ratio,
    copy_store,
    novelty_score,
    schemas,
    stall,
)
from .seal import KeyProvider
from .store import Store

__all__ = [
    "AnchorLog",
    "AnchorTree",
    "AssistantDeploymentAutoRestarter",
    "AssistantRestartView",
    "BuiltInStore",
    "CellConflict",
    "CodexProofOfSymbolEngine",
    "CodexProofView",
    "CodexRegressionGuard",
    "CodexRegressionView",
    "CodexTree",
    "Conflict",
    "Corrupt",
    "ErrorKind",
    "Healer",
    "HeartbeatMonitor",
    "Internal",
    "Invalid",
    "KeyProvider",
    "KeyRing",
    "Limit",
    "MemoryStore",
    "Mythos",
    "MythosError",
    "NotFound",
    "PayloadFormats",
    "RecordConflict",
    "RitualCompressionCache",
    "RitualCompressionView",
    "SelfHealingProtocolEngine",
    "SqliteStore",
    "StepJournal",
    "Store",
    "Supervisor",
    "SystemHealthRecoveryView",
    "Unavailable",
    "Unknown",
    "__version__",
    "add_totals",
    "compression_ratio",
    "copy_store",
    "novelty_score",
    "schemas",
    "stall",
]

# Tracebacks and pickles name the public path.
for _name in __all__:
    if isinstance(_class := globals()[_name], type) and issubclass(_class, MythosError):
        _class.__module__ = __name__
del _name, _class
