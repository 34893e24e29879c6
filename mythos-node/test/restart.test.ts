import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import type {
  Alignment,
  CarriedOut,
  CompressedRitual,
  Decision,
  DeployAssistant,
  Deployment,
  DeploymentRestart,
  Effect,
  ExitRules,
  Mutation,
  Mythos,
  Outcome,
  RestartPolicy,
  RestoredEntry,
  Supervisor,
} from 'mythos';

import { PLACES, type Place, signed } from './places.js';

/** So many restarts come without a delay that no test waits. */
const AT_ONCE: RestartPolicy = { free_restarts: 10 };
/** A restart comes after so long, also to the millisecond. */
const DELAY_MS = 20;
const SOON: RestartPolicy = { backoff: { kind: 'constant', delay_ms: DELAY_MS }, jitter: 'none' };
const CRASH = { assistant: 'ana', kind: 'crashed', reason: 'killed' } as const;

const deployment = (policy: RestartPolicy = AT_ONCE, codex?: string): DeployAssistant => ({
  assistant: 'ana',
  spec: { ritual: 'refund', codex, policy },
});

async function only<T>(items: Promise<readonly T[]>): Promise<T> {
  const [item, ...others] = await items;
  assert.ok(item !== undefined);
  assert.deepEqual(others, []);
  return item;
}

/** Carries out the one effect that is pending. */
async function restart(supervisor: Supervisor): Promise<CarriedOut> {
  return supervisor.carryOut(await only(supervisor.pollEffects()));
}

function entryOf(saved: CompressedRitual): RestoredEntry {
  const { entry, ritual, sequence, symbolic_signature_hash, codex, codex_root } = saved;
  return { entry, ritual, sequence, symbolic_signature_hash, codex, codex_root };
}

for (const [name, make] of PLACES) {
  describe(`deployments ${name}`, () => {
    let place: Place;
    let mythos: Mythos;
    let supervisor: Supervisor;

    beforeEach(async () => {
      place = await make();
      mythos = place.mythos;
      supervisor = await mythos.deployments().supervise('support');
    });
    afterEach(() => place.close());

    const save = (state: Uint8Array | string, codex_root?: string): Promise<CompressedRitual> => {
      const intent = codex_root === undefined ? {} : { codex: 'rules', codex_root };
      return mythos.rituals().save({ assistant: 'ana', ritual: 'refund', intent }, Buffer.from(state));
    };

    /** Makes a codex of one clause and gives its root. */
    const createCodex = async (): Promise<string> => {
      const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
      await mythos.codices().create({ codex: 'rules', clauses, directive_path: ['launch'], actor: 'ana' });
      return rootOfCodex();
    };
    const rootOfCodex = async () => (await only(mythos.codices().codex('rules').then(({ heads }) => heads))).codex_root;

    test('a failure leads to a verified, aligned, ready state, and all that is told of it has its type', async () => {
      const root = await createCodex();
      const saved = await save('step 3', root);
      const alignment: Alignment = { codex: 'rules', proven_root: root, entry_root: root, is_compatible: true };

      assert.equal((await supervisor.deploy(deployment(SOON, 'rules'))).state.kind, 'running');
      const operation = randomUUID();
      const failed = await supervisor.reportFailure({ ...CRASH, operation });
      assert.ok(failed.state.kind === 'backing_off');
      assert.equal(await supervisor.nextTimeout(), failed.state.until);

      assert.deepEqual(await supervisor.pollEffects(), []);
      await setTimeout(2 * DELAY_MS);
      const decision = await only(supervisor.tick());
      const expectedDecision: Decision = {
        assistant: 'ana',
        changed: true,
        state: { kind: 'restoring', step: 0, older_than: null },
        run: 1,
        incident: 1,
        effect: decision.effect,
        decided_at: decision.decided_at,
      };
      assert.deepEqual(decision, expectedDecision);

      const effect = await only(supervisor.pollEffects());
      const expectedEffect: Effect = {
        id: decision.effect ?? '',
        epoch: supervisor.epoch,
        assistant: 'ana',
        run: 1,
        issued_at: decision.decided_at,
        action: { kind: 'restore', ritual: 'refund', which: { kind: 'latest' } },
      };
      assert.deepEqual(effect, expectedEffect);
      assert.deepEqual(await supervisor.pollEffects(), []);

      const done = await supervisor.carryOut(effect);
      assert.ok(done.decision.state.kind === 'verifying');
      const { deadline } = done.decision.state;
      const probe: Effect = {
        id: done.decision.effect ?? '',
        epoch: supervisor.epoch,
        assistant: 'ana',
        run: 2,
        issued_at: done.decision.decided_at,
        action: { kind: 'probe', entry: entryOf(saved), codex_root: alignment.proven_root, deadline },
      };
      const expectedDone: CarriedOut = {
        decision: done.decision,
        restored: { entry: saved, payload: Buffer.from('step 3'), format: null },
        alignment,
        next: probe,
      };
      assert.deepEqual(done, expectedDone);

      const ready = await supervisor.answer(probe.id, { kind: 'ready' });
      assert.ok(ready.state.kind === 'mythpath_ready');
      assert.deepEqual(ready.state, { kind: 'mythpath_ready', entry: entryOf(saved), alignment, since: ready.decided_at });
      assert.equal((await supervisor.answer(probe.id, { kind: 'ready' })).changed, false);
      assert.equal((await supervisor.reportFailure({ ...CRASH, operation })).decided_at, failed.decided_at);
      assert.deepEqual(await supervisor.tick(), []);

      const incident = await only(mythos.deployments().history().then(({ items }) => items));
      const expectedIncident: DeploymentRestart = {
        format: incident.format,
        tenant: 'default',
        supervisor: 'support',
        assistant: 'ana',
        incident: 1,
        last_known_state: incident.last_known_state,
        symbolic_fallback_path: incident.symbolic_fallback_path,
        restart_trigger_reason: 'killed',
        successful_redeploy_flag: true,
        created_at: failed.decided_at,
        failure_kind: 'crashed',
        restarts: 1,
        waited_ms: DELAY_MS,
        steps: [{ restart: 1, step: { kind: 'latest' }, entry: entryOf(saved), result: { kind: 'ready' } }],
        path: incident.path,
        left_out: 0,
        entry: entryOf(saved),
        alignment,
        ending: 'ready',
        ended_at: ready.decided_at,
        ready_at: ready.decided_at,
        operation,
      };
      assert.deepEqual(incident, expectedIncident);
      assert.deepEqual(
        incident.path.map(({ state }) => state),
        ['failed', 'backing_off', 'restoring', 'aligning', 'verifying', 'mythpath_ready'],
      );

      const found = await supervisor.deployment('ana');
      const { machine } = found;
      const expectedDeployment: Deployment = {
        format: found.format,
        tenant: 'default',
        supervisor: 'support',
        assistant: 'ana',
        state: 'mythpath_ready',
        timer_at: null,
        timer_set_at: null,
        effect_at: null,
        spec: {
          ritual: 'refund',
          codex: 'rules',
          policy: {
            exits: { restart: 'permanent', prevent: [], force: [], is_one_shot: false },
            window: { max_restarts: 10, period_ms: 600_000, kind: 'sliding' },
            backoff: { kind: 'constant', delay_ms: DELAY_MS },
            jitter: 'none',
            max_retries: null,
            deadline_ms: null,
            free_restarts: 0,
            quiet_period_ms: 600_000,
            quiet_since: 'up',
            launches_per_entry: 5,
            symbolic_fallback_path: [{ kind: 'older_entry' }],
            alignment: 'adopt_current',
            step_deadline_ms: null,
            operator_deadline_ms: null,
            probe_deadline_ms: 30_000,
            seed: 0,
          },
        },
        machine: {
          state: ready.state,
          incident: {
            number: 1,
            kind: 'crashed',
            reason: 'killed',
            operation,
            opened_at: failed.decided_at,
            restarts: 1,
            waited_ms: DELAY_MS,
            steps: incident.steps,
            path: incident.path,
            left_out: 0,
            entry: incident.entry,
            alignment,
            ending: 'ready',
            ended_at: ready.decided_at,
          },
          run: 2,
          generation: machine.generation,
          effects: machine.effects,
          pending: null,
          history: machine.history,
          attempts: 1,
          failed_launches: [],
          delay_ms: DELAY_MS,
          failed_at: failed.decided_at,
          begun_at: failed.decided_at,
          step_timer: null,
          is_gone: false,
          was_up: true,
        },
        incident_version: found.incident_version,
        created_at: found.created_at,
        updated_at: ready.decided_at,
      };
      assert.deepEqual(found, expectedDeployment);
      assert.equal(machine.history.length, 1);
      assert.deepEqual(await mythos.deployments().deployment('support', 'ana'), found);
      assert.deepEqual((await mythos.deployments().deployments({ state: 'mythpath_ready' })).items, [found]);
      assert.deepEqual((await mythos.deployments().deployments({ state: 'running' })).items, []);
    });

    test('what follows the end of a run is a matter of its exit rules', async () => {
      await save('step 1');
      const exits: ExitRules = { restart: 'transient', prevent: [{ by: 'class', class: 'bad_input' }] };
      const begin = (): Promise<Decision> => supervisor.deploy(deployment({ ...AT_ONCE, exits }));
      const { run } = await begin();
      const failed = { kind: 'failed', reason: 'exit 1', status: 1 } as const;
      assert.equal((await supervisor.reportExit({ assistant: 'ana', run, exit: failed })).state.kind, 'restoring');
      await begin();
      const done = { kind: 'completed', reason: 'done' } as const;
      assert.equal((await supervisor.reportExit({ assistant: 'ana', exit: done })).state.kind, 'completed');
      await begin();
      const refused = { ...failed, class: 'bad_input' };
      const { state } = await supervisor.reportExit({ assistant: 'ana', exit: refused });
      assert.deepEqual(state, { kind: 'given_up', why: 'not_restarted' });
      const unnamed = { ...failed, class: '' };
      await assert.rejects(supervisor.reportExit({ assistant: 'ana', exit: unnamed }), { field: 'class' });
    });

    test('a damaged newest entry gives way to the one before it', async () => {
      const older = await save('step 1');
      const payload = randomBytes(64);
      await save(payload);
      await supervisor.deploy(deployment());
      await supervisor.reportFailure(CRASH);
      supervisor = await (await place.damaged(payload)).deployments().supervise('support');
      const { restored, next } = await restart(supervisor);
      assert.ok(restored);
      assert.deepEqual(signed(restored.entry), signed(older));
      assert.deepEqual(restored.payload, Buffer.from('step 1'));
      assert.ok(next?.action.kind === 'probe');
      const { machine } = await supervisor.deployment('ana');
      assert.deepEqual(machine.incident?.steps.map(({ step, result }) => [step.kind, result.kind]), [
        ['latest', 'not_restored'],
        ['older_entry', 'underway'],
      ]);
    });

    test('an operator is asked where the policy says so', async () => {
      await save('step 1', 'ab'.repeat(32));
      const proven_root = await createCodex();
      await supervisor.deploy(deployment({ ...AT_ONCE, alignment: 'ask_operator' }, 'rules'));
      await supervisor.reportFailure({ ...CRASH, kind: 'stalled', run: 1 });
      const { next, decision } = await restart(supervisor);
      assert.equal(decision.state.kind, 'awaiting_operator');
      assert.ok(next?.action.kind === 'escalate' && next.action.escalation.kind === 'misaligned');
      assert.deepEqual(next.action.escalation.alignment, {
        codex: 'rules',
        proven_root,
        entry_root: 'ab'.repeat(32),
        is_compatible: false,
      });
      await assert.rejects(supervisor.carryOut(next), { code: 'Invalid', field: 'effect' });
      await assert.rejects(supervisor.answer(next.id, { kind: 'ready' }), { code: 'Invalid', field: 'outcome' });
      assert.equal((await supervisor.answer(next.id, { kind: 'approved' })).state.kind, 'verifying');
    });

    test('what changed in the codex is told, and compatible changes stop nothing if the policy says so', async () => {
      const entry_root = await createCodex();
      const entry = entryOf(await save('step 1', entry_root));
      const codices = mythos.codices();
      const mutate = (mutation: Mutation) => codices.mutate({ codex: 'rules', mutation, directive_path: ['d'], actor: 'ana' });
      await mutate({ kind: 'add', clause: 'tone', text: 'Be kind.' });
      await supervisor.deploy(deployment({ ...AT_ONCE, alignment: 'compatible' }, 'rules'));
      await supervisor.reportFailure({ ...CRASH, run: 1 });
      const done = await restart(supervisor);
      const expected: Alignment = {
        codex: 'rules',
        proven_root: await rootOfCodex(),
        entry_root,
        since: 0,
        changes: [{ clause: 'tone', kind: 'added' }],
        is_compatible: true,
      };
      assert.deepEqual(done.alignment, expected);
      assert.ok(done.next?.action.kind === 'probe');
      assert.deepEqual(done.next.action.entry, entry);
      assert.equal((await supervisor.deployment('ana')).spec.policy?.alignment, 'compatible');
      await supervisor.answer(done.next.id, { kind: 'ready' });

      await mutate({ kind: 'replace', clause: 'limit', text: 'Refund nothing.' });
      await supervisor.reportFailure({ ...CRASH, run: 2 });
      const { next } = await restart(supervisor);
      assert.ok(next === null || next.action.kind !== 'probe', 'an entry under a replaced clause is passed over');
      const { machine } = await supervisor.deployment('ana');
      assert.equal(machine.incident?.steps[0]?.result.kind, 'misaligned');
    });

    test('without anything to restore a deployment is given up, and told so', async () => {
      await supervisor.deploy(deployment());
      await supervisor.reportFailure(CRASH);
      const { decision, restored, next } = await restart(supervisor);
      assert.deepEqual([decision.state, restored], [{ kind: 'given_up', why: 'path_exhausted' }, null]);
      assert.ok(next?.action.kind === 'escalate');
      assert.deepEqual(next.action.escalation, { kind: 'given_up', why: 'path_exhausted' });
      assert.equal((await supervisor.answer(next.id, { kind: 'acknowledged' })).changed, true);
      const { items } = await mythos.deployments().history({ assistant: 'ana', supervisor: 'support' });
      assert.deepEqual(items.map(({ ending, last_known_state }) => [ending, last_known_state]), [['given_up', 'none']]);

      await save('mended');
      await supervisor.restartNow({ assistant: 'ana', reason: 'mended' });
      assert.equal((await restart(supervisor)).restored?.payload.toString(), 'mended');
      const { state, effect } = await supervisor.stop({ assistant: 'ana' });
      assert.ok(state.kind === 'stopping' && effect !== null);
      assert.equal((await supervisor.answer(effect, { kind: 'stopped' })).state.kind, 'stopped');
    });

    test('a launch that does not become ready is tried again', async () => {
      await save('step 1');
      await supervisor.deploy(deployment());
      await supervisor.reportFailure({ ...CRASH, kind: 'unhealthy' });
      const { next } = await restart(supervisor);
      assert.ok(next);
      const again = await supervisor.answer(next.id, { kind: 'not_ready', reason: 'no answer' });
      assert.deepEqual([again.state.kind, again.incident, again.run], ['restoring', 1, 2]);
      assert.ok((await restart(supervisor)).next?.action.kind === 'probe');
      await assert.rejects(supervisor.answer(next.id, { kind: 'not_ready', reason: 7 } as unknown as Outcome), {
        code: 'Invalid',
        field: 'outcome',
      });
    });

    test('what is pending is told by effect, and all together', async () => {
      await save('step 1');
      await supervisor.deploy(deployment());
      await supervisor.reportFailure(CRASH);
      const [effect] = await supervisor.pollEffects();
      assert.ok(effect);
      assert.deepEqual(await supervisor.stillPending([effect.id]), [effect.id]);
      assert.deepEqual(await supervisor.totals(), { deployments: 1, incidents: 1, pending: 1 });
      await supervisor.deploy(deployment());
      assert.deepEqual(await supervisor.stillPending([effect.id]), []);
      const many = Array.from({ length: 1_001 }, () => effect.id);
      await assert.rejects(supervisor.stillPending(many), { code: 'Limit', field: 'effects' });
    });

    test('effects outlive their supervisor, and one that was replaced is refused', async () => {
      await save('step 1');
      await supervisor.deploy(deployment());
      await supervisor.reportFailure(CRASH);
      const effect = await only(supervisor.pollEffects());
      await supervisor.giveBack(effect.id);
      assert.deepEqual(await supervisor.pollEffects(1), [effect]);

      const next = await mythos.deployments().supervise('support');
      assert.deepEqual([next.id, next.epoch > supervisor.epoch], ['support', true]);
      const stale = { name: 'MythosError', code: 'Conflict', field: 'epoch' };
      await assert.rejects(supervisor.tick(), stale);
      await assert.rejects(supervisor.pollEffects(), stale);
      await assert.rejects(supervisor.carryOut(effect), stale);
      assert.deepEqual(await only(next.pollEffects()), { ...effect, epoch: next.epoch });
    });

    test('requests that make no sense name what is wrong', async () => {
      const deploy = (policy: object) => supervisor.deploy(deployment(policy));
      const odd = deploy({ window: { max_restarts: 'many', period_ms: 1 } });
      await assert.rejects(odd, { code: 'Invalid', field: 'request.spec.policy.window.max_restarts' });
      await assert.rejects(deploy({ patience: 1 }), { code: 'Invalid', field: 'request.spec.policy.patience' });
      await assert.rejects(deploy({ alignment: 'never' }), { code: 'Invalid' });
      await assert.rejects(deploy({ probe_deadline_ms: 0 }), { code: 'Invalid', message: /within a deadline of 0 ms/ });
      await assert.rejects(supervisor.reportFailure(CRASH), { code: 'NotFound', field: 'assistant' });
      await assert.rejects(supervisor.deployment('bob'), { code: 'NotFound' });
      await assert.rejects(supervisor.answer('no effect', { kind: 'ready' }), { code: 'Invalid', field: 'effect' });
      await assert.rejects(supervisor.pollEffects(-1), { code: 'Invalid', field: 'limit' });
      const [operation, request] = [randomUUID(), deployment()];
      await supervisor.deploy({ ...request, operation });
      await assert.rejects(supervisor.deploy({ ...request, assistant: 'bob', operation }), {
        code: 'Invalid',
        field: 'operation',
      });
    });

    test('200 deployments at once fail and come back', async () => {
      const assistants = Array.from({ length: 200 }, (_, number) => `assistant ${number}`);
      const rituals = mythos.rituals();
      await Promise.all(
        assistants.map(async (assistant) => {
          await rituals.save({ assistant, ritual: 'refund' }, Buffer.from(assistant));
          await supervisor.deploy({ ...deployment(), assistant });
          await supervisor.reportFailure({ ...CRASH, assistant });
        }),
      );
      const effects = await supervisor.pollEffects(1_000);
      const states = await Promise.all(
        effects.map(async (effect) => {
          const { restored, next } = await supervisor.carryOut(effect);
          assert.equal(restored?.payload.toString(), effect.assistant);
          assert.ok(next);
          return (await supervisor.answer(next.id, { kind: 'ready' })).state.kind;
        }),
      );
      assert.deepEqual(states, assistants.map(() => 'mythpath_ready'));
      const { items, next } = await mythos.deployments().deployments({ supervisor: 'support' }, { limit: 150 });
      assert.equal(items.length + (await mythos.deployments().deployments({}, { after: next })).items.length, 200);
    });
  });
}
