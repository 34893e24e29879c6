import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

import { Mythos } from 'mythos';

/** Each run is killed behind its so many saves: once between a save and its acknowledgement, once behind one. */
const KILLS = [
  { saves: 3, behind: 'saving' },
  { saves: 5, behind: 'saved' },
  { saves: 2, behind: 'saving' },
];

/** Runs a worker from `step` on, kills it, and gives the last step whose save was acknowledged. */
async function runAndKill(path: string, step: number, kill: (typeof KILLS)[number]): Promise<number> {
  const worker = spawn(process.execPath, [join(__dirname, 'children', 'worker.js'), path, String(step)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(worker, 'exit');
  let acknowledged = step;
  for await (const line of createInterface(worker.stdout)) {
    const [said, number] = line.split(' ');
    if (said === 'saved') acknowledged = Number(number);
    if (said === kill.behind && Number(number) >= step + kill.saves) worker.kill('SIGKILL');
  }
  const [code, signal] = await ended;
  assert.deepEqual([code, signal], [null, 'SIGKILL']);
  return acknowledged;
}

test('an assistant that is killed in the middle of its work is restored to what it was told is saved, or later', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
  const path = join(directory, 'mythos.db');
  try {
    const mythos = await Mythos.open(path);
    await mythos.rituals().save({ assistant: 'ana', ritual: 'count' }, Buffer.from('0'));
    const supervisor = await mythos.deployments().supervise('parent');
    const policy = { free_restarts: KILLS.length };
    let { run } = await supervisor.deploy({ assistant: 'ana', spec: { ritual: 'count', policy } });
    let step = 0;

    for (const kill of KILLS) {
      const acknowledged = await runAndKill(path, step, kill);
      assert.ok(acknowledged >= step + kill.saves - 1);

      await supervisor.reportFailure({ assistant: 'ana', run, kind: 'crashed', reason: 'ended by SIGKILL' });
      const [effect] = await supervisor.pollEffects();
      assert.ok(effect);
      const { restored, next } = await supervisor.carryOut(effect);
      assert.ok(restored && next?.action.kind === 'probe');
      step = Number(restored.payload.toString());
      assert.ok(step >= acknowledged, `step ${step} was restored, and ${acknowledged} was acknowledged`);
      assert.equal(restored.entry.sequence, step + 1);
      ({ run } = await supervisor.answer(next.id, { kind: 'ready' }));
    }

    const { items } = await mythos.deployments().history({ assistant: 'ana' });
    assert.deepEqual(items.map((incident) => [incident.incident, incident.successful_redeploy_flag]), [
      [3, true],
      [2, true],
      [1, true],
    ]);
    const { items: entries } = await mythos.rituals().list({}, { limit: 1_000 });
    for (const { entry } of entries) assert.ok((await mythos.rituals().verify(entry)).verified);
    await mythos.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
