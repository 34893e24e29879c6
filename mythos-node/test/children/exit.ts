/** Ends in the way that its argument says; see process.test.ts. */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { MemoryStore, Mythos, MythosError } from 'mythos';

import { MapStore } from '../map_store.js';

const REQUEST = { assistant: 'ana', ritual: 'refund' };
const STATE = Buffer.from('state');

class Silent extends MapStore {
  readonly timeout_ms: number;

  constructor(timeout_ms: number) {
    super();
    this.timeout_ms = timeout_ms;
  }

  override read(): Promise<never> {
    return new Promise(() => {});
  }
}

async function main(how: string | undefined): Promise<void> {
  switch (how) {
    case 'held': {
      const held = [await Mythos.withStore(new MapStore()), await Mythos.withStore(new MemoryStore())];
      for (const mythos of held) await mythos.rituals().save(REQUEST, STATE);
      Object.assign(globalThis, { held });
      console.log('saved');
      break;
    }
    case 'never': {
      const mythos = await Mythos.withStore(new Silent(200));
      const error: unknown = await mythos.rituals().save(REQUEST, STATE).catch((error: unknown) => error);
      console.log(error instanceof MythosError ? error.code : error);
      break;
    }
    case 'exit': {
      const mythos = await Mythos.withStore(new Silent(60_000));
      for (let call = 0; call < 100; call += 1) void mythos.rituals().save(REQUEST, STATE);
      setTimeout(() => {
        console.log('leaving');
        process.exit(0);
      }, 200);
      break;
    }
    case 'worker': {
      const worker = new Worker(__filename, { workerData: 'in worker' });
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
      await (await Mythos.withStore(new MapStore())).rituals().save(REQUEST, STATE);
      console.log('saved after the worker');
      process.exit(0);
      break;
    }
    case 'in worker': {
      const mythos = await Mythos.withStore(new Silent(60_000));
      for (let call = 0; call < 8; call += 1) void mythos.rituals().save(REQUEST, STATE);
      setTimeout(() => parentPort?.postMessage('waiting'), 200);
      break;
    }
    default:
      throw new Error(`no such end: ${how}`);
  }
}

void main(isMainThread ? process.argv[2] : (workerData as string));
