/**
 * The conformance cases: a host that brings its own store proves it with them.
 *
 * @example
 * import { test } from 'node:test';
 * import { conformanceCases, runConformanceCase } from 'mythos/testing';
 *
 * for (const { name } of conformanceCases()) {
 *   test(name, () => runConformanceCase(name, () => new MyStore(), (store) => store.reopen()));
 * }
 *
 * @module
 */

import { conformanceCases as nativeCases, runConformanceCase as nativeRun, settleCall } from '../native/index.js';
import { MythosError } from './errors.js';
import { call } from './native.js';
import type { Schema } from './protocol.js';
import { type AnyStore, nativeStore } from './store.js';

/** One case: a few steps against a fresh store, and what must come of them. */
export interface ConformanceCase {
  readonly name: string;
  /** What the case holds a store to, such as `atomic`. */
  readonly obligation: string;
  /** What the case shows, in one sentence. */
  readonly about: string;
}

/** All cases, grouped by obligation. */
export function conformanceCases(): readonly ConformanceCase[] {
  return nativeCases();
}

/**
 * Runs the case `name`; rejects with what was found instead of what if the store does not pass.
 *
 * `fresh` makes an empty store that can hold tables of these schemas. `reopen` closes the store that was made last and
 * opens the same content again; a store that keeps nothing beyond its life gives itself back.
 */
export async function runConformanceCase<S extends AnyStore>(
  name: string,
  fresh: (schemas: readonly Schema[]) => S | Promise<S>,
  reopen: (store: S, schemas: readonly Schema[]) => S | Promise<S>,
): Promise<void> {
  let current: S | undefined;
  const make = async (id: number, step: string, schemas: unknown): Promise<void> => {
    try {
      const tables = schemas as readonly Schema[];
      current = await (step === 'fresh' || current === undefined ? fresh(tables) : reopen(current, tables));
      settleCall(id, null, undefined, await nativeStore(current));
    } catch (thrown) {
      settleCall(id, thrown instanceof Error ? thrown.message : 'threw something that is not an Error');
    }
  };
  const found = await call<string | null>(() => nativeRun(name, (id, step, schemas) => void make(id, step, schemas)));
  if (found !== null) throw new MythosError('Internal', found);
}
