import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

import { Mythos } from 'mythos';

/** Runs the worker until it saved `count` steps, kills it, and tells where it began and what it last acknowledged. */
async function runAndKill(path: string, count: number): Promise<{ from: number; acknowledged: number }> {
  const worker = spawn(process.execPath, [join(__dirname, 'children', 'worker.js'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(worker, 'exit');
  let [from, acknowledged, saved] = [NaN, NaN, 0];
  for await (const line of createInterface(worker.stdout)) {
    const [what, number] = line.split(' ');
    if (what === 'from') [from, acknowledged] = [Number(number), Number(number)];
    // A line that the kill cut short acknowledges nothing that can be read.
    else if (/^saved \d+$/.test(line)) [acknowledged, saved] = [Number(number), saved + 1];
    if (saved === count) worker.kill('SIGKILL');
  }
  const [, signal] = (await ended) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  return { from, acknowledged };
}

test('an assistant whose process is killed again and again loses no acknowledged step', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
  try {
    const path = join(directory, 'mythos.db');
    const mythos = await Mythos.open(path);
    const supervisor = await mythos.deployments().supervise('desk');
    let steps = 0;
    for (const count of [3, 7, 1, 12]) {
      const { from, acknowledged } = await runAndKill(path, count);
      assert.equal(from, steps);
      if (steps === 0) {
        const spec = { ritual: 'audit', policy: { free_restarts: 10, jitter: 'none' } } as const;
        await supervisor.deploy({ assistant: 'ana', spec });
      }
      await supervisor.reportFailure({ assistant: 'ana', kind: 'crashed', reason: 'SIGKILL' });
      await supervisor.tick();
      const [effect] = await supervisor.pollEffects();
      assert.ok(effect);
      const { restored, next } = await supervisor.carryOut(effect);
      assert.ok(restored && next?.action.kind === 'probe');
      ({ steps } = JSON.parse(restored.payload.toString()) as { steps: number });
      // One more may have been saved than the kill let it say.
      assert.ok(steps >= acknowledged, `${steps} steps were restored, ${acknowledged} acknowledged`);
      assert.equal((await supervisor.answer(next.id, { kind: 'ready' })).state.kind, 'mythpath_ready');
    }
    const history = await mythos.deployments().history({ assistant: 'ana' });
    assert.equal(history.items.filter((incident) => incident.successful_redeploy_flag).length, 4);
    await mythos.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
