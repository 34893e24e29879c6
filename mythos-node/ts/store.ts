import { NativeStore } from '../native/index.js';
import { MythosError } from './errors.js';
import { connect } from './host_store.js';
import { bindMethods, call } from './native.js';
import type { Answer, Batch, Budget, Capabilities, Maintained, Read } from './protocol.js';

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

/** How a {@link SqliteStore} is opened. */
export interface SqliteOptions {
  /** `full`: an acknowledged commit survives a power loss. `normal`: a power loss may undo the last ones. */
  readonly synchronous?: 'full' | 'normal' | undefined;
  /** Refuse every commit. */
  readonly read_only?: boolean | undefined;
  /** How long a call waits for another process's write before it is `Unavailable`. */
  readonly busy_timeout_ms?: number | undefined;
}

/** A store in one SQLite file, which several processes may share. */
export class SqliteStore extends BuiltInStore {
  private constructor(native: NativeStore) {
    super(native);
  }

  /** Opens or creates the file. */
  static async open(path: string, options: SqliteOptions = {}): Promise<SqliteStore> {
    return new SqliteStore(await call<NativeStore>(() => NativeStore.openSqlite({ ...options, path })));
  }

  /** Waits for what is under way and closes the file; every later call is refused. May be called again. */
  async close(): Promise<void> {
    await call(() => handleOf(this).close());
  }
}

/** A built-in store or a host's own. */
export type AnyStore = BuiltInStore | Store;

const connected = new WeakMap<Store, Promise<NativeStore>>();

/**
 * The native handle of any store; every class that takes a store passes it through here.
 *
 * @internal
 */
export async function nativeStore(store: AnyStore): Promise<NativeStore> {
  if (store instanceof BuiltInStore) {
    const handle = handleOf(store);
    if (handle instanceof NativeStore) return handle;
    throw new MythosError('Invalid', 'BuiltInStore is not for extending: implement Store', { field: 'store' });
  }
  // Without types anything may come.
  const given: unknown = store;
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) {
    throw new MythosError('Invalid', 'a store is an object with the methods of a Store', { field: 'store' });
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
