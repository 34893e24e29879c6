import { NativeStore, settleCall } from '../native/index.js';
import { CellConflict, MythosError, StoreConflict } from './errors.js';
import { unwrap } from './native.js';
import type { Store } from './store.js';

const DEFAULT_TIMEOUT_MS = 30_000;
/** The longest delay of a timer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Makes a host's store callable by the native half. */
export async function connect(store: Store): Promise<NativeStore> {
  const timeout = timeoutOf(store);
  const capabilities = await withinTime(timeout, async () => await store.capabilities());
  return unwrap(
    NativeStore.host(capabilities, timeout, (id, method, argument) => {
      // `method` is one of the interface's; the native half sends what the types of the protocol say.
      const name = method as 'read' | 'commit' | 'maintain';
      void answer(id, name, async () => await store[name](argument as never));
    }),
  );
}

/** Runs a call and hands its result back. Never rejects: nobody would see it. */
async function answer(id: number, method: string, run: () => Promise<unknown>): Promise<void> {
  let value: unknown;
  try {
    value = await run();
  } catch (thrown) {
    settleCall(id, { error: describe(method, thrown) }, thrown);
    return;
  }
  settleCall(id, { value });
}

/** What the native half has to know about an exception; the exception itself goes along as the cause. */
function describe(method: string, thrown: unknown): object {
  if (thrown instanceof StoreConflict) {
    return { kind: 'store_conflict', table: thrown.table, id: thrown.id };
  }
  if (thrown instanceof CellConflict) return { kind: 'cell_conflict', owner: thrown.owner, name: thrown.cell };
  if (thrown instanceof MythosError) return { kind: 'failure', code: thrown.code, message: thrown.message };
  return { kind: 'failure', code: 'Internal', message: `the store's ${method}() threw: ${textOf(thrown)}` };
}

function textOf(thrown: unknown): string {
  try {
    // `toWellFormed` in effect: a lone surrogate has no place in a message.
    return Buffer.from(String(thrown)).toString();
  } catch {
    return 'something that has no text';
  }
}

function timeoutOf(store: Store): number {
  const timeout = store.timeout_ms ?? DEFAULT_TIMEOUT_MS;
  if (typeof timeout === 'number' && timeout >= 1 && timeout <= MAX_TIMEOUT_MS) return timeout;
  throw new MythosError('Invalid', `timeout_ms is 1 to ${MAX_TIMEOUT_MS} milliseconds`, { field: 'store.timeout_ms' });
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
