import { settleCall } from '../native/index.js';
import { MythosError } from './errors.js';

export const DEFAULT_TIMEOUT_MS = 30_000;
/** The longest delay of a timer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Runs a call of the native half and hands its result back. Never rejects: nobody would see it.
 *
 * `name` is what messages call it, such as `the store's read()`; `describe` tells the native half what it has to know
 * about an exception. The exception itself goes along as the cause.
 */
export async function answer(
  id: number,
  name: string,
  run: () => unknown,
  describe: (name: string, thrown: unknown) => object = describeFailure,
): Promise<void> {
  let value: unknown;
  try {
    value = await run();
  } catch (thrown) {
    settleCall(id, { error: describe(name, thrown) }, thrown);
    return;
  }
  settleCall(id, { value });
}

/** A `MythosError` keeps its code; anything else is a defect of the host. */
export function describeFailure(name: string, thrown: unknown): object {
  if (thrown instanceof MythosError) return { kind: 'failure', code: thrown.code, message: thrown.message };
  return { kind: 'failure', code: 'Internal', message: `${name} threw: ${textOf(thrown)}` };
}

export function textOf(thrown: unknown): string {
  try {
    // `toWellFormed` in effect: a lone surrogate has no place in a message.
    return Buffer.from(String(thrown)).toString();
  } catch {
    return 'something that has no text';
  }
}

/** How long a call of a host's object may take; `field` names the object. */
export function timeoutOf(host: { readonly timeout_ms?: number }, field: string): number {
  const timeout = host.timeout_ms ?? DEFAULT_TIMEOUT_MS;
  if (typeof timeout === 'number' && timeout >= 1 && timeout <= MAX_TIMEOUT_MS) return timeout;
  throw new MythosError('Invalid', `timeout_ms is 1 to ${MAX_TIMEOUT_MS} milliseconds`, { field: `${field}.timeout_ms` });
}
