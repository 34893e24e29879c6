// An agent that can be killed at any moment: it saves its state after each step, and does nothing twice.
//
// Its work is to write a line for each item to a file, as others would send a letter. `supervise.mjs` launches it.

import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { Mythos } from 'mythos';

const ITEMS = 12;
/** So long a step takes, so that a kill comes in the middle of one. */
const STEP_MS = 20;
const WHOSE = { assistant: 'ana', ritual: 'letters' };

let [database, ledger, entry, epoch, run] = process.argv.slice(2);
const mythos = await Mythos.open(database);
const [rituals, steps] = [mythos.rituals(), mythos.steps()];
const done = JSON.parse((await rituals.restore(entry)).payload);

// From here on, an earlier run that is not quite dead can begin nothing more.
const launched = { epoch: Number(epoch), run: Number(run) };
const { in_doubt } = await steps.afterRestore({ ...WHOSE, entry, run: launched });
for (const { key, attempt } of in_doubt.items) {
  // It was begun, and then the agent died: only the outside world knows whether it was done.
  const happened = (await readFile(ledger, 'utf8')).split('\n').includes(key);
  const resolution = happened ? { kind: 'happened', outcome: Buffer.from('found') } : { kind: 'did_not_happen' };
  await steps.resolve({ ...WHOSE, key, attempt, resolution });
}
console.log(`ready ${done.length}`);

for (let item = done.length + 1; item <= ITEMS; item += 1) {
  const key = `letter ${item}`;
  console.log(`begins ${item}`);
  const begun = await steps.begin({ ...WHOSE, key, intent: Buffer.from('send it'), run: launched });
  if (begun.kind === 'begun') {
    await setTimeout(STEP_MS);
    await appendFile(ledger, `${key}\n`);
    await steps.complete({ ...WHOSE, key, outcome: Buffer.from('sent'), attempt: begun.attempt });
  }
  done.push(item);
  const parent = { kind: 'entry', entry };
  ({ entry } = await rituals.save({ ...WHOSE, parent }, Buffer.from(JSON.stringify(done))));
  console.log(`saved ${item}`);
}
await mythos.close();
