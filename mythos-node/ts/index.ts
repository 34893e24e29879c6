/**
 * MythOS keeps the AI assistants of a platform alive.
 *
 * Methods have JavaScript's case; the members of data (records, options, the store's protocol) keep the names under
 * which they are stored. Timestamps are ISO 8601 strings in UTC, bytes are Buffers, and every error is a
 * {@link MythosError}.
 *
 * @module
 */

export { AnchorLog, AnchorTree } from './anchor.js';
export type * from './anchor_types.js';
export type * from './codex.js';
export { CodexProofOfSymbolEngine, CodexTree, verifyEvidence } from './codex.js';
export type * from './codex_proofs.js';
export type { EffectOptions, EffectStream, Handle } from './effect_stream.js';
export { effects, type HostAction, type HostEffect } from './effects.js';
export { CellConflict, type ErrorCode, MythosError, StoreConflict } from './errors.js';
export { PayloadFormats, type Upcast } from './formats.js';
export { CodexRegressionGuard, CodexRegressionView } from './guard.js';
export type * from './guard_types.js';
export { type HostRepair, repairs } from './healing_effects.js';
export { Healer, SelfHealingProtocolEngine } from './healing.js';
export type * from './healing_types.js';
export { type DetectorPolicy, HeartbeatMonitor, type Suspicion } from './heartbeats.js';
export { type CodexOptions, Mythos, type OpenOptions, type RitualOptions } from './mythos.js';
export type * from './page.js';
export {
  type CodexLineage,
  type CodexProofFilter,
  type CodexProofRow,
  CodexProofView,
  type LineageNode,
} from './proof_view.js';
export type * from './protocol.js';
export {
  assess,
  assessMany,
  compareDocuments,
  compareMany,
  type Embedder,
  measures,
  scoreLines,
  similarity,
  type Vectors,
  type Versions,
  writeReport,
} from './regression.js';
export type * from './regression_types.js';
export { SystemHealthRecoveryView } from './recovery_view.js';
export { AssistantDeploymentAutoRestarter, Supervisor } from './restart.js';
export type * from './restart_groups.js';
export type * from './restart_types.js';
export {
  AssistantRestartView,
  type DeploymentStatus,
  type DiagramEdge,
  type FallbackHistory,
  type FallbackTaken,
  type FallbackTally,
  type IncidentFilter,
  type PendingEffect,
  type RestartDiagram,
  type TimerStatus,
  type TransitionCause,
} from './restart_view.js';
export { RitualCompressionCache } from './ritual.js';
export type * from './ritual_types.js';
export { noveltyScore, type ScoredEntry, stall, type Stall, type StallPolicy } from './scores.js';
export { type KeyProvider, KeyRing } from './seal.js';
export { CosignatureSigner, Ed25519Signer, type NoteSigner, type Signer } from './signers.js';
export { StepJournal } from './steps.js';
export type * from './steps_types.js';
export {
  type AnyStore,
  type BackupProgress,
  BuiltInStore,
  type CopyReport,
  copyStore,
  MemoryStore,
  schemas,
  type SqliteOptions,
  type SqliteStatistics,
  SqliteStore,
  type Store,
} from './store.js';
export {
  addTotals,
  compressionRatio,
  RitualCompressionView,
  type RitualOverview,
  type RitualVerb,
  ritualVerbs,
} from './view.js';
