import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HeartbeatMonitor, Mythos, type Suspicion } from 'mythos';

const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 22) + seconds * 1000).toISOString();

test('a silent assistant is suspected once and restarted', async () => {
  const mythos = Mythos.inMemory();
  await mythos.rituals().save({ assistant: 'ana', ritual: 'work' }, Buffer.from('step 3'));
  const supervisor = await mythos.deployments().supervise('night watch');
  const spec = { ritual: 'work', policy: { free_restarts: 1 } };
  const { run } = await supervisor.deploy({ assistant: 'ana', spec });

  const { heartbeat, pollTimeout, suspects, phi } = new HeartbeatMonitor();
  assert.equal(pollTimeout(), null);
  for (let second = 0; second <= 5; second += 1) assert.equal(heartbeat('ana', run, at(second)), true);
  assert.deepEqual(suspects(at(6)), []);

  const timeout = pollTimeout();
  assert.ok(timeout !== null && at(9) < timeout && timeout < at(11));
  const [suspicion, ...others] = suspects(timeout);
  assert.ok(suspicion !== undefined && others.length === 0);
  const expected: Suspicion = {
    assistant: 'ana',
    run,
    phi: suspicion.phi,
    last_heartbeat_at: at(5).replace('Z', '000Z'),
    suspected_at: timeout,
    reason: suspicion.reason,
  };
  assert.deepEqual(suspicion, expected);
  assert.ok(suspicion.phi >= 8);
  assert.equal(phi('ana', timeout), suspicion.phi);
  assert.match(suspicion.reason, /^no heartbeat for \d+ ms, phi 8\.0$/);
  assert.deepEqual(suspects(timeout), []);
  assert.equal(pollTimeout(), null);

  const { assistant, reason } = suspicion;
  const report = { assistant, run, reason, kind: 'unresponsive' } as const;
  const decision = await supervisor.reportFailure(report);
  assert.equal(decision.state.kind, 'restoring');
  const [effect] = await supervisor.pollEffects();
  assert.ok(effect !== undefined);
  const { next } = await supervisor.carryOut(effect);
  assert.equal(next?.run, run + 1);
  assert.equal(heartbeat('ana', run + 1, at(12)), true);
  assert.equal(heartbeat('ana', run, at(13)), false);
  assert.equal((await supervisor.reportFailure(report)).changed, false);
  const [incident] = (await mythos.deployments().history()).items;
  assert.equal(incident?.failure_kind, 'unresponsive');
});

test('a policy says how long to wait', () => {
  const policy = { threshold: 8, acceptable_pause_ms: 0, first_interval_ms: 100, min_std_deviation_ms: 10 };
  const monitor = new HeartbeatMonitor(policy);
  monitor.heartbeat('ana', 1, at(0));
  assert.equal(monitor.watched, 1);
  // 100 ms and 5.61 deviations of a quarter.
  const timeout = monitor.pollTimeout();
  assert.ok(timeout !== null);
  assert.equal(Date.parse(timeout), Date.parse(at(0.24)), 'to the millisecond');
  assert.equal(monitor.phi('ana', at(3_600)), 300);
  assert.equal(monitor.phi('ben', at(0)), null);
  assert.equal(monitor.forget('ana'), true);
  assert.equal(monitor.forget('ana'), false);
  assert.equal(monitor.watched, 0);
});

test('nonsense is refused with its field', () => {
  assert.throws(() => new HeartbeatMonitor({ threshold: 0.3 }), { code: 'Invalid', field: 'threshold' });
  const monitor = new HeartbeatMonitor();
  assert.throws(() => monitor.heartbeat('ana', 1, '2026-11-22'), { code: 'Invalid', field: 'now' });
  assert.throws(() => monitor.heartbeat('ana', -1, at(0)), { code: 'Invalid', field: 'run' });
  assert.throws(() => monitor.suspects(at(0).replace('Z', '')), { code: 'Invalid', field: 'now' });
});
