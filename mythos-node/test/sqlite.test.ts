import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

test('a store is backed up while in use, and restored', async () => {
  const [path, backup, restored] = ['used.db', 'backup.db', 'restored.db'].map((name) => join(directory, name)) as [string, string, string];
  const mythos = await Mythos.open(path, { synchronous: 'normal', busy_timeout_ms: 5_000 });
  const store = mythos.sqlite();
  assert.ok(store);
  const { entry } = await mythos.rituals().save(REQUEST, STATE);
  assert.deepEqual([store.statistics().commits, store.statistics().sorts], [1, 0]);
  const reports: BackupProgress[] = [];
  await store.backup(backup, (done) => reports.push(done));
  const last = reports.at(-1);
  assert.ok(last && last.total_pages > 0 && last.copied_pages === last.total_pages);
  await assert.rejects(store.backup(backup), { code: 'Invalid' });
  const cause = new Error('no terminal');
  const throwing = store.backup(join(directory, 'other.db'), () => {
    throw cause;
  });
  await assert.rejects(throwing, { code: 'Internal', cause });

  await SqliteStore.restore(backup, restored);
  const copy = await Mythos.open(restored, { read_only: true });
  assert.deepEqual((await copy.rituals().restore(entry)).payload, STATE);
  await assert.rejects(SqliteStore.restore(join(directory, 'none.db'), join(directory, 'new.db')), { code: 'Invalid' });
  await mythos.close();
  await assert.rejects(mythos.rituals().restore(entry), { code: 'Unavailable' });
  assert.equal(Mythos.inMemory().sqlite(), null);
});

test('everything is copied from any store into any other, and verified', async () => {
  const from = new MapStore();
  const mythos = await Mythos.withStore(from);
  await mythos.rituals().save(REQUEST, STATE);
  await mythos.codices().create({ codex: 'c', clauses: [{ clause: 'a', text: 'b' }], directive_path: ['d'], actor: 'e' });
  const to = await SqliteStore.open(join(directory, 'copy.db'));
  const report = await copyStore(from, to);
  assert.ok(report.records >= 4 && report.cells >= 3 && report.cell_bytes > 0);
  assert.deepEqual(await copyStore(to, new MemoryStore()), report);
  const copy = await Mythos.withStore(to);
  assert.deepEqual((await copy.rituals().latest('ana', 'refund'))?.payload, STATE);
  assert.equal((await copy.codices().verify('c')).proof_verification_status, 'verified');
  await assert.rejects(copyStore(from, to), { code: 'Invalid', field: 'to' });
  await assert.rejects(copyStore(from, {} as MapStore), MythosError);
  await to.close();
});

test('a payload whose bytes changed in the file is never handed out', async () => {
  const path = join(directory, 'damaged.db');
  const before = await Mythos.open(path);
  const payload = randomBytes(512);
  const older = await before.rituals().save(REQUEST, STATE);
  const { entry } = await before.rituals().save(REQUEST, payload);
  await before.close();
  const file = await readFile(path);
  const place = file.indexOf(payload);
  assert.notEqual(place, -1);
  file.writeUInt8(file.readUInt8(place) ^ 1, place);
  await writeFile(path, file);

  const rituals = (await Mythos.open(path)).rituals();
  await assert.rejects(rituals.latest('ana', 'refund'), { code: 'Corrupt' });
  await assert.rejects(rituals.restore(entry), { code: 'Corrupt', retryable: false });
  assert.equal((await rituals.verify(entry)).verified, false);
  const found = await rituals.newestVerifiable('ana', 'refund');
  assert.deepEqual([found?.restored.entry.entry, found?.skipped[0]?.entry], [older.entry, entry]);
});

test('the tables are declared as data', () => {
  const tables = schemas();
  assert.ok(tables.every(({ name, fields }) => name !== '' && fields.some((field) => field.name === 'tenant')));
  assert.ok(tables.some(({ name, owns_cells }) => name === 'codex_heads' && owns_cells));
});
