// Keeps a chain of real processes alive: when one is killed, those that depend on it are stopped, and all start in order.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { effects, Mythos } from 'mythos';

const MEMBER = fileURLToPath(new URL('member.mjs', import.meta.url));
/** Each depends on the one before it. */
const CHAIN = ['reader', 'parser', 'writer'];
/** Far more than it takes: nothing here may hang. */
const DEADLINE_MS = 100_000;

const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
const mythos = await Mythos.open(join(directory, 'mythos.db'));
const [rituals, deployments] = [mythos.rituals(), mythos.deployments()];
const supervisor = await deployments.supervise('parent');
const stream = effects(supervisor, { signal: AbortSignal.timeout(DEADLINE_MS) });
/** The child process of each assistant, and a promise of its end. */
const processes = new Map();
let events = [];

function tell(what, assistant) {
  console.log(what, assistant);
  events.push([what, assistant]);
}

/** Does what an effect asks for, and answers it. */
async function carryOut({ action, assistant, run, answer }) {
  switch (action.kind) {
    case 'probe':
      await end(assistant, 'SIGKILL');
      return answer(await launch(assistant, run, action.entry.entry));
    case 'stop':
    case 'kill':
      await end(assistant, action.kind === 'stop' ? 'SIGTERM' : 'SIGKILL');
      tell(action.kind === 'stop' ? 'stopped' : 'killed', assistant);
      return answer({ kind: 'stopped' });
    default:
      throw new Error(`an operator is needed: ${JSON.stringify(action)}`);
  }
}

/** Launches a run from an entry, and gives what came of it once it is ready, or has ended. */
async function launch(assistant, run, entry) {
  const state = (await rituals.restore(entry)).payload.toString();
  const child = spawn(process.execPath, [MEMBER, assistant, state], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  processes.set(assistant, { child, exit });
  const line = await Promise.race([once(createInterface(child.stdout), 'line'), exit]);
  if (line[0] !== `ready ${assistant} ${state}`) return { kind: 'not_ready', reason: 'it ended before it was ready' };
  tell('launched', assistant);
  exit.then(async ([status, signal]) => {
    // Of one that was to end, that is no news.
    const how = { kind: status === 0 ? 'shut_down' : 'killed', reason: signal ?? `status ${status}` };
    await supervisor.reportExit({ assistant, run, exit: how });
    stream.wake();
  });
  return { kind: 'ready' };
}

/** Settles once nothing of an assistant runs. */
async function end(assistant, signal) {
  const found = processes.get(assistant);
  found?.child.kill(signal);
  await found?.exit;
}

async function until(condition) {
  while (!(await condition())) await setTimeout(10);
}

async function areReady(...assistants) {
  const found = await Promise.all(assistants.map((assistant) => supervisor.deployment(assistant)));
  return found.every(({ state }) => state === 'mythpath_ready');
}

const driven = (async () => {
  // Not awaited, so that others need not wait. What fails comes again after a pause.
  for await (const effect of stream) carryOut(effect).catch((error) => {
    console.error(error);
    effect.giveBack();
  });
})();

await supervisor.createGroup({ group: 'chain', policy: { strategy: 'rest_for_one' } });
for (const assistant of CHAIN) {
  await rituals.save({ assistant, ritual: 'work' }, Buffer.from('step-1'));
  // One that was killed comes back at once.
  await supervisor.startChild({ group: 'chain', assistant, spec: { ritual: 'work', policy: { free_restarts: 1 } } });
  stream.wake();
  await until(() => areReady(assistant));
}
const reader = processes.get('reader').child.pid;

events = [];
console.log('kills parser');
processes.get('parser').child.kill('SIGKILL');
// First the one behind it is stopped; then both are launched, the one that others depend on before them.
await until(async () => events.length >= 3 && areReady(...CHAIN));
assert.deepEqual(events, [['stopped', 'writer'], ['launched', 'parser'], ['launched', 'writer']]);
assert.equal(processes.get('reader').child.pid, reader, 'nothing before it was touched');

events = [];
await supervisor.stopGroup({ group: 'chain', reason: 'the day is over' });
stream.wake();
await until(async () => (await deployments.group('parent', 'chain')).state === 'ended');
await stream.return();
await driven;
assert.deepEqual(events, [...CHAIN].reverse().map((assistant) => ['stopped', assistant]));
console.log('parser was killed: writer was stopped, both came back in order, and reader went on');
await mythos.close();
await rm(directory, { recursive: true });
