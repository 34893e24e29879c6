import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { MemoryStore, MythosError } from 'mythos';
import { conformanceCases, runConformanceCase } from 'mythos/testing';

import { MapStore } from './map_store.js';

describe('a store in JavaScript keeps the contract', () => {
  for (const { name, about } of conformanceCases()) {
    test(`${name}: ${about}`, () =>
      runConformanceCase(
        name,
        () => new MapStore(),
        (store) => store,
      ));
  }
});

test('a built-in store can be passed wherever a store is expected', async () => {
  await runConformanceCase(
    'create_twice',
    () => new MemoryStore(),
    (store) => store,
  );
});

test('a store that breaks the contract fails, and a case that does not exist likewise', async () => {
  class Forgetful extends MapStore {
    override commit(): void {}
  }
  const run = (name: string) =>
    runConformanceCase(
      name,
      () => new Forgetful(),
      (store) => store,
    );
  await assert.rejects(run('create_twice'), (error) => error instanceof MythosError && /create_twice/.test(error.message));
  await assert.rejects(run('no_such_case'), /there is no case of this name/);
});

test('a store that cannot be made fails the case', async () => {
  const fail = (): MapStore => {
    throw new Error('no disk');
  };
  await assert.rejects(runConformanceCase('create_twice', fail, fail), /no disk/);
});
