import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { type BackupProgress, copyStore, MemoryStore, Mythos, MythosError, schemas, SqliteStore } from 'mythos';

import { MapStore } from './map_store.js';

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

test('a closed store is Unavailable through everything that was opened on it', async () => {
  const mythos = await Mythos.open(join(directory, 'closed.db'), { synchronous: 'normal' });
  const [rituals, store] = [mythos.rituals(), mythos.sqlite()];
  assert.ok(store);
  await mythos.close();
  await mythos.close();
  await assert.rejects(rituals.save(REQUEST, STATE), { code: 'Unavailable' });
  await assert.rejects(store.backup(join(directory, 'closed-backup.db')), { code: 'Unavailable' });
  assert.equal(Mythos.inMemory().sqlite(), null);
  await Mythos.inMemory().close();
});

test('a backup is made under readers and writers, tells how far it is, and is restored', async () => {
  const mythos = await Mythos.open(join(directory, 'source.db'));
  const store = mythos.sqlite();
  assert.ok(store);
  const payload = randomBytes(16 << 20);
  const saved = await mythos.rituals().save(REQUEST, payload);
  const told: BackupProgress[] = [];
  const backup = join(directory, 'backup.db');
  await Promise.all([
    store.backup(backup, (done) => told.push(done)),
    ...Array.from({ length: 20 }, (_, number) => mythos.rituals().save({ ...REQUEST, ritual: `other ${number}` }, STATE)),
  ]);
  assert.ok(told.length > 1);
  const [first, last] = [told[0], told.at(-1)];
  assert.ok(first && last && first.copied_pages < first.total_pages);
  assert.equal(last.copied_pages, last.total_pages);
  await assert.rejects(store.backup(backup), { code: 'Invalid' });

  const path = join(directory, 'restored.db');
  await SqliteStore.restore(backup, path);
  const restored = await Mythos.open(path);
  assert.deepEqual(await restored.rituals().latest('ana', 'refund'), { entry: saved, payload, format: null });
  await assert.rejects(SqliteStore.restore(join(directory, 'no such file'), join(directory, 'x.db')), MythosError);
});

test('a progress that throws fails the call, and the backup is made', async () => {
  const store = await SqliteStore.open(join(directory, 'told.db'));
  const backup = join(directory, 'told-backup.db');
  const thrown = new Error('the bar is full');
  const told = store.backup(backup, () => {
    throw thrown;
  });
  await assert.rejects(told, { name: 'MythosError', code: 'Internal', cause: thrown });
  await SqliteStore.restore(backup, join(directory, 'told-restored.db'));
});

test('statistics count commits and the flushes that they share', async () => {
  const mythos = await Mythos.open(join(directory, 'statistics.db'));
  const rituals = mythos.rituals();
  await Promise.all(
    Array.from({ length: 100 }, (_, number) => rituals.save({ ...REQUEST, ritual: `ritual ${number}` }, STATE)),
  );
  const found = mythos.sqlite()?.statistics();
  assert.ok(found);
  const { flushes } = found;
  assert.deepEqual(found, { commits: 100, flushes, full_scan_steps: 0, sorts: 0 });
  assert.ok(flushes < 100);
});

test('a copy carries everything from any store to any other', async () => {
  const source = new MapStore();
  const from = await Mythos.withStore(source);
  const saved = await from.rituals().save(REQUEST, STATE);
  const codex = { codex: 'support', clauses: [], directive_path: ['launch'], actor: 'ana' };
  await from.codices().create(codex);
  const file = await SqliteStore.open(join(directory, 'copy.db'));
  const report = await copyStore(source, file);
  assert.deepEqual(report, { records: report.records, cells: report.cells, cell_bytes: report.cell_bytes });
  assert.ok(report.records >= 3 && report.cells >= 2 && report.cell_bytes > STATE.length);
  const memory = new MemoryStore();
  assert.deepEqual(await copyStore(file, memory), report);

  const to = await Mythos.withStore(memory);
  assert.deepEqual(await to.rituals().latest('ana', 'refund'), { entry: saved, payload: STATE, format: null });
  assert.equal((await to.codices().verify('support')).proof_verification_status, 'verified');
  await assert.rejects(copyStore(source, memory), { code: 'Invalid', field: 'to' });
  await assert.rejects(copyStore(source, {} as MapStore), { code: 'Internal' });
  await assert.rejects(copyStore(undefined as unknown as MapStore, memory), { code: 'Invalid', field: 'from' });
});

test('a file that is no store is left alone', async () => {
  const path = join(directory, 'notes.txt');
  await writeFile(path, 'not a database');
  await assert.rejects(Mythos.open(path), { name: 'MythosError' });
  await assert.rejects(Mythos.open(join(directory, 'absent.db'), { read_only: true }), { name: 'MythosError' });
});

test('the tables are declared as data', () => {
  const tables = schemas();
  assert.ok(tables.every(({ name, fields }) => name !== '' && fields.some((field) => field.name === 'tenant')));
  assert.ok(tables.some(({ name, owns_cells }) => name === 'codex_heads' && owns_cells));
});
