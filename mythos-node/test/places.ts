import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Answer, type AnyStore, type CompressedRitual, copyStore, MemoryStore, Mythos, type Read } from 'mythos';

import { MapStore } from './map_store.js';

/** Where the services are tested. */
export interface Place {
  readonly mythos: Mythos;
  /** Where it stores. */
  readonly store: AnyStore;
  /** Changes one bit wherever `bytes` are stored in a cell, and opens what there is then. */
  damaged(bytes: Buffer): Promise<Mythos>;
  close(): Promise<void>;
}

function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[0] = bytes.readUInt8(0) ^ 1;
  return other;
}

async function onSqlite(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
  const path = join(directory, 'mythos.db');
  let mythos = await Mythos.open(path);
  const store = mythos.sqlite();
  assert.ok(store);
  return {
    mythos,
    store,
    async damaged(bytes) {
      await mythos.close();
      const file = await readFile(path);
      let place = file.indexOf(bytes);
      assert.notEqual(place, -1, 'the bytes are in the file');
      for (; place !== -1; place = file.indexOf(bytes, place)) flipped(bytes).copy(file, place);
      await writeFile(path, file);
      mythos = await Mythos.open(path);
      return mythos;
    },
    async close() {
      await mythos.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** A store that gives back other bytes than were written. */
class DamagedStore extends MapStore {
  damage: Buffer | undefined;

  override async read(reads: readonly Read[]): Promise<readonly Answer[]> {
    const { damage } = this;
    const answers = await super.read(reads);
    if (damage === undefined) return answers;
    return answers.map((answer) => {
      if (answer.kind !== 'cells') return answer;
      const cells = answer.cells.map(({ name, bytes }) => {
        const place = Buffer.from(bytes).indexOf(damage);
        const other = Buffer.from(bytes);
        if (place !== -1) flipped(damage).copy(other, place);
        return { name, bytes: other };
      });
      return { ...answer, cells };
    });
  }
}

async function onHostStore(): Promise<Place> {
  const store = new DamagedStore();
  const mythos = await Mythos.withStore(store);
  return {
    mythos,
    store,
    async damaged(bytes) {
      store.damage = bytes;
      // One that keeps no newest state in memory.
      return Mythos.withStore(store);
    },
    async close() {},
  };
}

async function inMemory(): Promise<Place> {
  const store = new MemoryStore();
  const mythos = await Mythos.withStore(store);
  return {
    mythos,
    store,
    async damaged(bytes) {
      const copy = new DamagedStore();
      await copyStore(store, copy);
      copy.damage = bytes;
      return Mythos.withStore(copy);
    },
    async close() {},
  };
}

/** All of an entry that never changes: how it is stored does, with the saves after it. */
export function signed(entry: CompressedRitual): object {
  return { ...entry, compressed_ritual_data: null };
}

/** Each place by its name. */
export const PLACES: readonly [string, () => Promise<Place>][] = [
  ['on SQLite', onSqlite],
  ['in memory', inMemory],
  ['on a store in JavaScript', onHostStore],
];
