/** Calls through a store that uses libuv's threads for each of its own: with one such thread, see process.test.ts. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Answer, type Batch, Mythos, type Read } from 'mythos';

import { MapStore } from '../map_store.js';

const directory = process.argv[2] ?? '.';
const COUNT = 200;

class FileStore extends MapStore {
  readonly #file = join(directory, 'journal');

  override async read(reads: readonly Read[]): Promise<readonly Answer[]> {
    await readFile(this.#file);
    return super.read(reads);
  }

  override async commit(batch: Batch): Promise<void> {
    await writeFile(this.#file, JSON.stringify(batch.records));
    super.commit(batch);
  }
}

async function main(): Promise<void> {
  await writeFile(join(directory, 'journal'), '');
  const cache = (await Mythos.withStore(new FileStore())).rituals();
  const rituals = Array.from({ length: COUNT }, (_, number) => `ritual ${number}`);
  const saved = await Promise.all(
    rituals.map((ritual) => cache.save({ assistant: 'ana', ritual }, Buffer.from(ritual))),
  );
  const restored = await Promise.all(rituals.map((ritual) => cache.latest('ana', ritual)));
  const equal = restored.filter((entry, number) => entry?.payload.toString() === rituals[number]);
  console.log(`${saved.length} saved, ${equal.length} restored`);
}

void main();
