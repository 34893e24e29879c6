import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import type {
  Decision,
  DeploymentSpec,
  Effect,
  GroupDecision,
  GroupMember,
  GroupPolicy,
  Membership,
  Mythos,
  SupervisionGroup,
  Supervisor,
} from 'mythos';

import { PLACES, type Place } from './places.js';

const SPEC: DeploymentSpec = { ritual: 'work', policy: { free_restarts: 100 } };
const STAGES = ['reader', 'parser', 'writer'] as const;
const PIPELINE: GroupPolicy = { strategy: 'rest_for_one', window: { max_restarts: 1, period_ms: 3_600_000 } };

/** What a group says of a member that was taken in as the `position`-th, without more. */
const membership = (group: string, position: number): Membership => ({
  group,
  position,
  is_significant: false,
  is_active: true,
  shutdown: { kind: 'within', milliseconds: 5_000 },
});

for (const [name, make] of PLACES) {
  describe(`groups ${name}`, () => {
    let place: Place;
    let mythos: Mythos;
    let supervisor: Supervisor;

    beforeEach(async () => {
      place = await make();
      mythos = place.mythos;
      supervisor = await mythos.deployments().supervise('support');
      for (const assistant of [...STAGES, 'ana', 'bob']) {
        await mythos.rituals().save({ assistant, ritual: 'work' }, Buffer.from('step 3'));
      }
    });
    afterEach(() => place.close());

    const running = (group: string, assistant: string): Promise<Decision> =>
      supervisor.startChild({ group, assistant, spec: SPEC, is_running: true });
    const fail = (assistant: string): Promise<Decision> =>
      supervisor.reportFailure({ assistant, kind: 'crashed', reason: 'killed' });
    const groupOf = (group: string): Promise<SupervisionGroup> => mythos.deployments().group('support', group);

    /** A group of three that run. */
    const pipeline = async (): Promise<void> => {
      await supervisor.createGroup({ group: 'pipeline', policy: PIPELINE });
      for (const stage of STAGES) assert.equal((await running('pipeline', stage)).state.kind, 'running');
    };

    /** Does all that is asked for, and tells what in which order; notices are taken without a word. */
    const carryOn = async (): Promise<string[]> => {
      const done: string[] = [];
      for (;;) {
        const effects = await supervisor.pollEffects();
        if (effects.length === 0) return done;
        for (const { id, assistant, action, ...rest } of effects) {
          if (action.kind === 'escalate') {
            await supervisor.answer(id, { kind: 'acknowledged' });
            continue;
          }
          done.push(`${action.kind} ${assistant}`);
          if (action.kind === 'restore') {
            const { next } = await supervisor.carryOut({ id, assistant, action, ...rest });
            assert.ok(next);
            await supervisor.answer(next.id, { kind: 'ready' });
          } else {
            await supervisor.answer(id, { kind: 'stopped' });
          }
        }
      }
    };

    /** Who the members are, in order, and where they stand. */
    const positions = async (group: string): Promise<unknown[]> =>
      (await mythos.deployments().members('support', group)).map(({ position, node }) => [
        position,
        node.kind === 'group' ? node.group : node.assistant,
        node.state,
      ]);

    test('a failure takes along those that were added after it, and all that is told of it has its type', async () => {
      const operation = randomUUID();
      const made = await supervisor.createGroup({ group: 'pipeline', policy: PIPELINE, operation });
      const expectedMade: GroupDecision = {
        group: 'pipeline',
        changed: true,
        state: { kind: 'up', since: made.decided_at },
        members: 0,
        decided_at: made.decided_at,
      };
      assert.deepEqual(made, expectedMade);
      for (const stage of STAGES) await running('pipeline', stage);
      const failed = await fail('parser');
      assert.deepEqual(failed.state, { kind: 'waiting', delay_ms: 0 });

      const group = await groupOf('pipeline');
      const expectedGroup: SupervisionGroup = {
        format: group.format,
        tenant: 'default',
        supervisor: 'support',
        group: 'pipeline',
        state: 'stopping',
        place: null,
        member: null,
        policy: {
          strategy: 'rest_for_one',
          window: { max_restarts: 1, period_ms: 3_600_000, kind: 'sliding' },
          auto_shutdown: 'never',
          when_given_up: 'end_group',
          restart: 'permanent',
        },
        machine: {
          state: { kind: 'stopping', floor: 2, at: 3 },
          cause: { reason: 'killed', operation: group.machine.cause?.operation ?? '' },
          history: [failed.decided_at],
          last_position: 3,
          members: 3,
          groups: 0,
          significant: 0,
          active_significant: 0,
        },
        created_at: made.decided_at,
        updated_at: failed.decided_at,
      };
      assert.deepEqual(group, expectedGroup);

      const [stop, ...others] = await supervisor.pollEffects();
      assert.ok(stop?.action.kind === 'stop');
      assert.deepEqual(others, []);
      const { deadline } = stop.action;
      const expectedStop: Effect = {
        id: stop.id,
        epoch: supervisor.epoch,
        assistant: 'writer',
        run: 1,
        issued_at: failed.decided_at,
        action: { kind: 'stop', deadline },
      };
      assert.deepEqual(stop, expectedStop);
      assert.equal(await supervisor.nextTimeout(), deadline);
      const writer = await supervisor.deployment('writer');
      assert.deepEqual(writer.machine.state, {
        kind: 'stopping',
        stop: { delay_ms: 0, is_killed: false, for_good: false, is_requested: false, given_up: null, is_known: true },
        deadline,
        set_at: failed.decided_at,
        generation: 1,
      });
      assert.deepEqual(writer.member, membership('pipeline', 3));
      assert.match(writer.place ?? '', /^[0-9a-f]{64}\/0{15}3$/);
      assert.deepEqual([writer.machine.incident?.kind, writer.machine.incident?.reason], ['group', 'killed']);

      assert.equal((await supervisor.answer(stop.id, { kind: 'stopped' })).state.kind, 'waiting');
      const [reader, parser] = await mythos.deployments().members('support', 'pipeline', 0, 2);
      const expectedReader: GroupMember = {
        position: 1,
        node: { kind: 'deployment', assistant: 'reader', state: 'running' },
        membership: membership('pipeline', 1),
      };
      assert.deepEqual(reader, expectedReader);
      assert.deepEqual(parser?.node, { kind: 'deployment', assistant: 'parser', state: 'restoring' });
      assert.deepEqual(await carryOn(), ['restore parser', 'restore writer']);
      assert.equal((await groupOf('pipeline')).state, 'up');
      assert.equal((await supervisor.deployment('reader')).machine.run, 1, 'nothing was done to the one before');
    });

    test('a group stops in reverse order and starts in order', async () => {
      await pipeline();
      const { state } = await supervisor.stopGroup({ group: 'pipeline', reason: 'night' });
      assert.deepEqual(state, { kind: 'ending', why: 'requested', at: 3, in_flight: 1 });
      const early = supervisor.startGroup({ group: 'pipeline', reason: 'day' });
      await assert.rejects(early, { code: 'Invalid', field: 'group' });
      assert.deepEqual(await carryOn(), ['stop writer', 'stop parser', 'stop reader']);
      const { items } = await mythos.deployments().groups({ supervisor: 'support', state: 'ended' });
      assert.deepEqual(items, [await groupOf('pipeline')]);
      const ended = items[0]?.machine.state;
      assert.ok(ended?.kind === 'ended' && ended.why === 'requested');
      assert.deepEqual((await mythos.deployments().groups({ state: 'up' })).items, []);
      assert.equal((await supervisor.stopGroup({ group: 'pipeline', reason: 'night' })).changed, false);

      const started = await supervisor.startGroup({ group: 'pipeline', reason: 'day' });
      assert.deepEqual(started.state, { kind: 'starting', at: 1 });
      assert.deepEqual(await carryOn(), ['restore reader', 'restore parser', 'restore writer']);
    });

    test('too many restarts end a group, and an operator is told', async () => {
      await pipeline();
      await fail('writer');
      assert.deepEqual(await carryOn(), ['restore writer']);
      assert.deepEqual((await fail('parser')).state, { kind: 'given_up', why: 'group_window_exceeded' });
      const effects = new Map((await supervisor.pollEffects()).map((effect) => [effect.assistant, effect]));
      assert.deepEqual([...effects.keys()].sort(), ['parser', 'writer']);
      const [notice, stop] = [effects.get('parser'), effects.get('writer')];
      assert.ok(notice && stop?.action.kind === 'stop');
      assert.deepEqual(notice.action, {
        kind: 'escalate',
        escalation: { kind: 'given_up', why: 'group_window_exceeded' },
      });
      await supervisor.answer(notice.id, { kind: 'acknowledged' });
      await supervisor.answer(stop.id, { kind: 'stopped' });
      assert.deepEqual(await carryOn(), ['stop reader']);
      const { state } = (await groupOf('pipeline')).machine;
      assert.ok(state.kind === 'ended' && state.why === 'window_exceeded');
      const alone = supervisor.restartChild({ assistant: 'parser', reason: 'mended' });
      await assert.rejects(alone, { code: 'Invalid', field: 'assistant' });
      await supervisor.startGroup({ group: 'pipeline', reason: 'mended' });
      assert.deepEqual(await carryOn(), STAGES.map((stage) => `restore ${stage}`));
      assert.deepEqual((await groupOf('pipeline')).machine.history, []);
    });

    test('a group that ends is restarted by the one that holds it', async () => {
      await supervisor.createGroup({ group: 'office', policy: { strategy: 'one_for_all' } });
      await running('office', 'ana');
      const policy: GroupPolicy = { window: { max_restarts: 0, period_ms: 1_000 } };
      await supervisor.createGroup({ group: 'back office', policy, within: 'office' });
      await running('back office', 'bob');
      const { member, place: found } = await groupOf('back office');
      assert.deepEqual(member, { ...membership('office', 2), shutdown: { kind: 'unlimited' } });
      assert.match(found ?? '', /\/0{15}2$/);

      await fail('bob');
      assert.deepEqual(await positions('office'), [[1, 'ana', 'stopping'], [2, 'back office', 'ended']]);
      assert.deepEqual(await carryOn(), ['stop ana', 'restore ana', 'restore bob']);
      assert.deepEqual(await positions('office'), [[1, 'ana', 'mythpath_ready'], [2, 'back office', 'up']]);
      await supervisor.stopGroup({ group: 'office', reason: 'night' });
      assert.deepEqual(await carryOn(), ['stop bob', 'stop ana']);
      const { state } = (await groupOf('back office')).machine;
      assert.ok(state.kind === 'ended' && state.why === 'parent');
    });

    test('a group ends with the members that matter, and kills those that are to be killed', async () => {
      await supervisor.createGroup({ group: 'task', policy: { auto_shutdown: 'any_significant' } });
      const spec: DeploymentSpec = { ritual: 'work', policy: { exits: { restart: 'transient' } } };
      await supervisor.startChild({ group: 'task', assistant: 'ana', spec, is_significant: true, is_running: true });
      const shutdown = { kind: 'kill' } as const;
      await supervisor.startChild({ group: 'task', assistant: 'bob', spec: SPEC, shutdown, is_running: true });
      assert.equal((await groupOf('task')).machine.active_significant, 1);
      await supervisor.reportExit({ assistant: 'ana', exit: { kind: 'completed', reason: 'done' } });
      assert.deepEqual(await carryOn(), ['kill bob']);
      const { state } = (await groupOf('task')).machine;
      assert.ok(state.kind === 'ended' && state.why === 'auto_shutdown');
    });

    test('who does not end in time is killed', async () => {
      await supervisor.createGroup({ group: 'slow' });
      const shutdown = { kind: 'within', milliseconds: 20 } as const;
      await supervisor.startChild({ group: 'slow', assistant: 'ana', spec: SPEC, shutdown, is_running: true });
      await supervisor.stopGroup({ group: 'slow', reason: 'night' });
      for (let kind = 'none'; kind !== 'kill'; ) {
        await setTimeout(10);
        await supervisor.tick();
        for (const { action } of await supervisor.pollEffects()) kind = action.kind;
      }
      const { state } = (await supervisor.deployment('ana')).machine;
      assert.ok(state.kind === 'stopping' && state.stop.is_killed && state.deadline === null);
    });

    test('a member is started alone and taken out', async () => {
      await pipeline();
      const [assistant, reason] = ['writer', 'again'];
      await assert.rejects(supervisor.restartChild({ assistant, reason }), { code: 'Invalid', field: 'assistant' });
      await assert.rejects(supervisor.deleteChild({ assistant }), { code: 'Invalid', field: 'assistant' });
      await assert.rejects(supervisor.deleteGroup('pipeline'), { code: 'Invalid', field: 'group' });
      await supervisor.stop({ assistant });
      assert.deepEqual(await carryOn(), ['stop writer']);
      assert.equal((await supervisor.restartChild({ assistant, reason })).state.kind, 'restoring');
      assert.deepEqual(await carryOn(), ['restore writer']);

      await supervisor.stop({ assistant: 'parser' });
      assert.deepEqual(await carryOn(), ['stop parser']);
      assert.equal((await supervisor.deployment('parser')).member?.is_active, false);
      assert.equal((await supervisor.deleteChild({ assistant: 'parser' })).changed, true);
      assert.deepEqual(await positions('pipeline'), [[1, 'reader', 'running'], [3, 'writer', 'mythpath_ready']]);
      assert.equal((await supervisor.deployment('parser')).member, undefined);
      for (const stage of ['reader', 'writer']) {
        await supervisor.stop({ assistant: stage });
        await carryOn();
        await supervisor.deleteChild({ assistant: stage });
      }
      await assert.rejects(supervisor.deleteDeployment('nobody'), { code: 'NotFound', field: 'assistant' });
      await supervisor.deleteDeployment('parser');
      await assert.rejects(supervisor.deployment('parser'), { code: 'NotFound', field: 'assistant' });
      await supervisor.deleteGroup('pipeline');
      await assert.rejects(groupOf('pipeline'), { code: 'NotFound', field: 'group' });
    });

    test('members are listed from a position', async () => {
      await supervisor.createGroup({ group: 'many' });
      for (const number of [9, 8, 7]) {
        await supervisor.createGroup({ group: `group ${number}`, within: 'many' });
        await running('many', `assistant ${number}`);
      }
      const { members, groups } = mythos.deployments();
      assert.deepEqual((await members('support', 'many')).map(({ position }) => position), [1, 2, 3, 4, 5, 6]);
      const page = await members('support', 'many', 2, 3);
      assert.deepEqual(page.map(({ position, node }) => [position, node.kind]), [
        [3, 'group'],
        [4, 'deployment'],
        [5, 'group'],
      ]);
      assert.deepEqual(await members('support', 'many', 6), []);
      await assert.rejects(members('support', 'many', 0, 0), { code: 'Limit' });
      await assert.rejects(members('support', 'many', -1), { code: 'Invalid', field: 'after' });
      const first = await groups({}, { limit: 2 });
      assert.deepEqual(first.items.map(({ group }) => group), ['group 7', 'group 8']);
      const rest = await groups({}, { after: first.next });
      assert.deepEqual(rest.items.map(({ group }) => group), ['group 9', 'many']);
    });

    test('what is asked twice is done once', async () => {
      const operations = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
      const everything = async (): Promise<string[]> => {
        const [create, start, stop, again] = operations;
        const created = await supervisor.createGroup({ group: 'desk', policy: PIPELINE, operation: create });
        const child = { group: 'desk', assistant: 'ana', spec: SPEC, is_running: true };
        const joined = await supervisor.startChild({ ...child, operation: start });
        const stopped = await supervisor.stopGroup({ group: 'desk', reason: 'night', operation: stop });
        await carryOn();
        const started = await supervisor.startGroup({ group: 'desk', reason: 'day', operation: again });
        return [created, joined, stopped, started].map(({ decided_at }) => decided_at);
      };
      const first = await everything();
      await carryOn();
      assert.deepEqual(await everything(), first);
      assert.deepEqual(await positions('desk'), [[1, 'ana', 'mythpath_ready']]);
      const [operation] = operations;
      const another = supervisor.createGroup({ group: 'another', policy: PIPELINE, operation });
      await assert.rejects(another, { code: 'Invalid', field: 'operation' });
    });

    test('what does not go together is refused with its field', async () => {
      await pipeline();
      await supervisor.createGroup({ group: 'alike', policy: { strategy: 'simple_one_for_one' } });
      await supervisor.createGroup({ group: 'task', policy: { auto_shutdown: 'all_significant' } });
      await supervisor.deploy({ assistant: 'alone', spec: SPEC });
      const create = (policy: object) => supervisor.createGroup({ group: 'g', policy });
      const child = { group: 'pipeline', assistant: 'ana', spec: SPEC } as const;
      const [is_significant, reason] = [true, 'day'];
      const instant = { kind: 'within', milliseconds: 0 } as const;
      const invalid: [() => Promise<unknown>, string][] = [
        [() => create({ strategy: 'all_for_one' }), 'request.policy.strategy'],
        [() => create({ strategy: 'simple_one_for_one', auto_shutdown: 'any_significant' }), 'request.policy'],
        [() => create({ window: { max_restarts: 1, period_ms: 1, kind: 'tumbling' } }), 'request.policy'],
        [() => create({ stategy: 'one_for_one' }), 'request.policy.stategy'],
        [() => supervisor.createGroup({ group: 'g', within: 'alike' }), 'group'],
        [() => supervisor.createGroup({ group: 'g', within: 'pipeline', is_significant }), 'is_significant'],
        [() => supervisor.startChild({ ...child, is_significant }), 'is_significant'],
        [() => supervisor.startChild({ ...child, group: 'task', is_significant }), 'is_significant'],
        [() => supervisor.startChild({ ...child, assistant: 'reader' }), 'assistant'],
        [() => supervisor.startChild({ ...child, shutdown: instant }), 'shutdown'],
        [() => supervisor.restartChild({ assistant: 'alone', reason }), 'assistant'],
        [() => supervisor.deleteChild({ assistant: 'alone' }), 'assistant'],
      ];
      for (const [call, field] of invalid) await assert.rejects(call, { code: 'Invalid', field });
      const missing: [() => Promise<unknown>, string][] = [
        [() => supervisor.createGroup({ group: 'g', within: 'nowhere' }), 'within'],
        [() => supervisor.startChild({ ...child, group: 'nowhere' }), 'group'],
        [() => supervisor.startGroup({ group: 'nowhere', reason }), 'group'],
        [() => supervisor.deleteGroup('nowhere'), 'group'],
        [() => supervisor.restartChild({ assistant: 'nobody', reason }), 'assistant'],
        [() => supervisor.deleteChild({ assistant: 'nobody' }), 'assistant'],
      ];
      for (const [call, field] of missing) await assert.rejects(call, { code: 'NotFound', field });
    });
  });
}
