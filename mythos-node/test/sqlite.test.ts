import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Mythos, MythosError, SqliteStore } from 'mythos';

const REQUEST = { assistant: 'ana', ritual: 'refund' };
const STATE = Buffer.from('state');
let directory = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mythos-'));
});
after(() => rm(directory, { recursive: true }));

test('what was saved is there when the file is opened again, by either way', async () => {
  const path = join(directory, 'mythos.db');
  const store = await SqliteStore.open(path);
  const { close } = store;
  const mythos = await Mythos.withStore(store);
  const saved = await mythos.rituals().save(REQUEST, STATE);
  await close();
  await close();
  await assert.rejects(mythos.rituals().save(REQUEST, STATE), (error) => error instanceof MythosError);

  const reader = await Mythos.withStore(await SqliteStore.open(path, { read_only: true }));
  assert.deepEqual((await reader.rituals().latest('ana', 'refund'))?.entry, saved);
  await assert.rejects(reader.rituals().save(REQUEST, STATE), { code: 'Invalid' });
  const owner = await Mythos.open(path);
  assert.equal((await owner.rituals().save(REQUEST, STATE)).sequence, 2);
  assert.equal((await owner.maintain()).done, true);
});

test('a file that cannot be opened, and options that are none, are errors of the call', async () => {
  await assert.rejects(SqliteStore.open(join(directory, 'no', 'such', 'directory')), MythosError);
  await assert.rejects(Mythos.open(directory), MythosError);
  await assert.rejects(Mythos.open(7 as unknown as string), { code: 'Invalid', field: 'path' });
  const odd = { busy_timeout: 7 } as object;
  await assert.rejects(SqliteStore.open('x', odd), { code: 'Invalid', field: 'options.busy_timeout' });
  const negative = { busy_timeout_ms: -1 };
  await assert.rejects(SqliteStore.open('x', negative), { code: 'Invalid', field: 'options.busy_timeout_ms' });
});

test('200 calls at once on one file all succeed', async () => {
  const store = await SqliteStore.open(join(directory, 'many.db'));
  const cache = (await Mythos.withStore(store)).rituals();
  const saves = Array.from({ length: 200 }, (_, number) => cache.save({ ...REQUEST, ritual: `ritual ${number}` }, STATE));
  assert.equal((await Promise.all(saves)).length, 200);
  await store.close();
});
