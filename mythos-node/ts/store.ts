import {
  copyStore as nativeCopy,
  NativeSqliteStore,
  NativeStore,
  schemas as nativeSchemas,
  settleCall,
} from '../native/index.js';
import { MythosError } from './errors.js';
import { connect } from './host_store.js';
import { bindMethods, call, unwrap } from './native.js';
import type { Answer, Batch, Budget, Capabilities, Maintained, Read, Schema } from './protocol.js';

/**
 * A host's persistence. Each method may return a value or a promise, and is called many times at once.
 *
 * The contract, which the cases of `mythos/testing` hold:
 *
 * 1. **Atomic.** A batch is visible entirely or not at all, to every reader, also after a crash.
 * 2. **Exclusive.** Of concurrent commits that expect the same version of a record, at most one succeeds.
 * 3. **Durable and monotonic.** Once `commit` fulfilled, every later `read` sees the batch, and it survives what
 *    `durability` promises.
 * 4. **Consistent.** All answers of one `read` come from one snapshot.
 * 5. **Ordered.** A page has the declared order, ties broken by id in the same direction, each record at most once.
 * 6. **Faithful.** Bodies, cell names and cell bytes come back as they were written.
 *
 * Evaluate all checks and expectations of a batch against the state before it, then apply everything. A failed one is a
 * `StoreConflict`, other bytes in a cell that exists a `CellConflict`. A `MythosError` keeps its code: `Unavailable` if
 * nothing was changed, `Unknown` if that cannot be told. Anything else that is thrown becomes an `Internal` error with
 * the exception as its `cause`.
 */
export interface Store {
  /**
   * How long a call may take; 30,000 if absent. After that a `read` is `Unavailable` and a `commit` is `Unknown`,
   * and what it gives later is ignored.
   */
  readonly timeout_ms?: number;
  /** What this store promises. Asked once, when the store is first used. */
  capabilities(): Capabilities | Promise<Capabilities>;
  /** Answers `reads`, in their order, from one snapshot. */
  read(reads: readonly Read[]): readonly Answer[] | Promise<readonly Answer[]>;
  /** Applies `batch` entirely, or nothing of it. */
  commit(batch: Batch): void | Promise<void>;
  /** Gives freed space back, and the like, within `budget`. May do nothing. */
  maintain(budget: Budget): Maintained | Promise<Maintained>;
}

/** The native handle of a built-in store; assigned by {@link BuiltInStore} alone, so that no host can reach it. */
let handleOf: (store: BuiltInStore) => NativeStore;

/** A store of the native half: pass it wherever a store is expected. */
export abstract class BuiltInStore {
  readonly #native: NativeStore;

  static {
    handleOf = (store) => store.#native;
  }

  /** @internal */
  constructor(native: NativeStore) {
    this.#native = native;
    bindMethods(this);
  }
}

/** A store in memory, gone with its last user. */
export class MemoryStore extends BuiltInStore {
  constructor() {
    super(NativeStore.memory());
  }
}

/** How a SQLite file is opened. */
export interface SqliteOptions {
  /** `full`: an acknowledged commit survives a power loss. `normal`: a power loss may undo the last ones. */
  readonly synchronous?: 'full' | 'normal' | undefined;
  /** Refuse every commit, and never write to the file, which must exist. */
  readonly read_only?: boolean | undefined;
  /** How long a call waits for another process's write before it is `Unavailable`; by default 30,000. */
  readonly busy_timeout_ms?: number | undefined;
}

/** How far a backup is. */
export interface BackupProgress {
  readonly copied_pages: number;
  readonly total_pages: number;
}

/** What a store has done since it was opened. */
export interface SqliteStatistics {
  /** Batches that were acknowledged. */
  readonly commits: number;
  /** Transactions that carried them; commits that wait at the same time share one. */
  readonly flushes: number;
  /** Steps of listings and counts that no index guided. */
  readonly full_scan_steps: number;
  /** Listings and counts that had to be sorted because no index had their order. */
  readonly sorts: number;
}

/** A store in one SQLite file, which several processes may share. */
export class SqliteStore extends BuiltInStore {
  readonly #sqlite: NativeSqliteStore;

  private constructor(native: NativeSqliteStore) {
    super(native.handle());
    this.#sqlite = native;
  }

  /** @internal */
  static over(native: NativeSqliteStore): SqliteStore {
    return new SqliteStore(native);
  }

  /** Opens or creates the file. */
  static async open(path: string, options: SqliteOptions = {}): Promise<SqliteStore> {
    return new SqliteStore(await call<NativeSqliteStore>(() => NativeSqliteStore.open(path, options)));
  }

  /** Makes a store at `path` from a backup. The backup is checked, copied, and the copy checked. */
  static async restore(backup: string, path: string): Promise<void> {
    await call(() => NativeSqliteStore.restore(backup, path));
  }

  /**
   * Copies the store, as it is at one moment, to a new file at `path`, while others read and write. The copy is checked
   * whole before it takes its name.
   *
   * `progress` is told after every 4 MiB how far it is. What it throws does not stop the backup: it fails the call once
   * the copy is made.
   */
  async backup(path: string, progress?: (done: BackupProgress) => void): Promise<void> {
    let failed: { cause: unknown } | undefined;
    const report = (id: number, _name: string, done: unknown): void => {
      try {
        progress?.(done as BackupProgress);
      } catch (cause) {
        failed ??= { cause };
      }
      settleCall(id, { value: null });
    };
    await call(() => this.#sqlite.backup(path, progress === undefined ? undefined : report));
    if (failed !== undefined) throw new MythosError('Internal', 'the backup is made, but progress() threw', failed);
  }

  /** What the store has done since it was opened. */
  statistics(): SqliteStatistics {
    return unwrap(this.#sqlite.statistics()) as SqliteStatistics;
  }

  /** Waits for what is under way and closes the file; every later call is `Unavailable`. May be called again. */
  async close(): Promise<void> {
    await call(() => this.#sqlite.close());
  }
}

/** What a copy carried over, and found equal on both sides. */
export interface CopyReport {
  readonly records: number;
  readonly cells: number;
  readonly cell_bytes: number;
}

/**
 * Copies everything from one store into another, which must be empty, and verifies it by reading both sides back.
 *
 * Nobody else may write to either store meanwhile. If it fails, `to` holds a part: empty it before a second try.
 */
export async function copyStore(from: AnyStore, to: AnyStore): Promise<CopyReport> {
  const handles = [await nativeStore(from, 'from'), await nativeStore(to, 'to')] as const;
  return call(() => nativeCopy(...handles));
}

/** The declarations of the tables that a store holds, for those that need them: an SQL store makes its tables of them. */
export function schemas(): readonly Schema[] {
  return unwrap(nativeSchemas()) as readonly Schema[];
}

/** A built-in store or a host's own. */
export type AnyStore = BuiltInStore | Store;

const connected = new WeakMap<Store, Promise<NativeStore>>();

/**
 * The native handle of any store; every class that takes a store passes it through here.
 *
 * @internal
 */
export async function nativeStore(store: AnyStore, field = 'store'): Promise<NativeStore> {
  if (store instanceof BuiltInStore) {
    const handle = handleOf(store);
    if (handle instanceof NativeStore) return handle;
    throw new MythosError('Invalid', 'BuiltInStore is not for extending: implement Store', { field });
  }
  // Without types anything may come.
  const given: unknown = store;
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) {
    throw new MythosError('Invalid', 'a store is an object with the methods of a Store', { field });
  }
  let handle = connected.get(store);
  if (handle === undefined) {
    handle = connect(store);
    connected.set(store, handle);
    // One that could not say its capabilities may be able to later.
    handle.catch(() => connected.delete(store));
  }
  return handle;
}
