import { NativeStore } from '../native/index.js';
import { CellConflict, MythosError, StoreConflict } from './errors.js';
import { answer, describeFailure, textOf, timeoutOf } from './host.js';
import { unwrap } from './native.js';
import type { Store } from './store.js';

/** Makes a host's store callable by the native half. */
export async function connect(store: Store): Promise<NativeStore> {
  const timeout = timeoutOf(store, 'store');
  const capabilities = await withinTime(timeout, async () => await store.capabilities());
  return unwrap(
    NativeStore.host(capabilities, timeout, (id, method, argument) => {
      // `method` is one of the interface's; the native half sends what the types of the protocol say.
      const name = method as 'read' | 'commit' | 'maintain';
      void answer(id, `the store's ${name}()`, () => store[name](argument as never), describe);
    }),
  );
}

/** A conflict names what it is about. */
function describe(name: string, thrown: unknown): object {
  if (thrown instanceof StoreConflict) {
    return { kind: 'store_conflict', table: thrown.table, id: thrown.id };
  }
  if (thrown instanceof CellConflict) return { kind: 'cell_conflict', owner: thrown.owner, name: thrown.cell };
  return describeFailure(name, thrown);
}

async function withinTime<T>(timeout: number, run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new MythosError('Unavailable', `the store's capabilities() did not settle within ${timeout} ms`));
    }, timeout);
  });
  try {
    return await Promise.race([run(), late]);
  } catch (cause) {
    if (cause instanceof MythosError) throw cause;
    throw new MythosError('Internal', `the store's capabilities() threw: ${textOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
