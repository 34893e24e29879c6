import type { Failure, Outcome } from '../native/index.js';
import { type ErrorCode, MythosError } from './errors.js';

/** What a call gave, or its failure thrown as a {@link MythosError}. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.error !== undefined) throw toError(outcome.error);
  return outcome.value;
}

/**
 * Awaits a call of the native half. Every asynchronous method of this package goes through here, so that all that is
 * thrown is a {@link MythosError}.
 *
 * @example
 * save(request: SaveRequest): Promise<CompressedRitual> {
 *   return call<CompressedRitual>(() => this.#native.save(request));
 * }
 */
export async function call<T>(start: () => Promise<Outcome<unknown>> | Outcome<unknown>): Promise<T> {
  let outcome: Outcome<unknown>;
  try {
    outcome = await start();
  } catch (cause) {
    throw new MythosError('Internal', 'the native half of mythos threw, which is a defect of mythos', { cause });
  }
  // The native half gives what the declared type says; the tests hold each.
  return unwrap(outcome) as T;
}

/** Binds the methods of `instance`, so that one that is passed on by itself does not lose `this`. */
export function bindMethods(instance: object): void {
  const prototype = Object.getPrototypeOf(instance) as object;
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const method: unknown = property.value;
    if (name === 'constructor' || typeof method !== 'function') continue;
    Object.defineProperty(instance, name, { ...property, value: method.bind(instance) as unknown });
  }
}

function toError(failure: Failure): MythosError {
  return new MythosError(failure.code as ErrorCode, failure.message, {
    ...(failure.field === null ? {} : { field: failure.field }),
    ...(failure.operation === null ? {} : { operation: failure.operation }),
    ...('cause' in failure ? { cause: failure.cause } : {}),
  });
}
