import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import {
  type EffectOptions,
  type EffectStream,
  type HealingProtocol,
  type HealingRule,
  type HostRepair,
  type Observation,
  repairs,
} from 'mythos';

import { PLACES, type Place } from './places.js';

const QUICK: EffectOptions = { first_pause_ms: 1, longest_pause_ms: 20 };
const STUCK: HealingRule = {
  rule: 'stuck',
  trigger: { kind: 'stall' },
  threshold: { reading: 'stall_length', side: 'above', enter: 10, exit: 1 },
  score: [{ reading: 'stall_length', healthy: 0, worst: 20, weight: 1 }],
  repair_actions: [{ action: { kind: 'restore_ritual' } }, { action: { kind: 'propose_merge' } }],
  settle_ms: 0,
  cooldown_ms: 0,
};
const budget = { max_actions: 20, period_ms: 3_600_000 };
const PROTOCOL: HealingProtocol = {
  rules: [STUCK],
  budgets: { target: budget, zone: budget, node: budget, overall: budget },
  unhealthy: { kind: 'unlimited' },
};
/** Observations are told apart by their time, which JavaScript knows in milliseconds. */
async function observed(stall_length: number, assistant = 'ana'): Promise<Observation[]> {
  await setTimeout(2);
  const target = { assistant, node: 'node-1', zone: 'eu', codex: 'rules' };
  return [{ target, at: new Date().toISOString(), readings: { stall_length } }];
}

async function next(stream: EffectStream<HostRepair>): Promise<HostRepair> {
  const { done, value } = await stream.next();
  assert.ok(done !== true, 'the stream goes on');
  return value;
}

for (const [name, make] of PLACES) {
  describe(`repairs ${name}`, () => {
    const within = (run: (place: Place) => Promise<void>) => async (): Promise<void> => {
      const place = await make();
      try {
        await run(place);
      } finally {
        await place.close();
      }
    };

    test('what is ill is repaired step by step until it is well', within(async ({ mythos }) => {
      const healer = await mythos.healing().engage('support', PROTOCOL);
      const stream = repairs(healer, QUICK);
      await healer.observe(await observed(15));
      const first = await next(stream);
      assert.deepEqual([first.effect.action.kind, first.epoch], ['restore_ritual', healer.epoch]);
      first.giveBack();
      const again = await next(stream);
      assert.deepEqual(again.effect, first.effect);
      assert.equal(await again.answer({ kind: 'done' }), true);
      assert.equal(await again.answer({ kind: 'done' }), false, 'only the first answer counts');
      await healer.observe(await observed(16));
      stream.wake();
      const merge = await next(stream);
      assert.equal(merge.effect.action.kind, 'propose_merge');
      await assert.rejects(merge.answer({ kind: 'done' }), { code: 'Invalid' });
      await merge.answer({ kind: 'declined', by: 'audit' });
      await healer.observe(await observed(0));
      await stream.return();
      assert.equal((await mythos.healing().events({ ending: 'healthy' })).items.length, 1);
    }));

    test('what is not pending any more is aborted, or never given', within(async ({ mythos }) => {
      const healer = await mythos.healing().engage('support', PROTOCOL);
      const stream = repairs(healer, QUICK);
      for (const assistant of ['ana', 'bob', 'cem']) await healer.observe(await observed(15, assistant));
      const first = await next(stream);
      await healer.retire(first.effect.id.assistant);
      stream.wake();
      while (!first.signal.aborted) await setTimeout(2);
      const others = ['ana', 'bob', 'cem'].filter((one) => one !== first.effect.id.assistant);
      // Nobody asked for it yet, and nobody wakes the stream.
      await healer.retire(others[0] ?? '');
      const last = await next(stream);
      assert.equal(last.effect.id.assistant, others[1]);
      await stream.return();
      const [again] = await healer.pollEffects();
      assert.deepEqual(again?.effect, last.effect, 'it was given back');
    }));

    test('who takes over gets what was underway', within(async ({ mythos }) => {
      const healer = await mythos.healing().engage('support', PROTOCOL);
      const stream = repairs(healer, QUICK);
      await healer.observe(await observed(15));
      const underway = await next(stream);
      const later = await mythos.healing().engage('support', PROTOCOL);
      const asked = stream.next();
      stream.wake();
      await assert.rejects(asked, { code: 'Conflict', field: 'epoch' });
      assert.ok(underway.signal.aborted);
      for await (const repair of repairs(later, QUICK)) {
        assert.deepEqual(repair.effect, underway.effect);
        await repair.answer({ kind: 'unsupported' });
        break;
      }
    }));
  });
}
