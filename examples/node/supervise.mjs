// Keeps a real process alive: the agent in `agent.mjs` is killed again and again, and its work is done once and wholly.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { effects, Mythos } from 'mythos';

const AGENT = fileURLToPath(new URL('agent.mjs', import.meta.url));
const ITEMS = 12;
/** What the agent has said when it is killed: in the middle of a step, or right behind one. */
const KILLS = [['begins', 3], ['saved', 5], ['begins', 9]];
/** Far more than it takes: nothing here may hang. */
const DEADLINE_MS = 100_000;

const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
const [database, ledger] = [join(directory, 'mythos.db'), join(directory, 'ledger.txt')];
await writeFile(ledger, '');
const mythos = await Mythos.open(database);
const supervisor = await mythos.deployments().supervise('parent');
const stream = effects(supervisor, { signal: AbortSignal.timeout(DEADLINE_MS) });

const kills = [...KILLS];
let saved = 0;
let ending = Promise.resolve();

/** Launches a run from an entry, and settles once it is ready, or has ended. */
function launch(entry, run) {
  const given = [AGENT, database, ledger, entry, String(supervisor.epoch), String(run)];
  const child = spawn(process.execPath, given, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  return new Promise((resolve) => {
    ending = (async () => {
      for await (const line of createInterface(child.stdout)) {
        const [word, step] = line.split(' ');
        if (word === 'ready') {
          console.log(`run ${run} begins behind step ${step}`);
          assert.ok(Number(step) >= saved, `step ${saved} was saved, and is lost`);
          resolve({ kind: 'ready' });
        }
        if (word === 'saved') saved = Number(step);
        if (kills[0]?.[0] === word && kills[0][1] === Number(step)) {
          kills.shift();
          child.kill('SIGKILL');
        }
      }
      const [status, signal] = await exit;
      console.log(`run ${run} ended with ${signal ?? `status ${status}`}`);
      resolve({ kind: 'not_ready', reason: 'it ended before it was ready' });
      await report(run, status, signal);
    })();
  });
}

/** Reports how a run ended. An agent that is done is not restarted. */
async function report(run, status, signal) {
  const kind = status === 0 ? 'completed' : signal === null ? 'failed' : 'killed';
  const exit = { kind, reason: signal ?? `status ${status}` };
  const { state } = await supervisor.reportExit({ assistant: 'ana', run, exit });
  if (state.kind === 'completed') await stream.return();
  else stream.wake();
}

// One that was killed comes back at once.
const policy = { exits: { restart: 'transient' }, free_restarts: KILLS.length };
const first = await mythos.rituals().save({ assistant: 'ana', ritual: 'letters' }, Buffer.from('[]'));
const { run } = await supervisor.deploy({ assistant: 'ana', spec: { ritual: 'letters', policy } });
assert.deepEqual(await launch(first.entry, run), { kind: 'ready' });

for await (const effect of stream) {
  assert.equal(effect.action.kind, 'probe', `an operator is needed: ${JSON.stringify(effect.action)}`);
  // The run before it has ended, as its report is why there is another one.
  await effect.answer(await launch(effect.action.entry.entry, effect.run));
}
await ending;

assert.deepEqual(kills, []);
const items = Array.from({ length: ITEMS }, (_, index) => index + 1);
const letters = items.map((item) => `letter ${item}\n`).join('');
assert.equal(await readFile(ledger, 'utf8'), letters, 'each letter was sent once, in order');
assert.deepEqual(JSON.parse((await mythos.rituals().latest('ana', 'letters')).payload), items);
const { items: incidents } = await mythos.deployments().history({ assistant: 'ana' });
assert.deepEqual(incidents.map((incident) => incident.ending), KILLS.map(() => 'ready'));
const { items: entries } = await mythos.rituals().list();
for (const { entry } of entries) assert.ok((await mythos.rituals().verify(entry)).verified);
console.log(`killed ${KILLS.length} times: ${ITEMS} letters sent, none twice; ${entries.length} checkpoints verified`);
await mythos.close();
await rm(directory, { recursive: true });
