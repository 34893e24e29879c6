import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  type HealingEvent,
  type HealingProtocol,
  type HealingRule,
  type HealthTotals,
  Mythos,
  type Observation,
  type PlanEntry,
  type SelfHealingProtocolEngine,
  SystemHealthRecoveryView,
  type TakenClause,
} from 'mythos';

import { PLACES, type Place } from './places.js';

const HOURLY = 3_600_000;
const STUCK: HealingRule = {
  rule: 'stuck',
  trigger: { kind: 'stall' },
  threshold: { reading: 'stall_length', side: 'above', enter: 10, exit: 1 },
  condition: { kind: 'not', of: { kind: 'compare', reading: 'paused', is: 'equal', value: 1 } },
  score: [{ reading: 'stall_length', healthy: 0, worst: 20, weight: 1 }],
  repair_actions: [
    { action: { kind: 'restore_ritual' } },
    { action: { kind: 'restart_assistant' }, attempts: 2, deadline_ms: 60_000 },
    { action: { kind: 'notify' } },
  ],
  settle_ms: 0,
  cooldown_ms: 0,
};
const HEADS: HealingRule = {
  ...STUCK,
  rule: 'heads',
  trigger: { kind: 'codex_conflict' },
  threshold: { reading: 'codex_heads', side: 'above', enter: 2, exit: 2 },
  score: [{ reading: 'codex_heads', healthy: 1, worst: 2, weight: 1 }],
  repair_actions: [{ action: { kind: 'propose_merge' } }],
};
const budget = (max_actions: number) => ({ max_actions, period_ms: HOURLY });
const protocol = (rules: readonly HealingRule[] = [STUCK], overall = 20): HealingProtocol => ({
  rules,
  budgets: { target: budget(10), zone: budget(20), node: budget(20), overall: budget(overall) },
  unhealthy: { kind: 'unlimited' },
});
const observation = (readings: Record<string, number>, assistant = 'ana', codex: string | null = null): Observation => ({
  target: { assistant, node: 'node-1', zone: 'eu', codex },
  at: new Date().toISOString(),
  readings: { paused: 0, ...readings },
});
/** Observations are told apart by their time, which JavaScript knows in milliseconds. */
const later = () => new Promise((resolve) => setTimeout(resolve, 5));

for (const [name, make] of PLACES) {
  describe(`healing ${name}`, () => {
    let place: Place;
    let engine: SelfHealingProtocolEngine;

    beforeEach(async () => {
      place = await make();
      engine = place.mythos.healing();
    });
    afterEach(() => place.close());

    test('a stall is found, healed and measured', async () => {
      const rituals = place.mythos.rituals();
      const save = (state: Buffer) => rituals.save({ assistant: 'ana', ritual: 'refund' }, state);
      const look = async () => {
        const stall = await rituals.stalled('ana', 'refund');
        return observation({ stall_length: stall?.length ?? 0 });
      };
      for (let entry = 0; entry < 12; entry++) await save(Buffer.from('ask again'));
      const healer = await engine.engage('support', protocol());
      assert.deepEqual([healer.scope, healer.epoch], ['support', 1]);
      const seen = await look();
      assert.equal(await healer.observe([seen]), 1);
      const [dry] = await healer.dryRun();
      assert.ok(dry?.decision.kind === 'act');
      const expected: PlanEntry = {
        target: seen.target,
        rule: 'stuck',
        trigger: { kind: 'stall' },
        incident: 1,
        opened_at: dry.opened_at,
        cause: { value: dry.cause.value, threshold: STUCK.threshold },
        reading: dry.cause.value,
        score: dry.score,
        decision: {
          kind: 'act',
          step: 0,
          action: { kind: 'restore_ritual', ritual: null },
          effect: { assistant: 'ana', rule: 'stuck', incident: 1, attempt: 1, rollback: false },
          idempotency_key: dry.decision.idempotency_key,
        },
        budgets_left: { target: 9, zone: 19, node: 19, overall: 19 },
      };
      assert.deepEqual(dry, expected);
      assert.deepEqual(await healer.plan(), [dry], 'the dry run is the plan');
      assert.ok(await healer.nextTimeout());

      const handedOut = await healer.pollEffects();
      assert.equal(handedOut.length, 1);
      const effect = handedOut[0]!.effect;
      assert.deepEqual(handedOut, [
        {
          epoch: 1,
          effect: {
            id: dry.decision.effect,
            idempotency_key: dry.decision.idempotency_key,
            target: seen.target,
            rule: 'stuck',
            trigger: { kind: 'stall' },
            action: { kind: 'restore_ritual', ritual: null },
            issued_at: effect.issued_at,
            deadline: effect.deadline,
          },
        },
      ]);
      assert.deepEqual(await healer.pollEffects(), []);
      await healer.giveBack(effect.id);
      assert.deepEqual(await healer.pollEffects(1), handedOut);
      // The assistant is restored, and goes another way.
      await save(Buffer.from(Array.from({ length: 1_024 }, (_, byte) => (byte * byte) % 251)));
      assert.equal(await healer.answer(effect.id, { kind: 'done', reversible: false }), true);
      assert.equal(await healer.answer(effect.id, { kind: 'done' }), false);
      await later();
      await healer.observe([await look()]);
      const totals: HealthTotals = {
        known: 1,
        unhealthy: 0,
        incidents: 0,
        pending: 0,
        is_within_limit: true,
        budget_left: 19,
      };
      assert.deepEqual(await healer.totals(), totals);
      assert.deepEqual(await engine.status('support'), { totals, plan: [] });

      const { items } = await engine.events({ scope: 'support', is_open: false, ending: 'healthy' });
      const event = items[0];
      assert.ok(event?.symbolic_health_delta.kind === 'measured' && event.symbolic_health_delta.value > 0.5);
      const attempt = event.repair_actions[0]!;
      const listed: HealingEvent = {
        format: 1,
        tenant: 'default',
        scope: 'support',
        node_id: 'node-1',
        zone: 'eu',
        triggered_by: 'stall',
        assistant: 'ana',
        repair_actions: [
          {
            number: 1,
            step: 0,
            action: effect.action,
            issued_at: effect.issued_at,
            answered_at: attempt.answered_at,
            outcome: { kind: 'done', reversible: false },
            before: dry.score,
            after: 1,
            symbolic_health_delta: event.symbolic_health_delta,
            made_worse: false,
            rolled_back: null,
          },
        ],
        symbolic_health_delta: event.symbolic_health_delta,
        created_at: dry.opened_at,
        rule: 'stuck',
        incident: 1,
        attempt: 1,
        outcome: { kind: 'done', reversible: false },
        before: dry.score,
        after: 1,
        cause: dry.cause,
        phase: event.phase,
        is_open: false,
        ending: 'healthy',
        ended_at: event.ended_at,
      };
      assert.deepEqual(event, listed);
      const target = (await engine.targets({ scope: 'support', is_ill: false })).items[0];
      assert.equal(target?.state.readings['stall_length'], 0);
      assert.deepEqual([await healer.retire('ana'), await healer.retire('ana')], [true, false]);
    });

    test('budgets bound what is done, and the view says so', async () => {
      const healer = await engine.engage('support', protocol([STUCK], 1));
      await healer.observe(['a', 'b', 'c'].map((assistant) => observation({ stall_length: 15 }, assistant)));
      const plan = await healer.plan();
      assert.deepEqual(plan.map(({ decision }) => decision.kind).sort(), ['act', 'hold', 'hold']);
      for (const { decision } of plan) {
        if (decision.kind !== 'hold') continue;
        assert.ok(decision.why.kind === 'budget' && decision.why.scope === 'overall');
      }
      const view = new SystemHealthRecoveryView(engine);
      const { totals, plan: held, active, ended } = await view.overview('support', 10);
      assert.deepEqual([totals.budget_left, totals.pending, held.length, active.length, ended], [0, 1, 3, 3, []]);
      assert.equal((await view.events({ triggered_by: 'stall' }, { limit: 2 })).items.length, 2);
      await assert.rejects(view.overview('nobody'), { code: 'NotFound', field: 'scope' });
      assert.throws(() => new SystemHealthRecoveryView({} as never), { code: 'Invalid', field: 'healing' });
    });

    test('a stale healer is refused, and the next one goes on', async () => {
      const older = await engine.engage('support', protocol());
      await older.observe([observation({ stall_length: 15 })]);
      await older.plan();
      const [handedOut] = await older.pollEffects();
      assert.ok(handedOut);
      const newer = await engine.engage('support', protocol());
      assert.ok(newer.epoch > older.epoch);
      const stale = { code: 'Conflict', field: 'epoch' };
      await assert.rejects(older.observe([observation({ stall_length: 15 })]), stale);
      await assert.rejects(older.observeCodices([]), stale);
      for (const call of [older.plan, older.dryRun, older.nextTimeout, older.totals]) await assert.rejects(call(), stale);
      await assert.rejects(older.pollEffects(), stale);
      await assert.rejects(older.answer(handedOut.effect.id, { kind: 'done' }), stale);
      await assert.rejects(older.retire('ana'), stale);
      const [again] = await newer.pollEffects();
      assert.deepEqual(again, { ...handedOut, epoch: newer.epoch });
      assert.equal(await newer.answer(handedOut.effect.id, { kind: 'failed', reason: 'no entry' }), true);
    });

    test('heads of a codex are merged once, upon approval', async () => {
      const codices = place.mythos.codices();
      await codices.create({
        codex: 'rules',
        clauses: [{ clause: 'tone', text: 'Be kind.' }],
        directive_path: ['launch'],
        actor: 'ana',
      });
      for (const clause of ['refunds', 'hours']) {
        const mutation = { kind: 'add', clause, text: clause } as const;
        await codices.mutate({ codex: 'rules', mutation, parent: 0, directive_path: ['support'], actor: 'bob' });
      }
      const healer = await engine.engage('support', protocol([HEADS]));
      const seen = await healer.observeCodices([observation({}, 'ana', 'rules'), observation({}, 'eve', 'none')]);
      assert.deepEqual([seen.taken, seen.missing, seen.codices[0]?.heads.length], [2, ['none'], 2]);
      await healer.plan();
      const [proposal] = await engine.mergeProposals('support', 5);
      assert.ok(proposal?.merge);
      const { ours, theirs, agreed, disputed } = proposal.merge;
      assert.deepEqual(agreed, [{ clause: 'tone', from: 'ours' }]);
      assert.deepEqual(disputed.map(({ clause }) => clause), ['refunds', 'hours']);
      await assert.rejects(healer.answer(proposal.effect, { kind: 'done' }), { code: 'Invalid', field: 'outcome' });

      const take: TakenClause[] = [...agreed, { clause: 'refunds', from: 'ours' }, { clause: 'hours', from: 'theirs' }];
      const approval = {
        effect: proposal.effect,
        by: 'eve',
        ours: ours.sequence,
        theirs: theirs.sequence,
        take,
        directive_path: ['audit'],
      };
      await assert.rejects(healer.approveMerge({ ...approval, theirs: 0 }), { code: 'Invalid', field: 'theirs' });
      const proof = await healer.approveMerge(approval);
      assert.deepEqual(await healer.approveMerge(approval), proof, 'a repetition is harmless');
      await later();
      await healer.observeCodices([observation({}, 'ana', 'rules')]);
      const [event] = (await engine.events({ rule: 'heads' })).items;
      assert.deepEqual([event?.ending, event?.outcome], ['healthy', { kind: 'approved', by: 'eve' }]);
      assert.equal((await codices.codex('rules')).length, 4);
      assert.deepEqual(await engine.mergeProposals('support'), []);
    });
  });
}

test('what makes no sense is refused by its field', async () => {
  const engine = Mythos.inMemory().healing();
  const good = protocol();
  const odd = (members: object) => members as never;
  const bad: [HealingProtocol, string, string][] = [
    [{ ...good, rules: [] }, 'Invalid', 'rules'],
    [odd({ ...good, rulez: [] }), 'Invalid', 'protocol.rulez'],
    [odd({ ...good, rules: [{ ...STUCK, settle: 1 }] }), 'Invalid', 'protocol.rules[0].settle'],
    [{ ...good, rules: [{ ...STUCK, threshold: { ...STUCK.threshold, exit: 11 } }] }, 'Invalid', 'rules[0].threshold.exit'],
    [{ ...good, rules: [{ ...STUCK, repair_actions: [] }] }, 'Invalid', 'rules[0].repair_actions'],
    [odd({ ...good, rules: [{ ...STUCK, trigger: { kind: 'mood' } }] }), 'Invalid', 'protocol.rules[0].trigger.kind'],
    [{ ...good, budgets: { ...good.budgets, zone: { max_actions: 1, period_ms: 0 } } }, 'Invalid', 'budgets.zone.period_ms'],
    [{ ...good, budgets: { ...good.budgets, node: budget(251) } }, 'Limit', 'budgets.node.max_actions'],
  ];
  for (const [wrong, code, field] of bad) await assert.rejects(engine.engage('support', wrong), { code, field });
  await assert.rejects(engine.engage('', good), { code: 'Invalid', field: 'scope' });

  const healer = await engine.engage('support', good);
  const never = { assistant: 'ana', rule: 'stuck', incident: 1, attempt: 1 };
  const merge = { effect: never, by: 'eve', ours: 1, theirs: 2, take: [], directive_path: ['audit'] };
  await assert.rejects(healer.observe([observation({ flapping_percent: 1 })]), { field: 'readings.flapping_percent' });
  await assert.rejects(healer.observeCodices([observation({ codex_heads: 1 })]), { field: 'readings.codex_heads' });
  await assert.rejects(healer.answer(never, { kind: 'done' }), { code: 'NotFound', field: 'effect' });
  await assert.rejects(healer.answer(never, odd({ kind: 'perhaps' })), { code: 'Invalid', field: 'outcome.kind' });
  await assert.rejects(healer.approveMerge(merge), { code: 'Invalid', field: 'effect' });
  await assert.rejects(engine.mergeProposals('support', 257), { code: 'Limit', field: 'limit' });
  await assert.rejects(engine.events({}, { limit: 0 }), { code: 'Limit', field: 'limit' });
});
