/**
 * MythOS keeps the AI assistants of a platform alive.
 *
 * Methods have JavaScript's case; the members of data (records, options, the store's protocol) keep the names under
 * which they are stored. Timestamps are ISO 8601 strings in UTC, bytes are Buffers, and every error is a
 * {@link MythosError}.
 *
 * @module
 */

export { CellConflict, type ErrorCode, MythosError, StoreConflict } from './errors.js';
export { Mythos } from './mythos.js';
export type * from './protocol.js';
export {
  type CompressedRitual,
  type ParentExpectation,
  type RestoredRitual,
  RitualCompressionCache,
  type SaveRitual,
  type SymbolicIntent,
} from './ritual.js';
export { type AnyStore, BuiltInStore, MemoryStore, type SqliteOptions, SqliteStore, type Store } from './store.js';
