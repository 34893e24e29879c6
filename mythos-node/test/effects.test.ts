import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import {
  type Effect,
  type EffectOptions,
  effects,
  type EffectStream,
  type HostEffect,
  type Mythos,
  MythosError,
  type Outcome,
  type RestartPolicy,
  type Shutdown,
  type Supervisor,
} from 'mythos';

import { PLACES, type Place } from './places.js';

/** Restarts come without a delay, so that no test waits, and however often something failed. */
const AT_ONCE: RestartPolicy = {
  free_restarts: 1_000,
  launches_per_entry: 1_000,
  window: { max_restarts: 1_000, period_ms: 60_000 },
};
/** What fails is tried again soon. */
const QUICK: EffectOptions = { first_pause_ms: 1, longest_pause_ms: 20 };
const READY: Outcome = { kind: 'ready' };
const STALE = { name: 'MythosError', code: 'Conflict', field: 'epoch' };

async function next(stream: EffectStream): Promise<HostEffect> {
  const { done, value } = await stream.next();
  assert.ok(done !== true, 'the stream goes on');
  return value;
}

/** Waits until something holds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(2);
}

/** A supervisor some of whose calls fail before they are made. */
function failing(supervisor: Supervisor, fails: (method: string) => boolean): Supervisor {
  return new Proxy(supervisor, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]): Promise<unknown> => {
        if (fails(String(name))) throw new MythosError('Unavailable', 'busy');
        return (member as (...given: unknown[]) => unknown)(...given);
      };
    },
  });
}

for (const [name, make] of PLACES) {
  describe(`effects ${name}`, () => {
    let place: Place;
    let mythos: Mythos;
    let supervisor: Supervisor;

    beforeEach(async () => {
      place = await make();
      mythos = place.mythos;
      supervisor = await mythos.deployments().supervise('support');
    });
    afterEach(() => place.close());

    const deploy = async (assistant: string, policy = AT_ONCE): Promise<void> => {
      await mythos.rituals().save({ assistant, ritual: 'work' }, Buffer.from(assistant));
      await supervisor.deploy({ assistant, spec: { ritual: 'work', policy } });
    };
    const fail = (assistant: string) => supervisor.reportFailure({ assistant, kind: 'crashed', reason: 'killed' });
    const isReady = async (assistant: string): Promise<boolean> =>
      (await supervisor.deployment(assistant)).state === 'mythpath_ready';

    test('failed assistants come back, also several at once', async () => {
      const assistants = Array.from({ length: 12 }, (_, number) => `assistant ${number}`);
      for (const assistant of assistants) {
        await deploy(assistant);
        await fail(assistant);
      }
      const launched: string[] = [];
      for await (const effect of effects(supervisor, QUICK)) {
        assert.ok(effect.action.kind === 'probe');
        const { payload } = await mythos.rituals().restore(effect.action.entry.entry);
        assert.equal(payload.toString(), effect.assistant);
        const decision = await effect.answer(READY);
        assert.deepEqual([decision.changed, decision.state.kind], [true, 'mythpath_ready']);
        assert.equal((await effect.answer(READY)).changed, false, 'only the first answer counts');
        launched.push(effect.assistant);
        if (launched.length === assistants.length) break;
      }
      assert.deepEqual(launched.sort(), assistants.sort());
      assert.deepEqual(await supervisor.pollEffects(), []);
    });

    test('a timer fires without anyone who wakes it, also while nobody asks for the next effect', async () => {
      await deploy('ana', { backoff: { kind: 'constant', delay_ms: 30 }, jitter: 'none' });
      await fail('ana');
      const stream = effects(supervisor, QUICK);
      const asked = stream.next();
      await until(async () => (await supervisor.deployment('ana')).state === 'verifying');
      const { value } = await asked;
      assert.equal(value?.action.kind, 'probe');
      await stream.return();
    });

    test('it sleeps until it is woken', async () => {
      await deploy('ana');
      const calls: string[] = [];
      const watched = failing(supervisor, (method) => {
        calls.push(method);
        return false;
      });
      const stream = effects(watched, QUICK);
      const asked = next(stream);
      await until(() => calls.includes('nextTimeout'));
      await setTimeout(50);
      assert.deepEqual(calls, ['tick', 'pollEffects', 'nextTimeout'], 'nothing is due');
      await fail('ana');
      stream.wake();
      await (await asked).answer(READY);
      await stream.return();
      assert.ok(await isReady('ana'));
      assert.deepEqual(await stream.next(), { done: true, value: undefined });
      stream.wake();
    });

    test('what was overtaken is aborted, or never seen', async () => {
      await deploy('ana', { ...AT_ONCE, probe_deadline_ms: 50 });
      await fail('ana');
      const stream = effects(supervisor, QUICK);
      const first = await next(stream);
      assert.equal(first.signal.aborted, false);
      // Past its deadline, nobody wakes the stream.
      await until(() => first.signal.aborted);
      // Nobody asks for this one before it is past its deadline as well.
      await until(async () => (await supervisor.deployment('ana')).machine.run > first.run + 2);
      const last = await next(stream);
      assert.ok(last.run > first.run + 1);
      assert.equal((await first.answer(READY)).changed, false);
      await stream.return();
    });

    test('what was overtaken and nothing follows is aborted, or never given', async () => {
      const policy: RestartPolicy = { ...AT_ONCE, probe_deadline_ms: 60_000 };
      for (const assistant of ['ana', 'bob', 'cem', 'dan']) {
        await deploy(assistant, policy);
        await fail(assistant);
      }
      const stream = effects(supervisor, QUICK);
      const given = [await next(stream), await next(stream)];
      const [first, second] = given.map(({ assistant }) => assistant);
      const [third, last] = ['ana', 'bob', 'cem', 'dan'].filter((one) => one !== first && one !== second);
      assert.ok(first !== undefined && second !== undefined && third !== undefined && last !== undefined);
      await supervisor.stop({ assistant: first });
      await supervisor.deploy({ assistant: second, spec: { ritual: 'work' } });
      stream.wake();
      await until(() => given.every(({ signal }) => signal.aborted));
      // Nobody asked for these yet, and nobody wakes the stream.
      await supervisor.stop({ assistant: third });
      let effect = await next(stream);
      // A stop may ask for an end of what was launched.
      while (effect.action.kind !== 'probe') {
        await effect.answer({ kind: 'stopped' });
        effect = await next(stream);
      }
      assert.equal(effect.assistant, last);
      assert.equal((await given[0]?.answer(READY))?.changed, false);
      await effect.answer(READY);
      await stream.return();
    });

    test('a long reason is shortened, and an empty one replaced', async () => {
      await deploy('ana');
      await fail('ana');
      const stream = effects(supervisor, QUICK);
      for (const reason of ['é'.repeat(101), '']) await (await next(stream)).answer({ kind: 'not_ready', reason });
      await (await next(stream)).answer(READY);
      await stream.return();
      const { items } = await mythos.deployments().history();
      const path = items[0]?.symbolic_fallback_path ?? '';
      assert.ok(path.includes('é'.repeat(100)) && !path.includes('é'.repeat(101)), path);
      await supervisor.reportExit({ assistant: 'ana', exit: { kind: 'failed', reason: '' } });
      const { items: [newest] } = await mythos.deployments().history();
      assert.equal(newest?.restart_trigger_reason, 'no reason given');
    });

    test('what is given back comes again after a pause, until it is answered', async () => {
      await deploy('ana');
      await deploy('bob');
      await fail('ana');
      const seen: HostEffect[] = [];
      const stream = effects(supervisor, QUICK);
      for await (const effect of stream) {
        seen.push(effect);
        if (effect.assistant === 'bob') break;
        if (seen.length < 5) {
          effect.giveBack();
          // Once is enough.
          effect.giveBack();
          continue;
        }
        await effect.answer(READY);
        // What was answered does not come again.
        effect.giveBack();
        await fail('bob');
        stream.wake();
      }
      assert.deepEqual(seen.map(({ assistant }) => assistant), ['ana', 'ana', 'ana', 'ana', 'ana', 'bob']);
      assert.equal(new Set(seen.map(({ id }) => id)).size, 2);
      assert.ok(await isReady('ana'));
    });

    test('a store that cannot serve for a while is asked again', async () => {
      await deploy('ana');
      for (const method of ['tick', 'pollEffects', 'nextTimeout', 'carryOut', 'answer']) {
        await fail('ana');
        let failures = 0;
        const busy = failing(supervisor, (called) => called === method && (failures += 1) <= 3);
        const stream = effects(busy, QUICK);
        await (await next(stream)).answer(READY);
        await until(() => failures > 3);
        await stream.return();
        assert.ok(await isReady('ana'));
      }
    });

    test('who takes over gets what was underway, and the other one the typed error', async () => {
      await deploy('ana');
      await fail('ana');
      const stream = effects(supervisor, QUICK);
      const underway = await next(stream);
      const later = await mythos.deployments().supervise('support');
      const asked = stream.next();
      stream.wake();
      await assert.rejects(asked, STALE);
      assert.ok(underway.signal.aborted);
      assert.deepEqual(await stream.next(), { done: true, value: undefined });
      await assert.rejects(underway.answer(READY), STALE);

      for await (const effect of effects(later, QUICK)) {
        assert.deepEqual([effect.id, effect.epoch], [underway.id, later.epoch]);
        await effect.answer(READY);
        break;
      }
      assert.equal((await later.deployment('ana')).state, 'mythpath_ready');
      // It notices by itself, too.
      await assert.rejects(effects(supervisor, { ...QUICK, longest_sleep_ms: 1 }).next(), STALE);
    });

    test('however it is ended, nothing is lost or done twice', async () => {
      const assistants = ['ana', 'bob', 'cem'];
      for (const assistant of assistants) await deploy(assistant);
      const launched = new Map<string, number>();
      const launch = async (effect: HostEffect): Promise<void> => {
        launched.set(effect.id, (launched.get(effect.id) ?? 0) + 1);
        await effect.answer(READY);
      };
      for (let round = 0; round < 20; round += 1) {
        for (const assistant of assistants) await fail(assistant);
        const controller = new AbortController();
        const patience = setTimeout(round % 7).then(() => controller.abort());
        for await (const effect of effects(supervisor, { ...QUICK, signal: controller.signal })) {
          await launch(effect);
          // Left in the middle as often as aborted.
          if (round % 2 === 1) break;
        }
        await patience;
        if (round % 3 === 0) supervisor = await mythos.deployments().supervise('support');
        const stream = effects(supervisor, QUICK);
        const driven = (async () => {
          for await (const effect of stream) await launch(effect);
        })();
        for (const assistant of assistants) await until(() => isReady(assistant));
        await stream.return();
        await driven;
      }
      assert.deepEqual([...launched.values()], Array.from({ length: 20 * assistants.length }, () => 1));
    });

    test('an aborted signal ends it at once, also before it began', async () => {
      await deploy('ana');
      await fail('ana');
      const signal = AbortSignal.abort();
      for await (const effect of effects(supervisor, { signal })) assert.fail(effect.id);
      const controller = new AbortController();
      const stream = effects(supervisor, { signal: controller.signal });
      const effect = await next(stream);
      const asked = stream.next();
      controller.abort();
      assert.deepEqual(await asked, { done: true, value: undefined });
      assert.ok(effect.signal.aborted);
      const [again] = await supervisor.pollEffects();
      assert.equal(again?.id, effect.id, 'it was given back');
    });

    test('notices and questions are the host\'s', async () => {
      await supervisor.deploy({ assistant: 'ana', spec: { ritual: 'nothing', policy: AT_ONCE } });
      await fail('ana');
      for await (const effect of effects(supervisor, QUICK)) {
        assert.ok(effect.action.kind === 'escalate');
        assert.deepEqual(effect.action.escalation, { kind: 'given_up', why: 'path_exhausted' });
        await assert.rejects(effect.answer(READY), { code: 'Invalid', field: 'outcome' });
        await effect.answer({ kind: 'acknowledged' });
        break;
      }
      assert.deepEqual(await supervisor.pollEffects(), []);
    });

    const CREW = ['reader', 'checker', 'editor', 'printer'];

    const endings: readonly (readonly [string, Shutdown, readonly string[]])[] = [
      ['asked to end', { kind: 'within', milliseconds: 60_000 }, ['stop']],
      ['killed', { kind: 'kill' }, ['kill']],
      // It is asked first, unless its time is over before that, and killed then.
      ['asked in vain, and killed', { kind: 'within', milliseconds: 100 }, ['kill']],
    ];
    for (const [how, shutdown, ends] of endings) {
      const isStubborn = shutdown.kind === 'within' && !ends.includes('stop');
      test(`a group is ${how} in reverse order, and launched in order`, async () => {
        await supervisor.createGroup({ group: 'crew', policy: { strategy: 'rest_for_one' } });
        for (const assistant of CREW) {
          await mythos.rituals().save({ assistant, ritual: 'work' }, Buffer.from(assistant));
          const spec = { ritual: 'work', policy: AT_ONCE };
          await supervisor.startChild({ group: 'crew', assistant, spec, shutdown, is_running: true });
        }
        const stream = effects(supervisor, QUICK);
        const done: string[] = [];
        const overtaken: string[] = [];
        const groupState = async () => (await mythos.deployments().group('support', 'crew')).state;
        const driven = (async () => {
          for await (const effect of stream) {
            const { action, assistant, signal } = effect;
            if (action.kind === 'probe') {
              done.push(`launch ${assistant}`);
              await effect.answer(READY);
            } else if (action.kind === 'stop' && isStubborn) {
              assert.notEqual(action.deadline, null);
              signal.addEventListener('abort', () => overtaken.push(assistant));
            } else {
              done.push(`${action.kind} ${assistant}`);
              await effect.answer({ kind: 'stopped' });
            }
          }
        })();

        assert.equal((await fail('checker')).state.kind, 'waiting');
        stream.wake();
        await until(() => isReady('printer'));
        const ended = (members: readonly string[]) => members.flatMap((member) => ends.map((end) => `${end} ${member}`));
        const launched = ['launch checker', 'launch editor', 'launch printer'];
        assert.deepEqual(done.splice(0), [...ended(['printer', 'editor']), ...launched]);
        assert.equal(await groupState(), 'up');
        // Who is before the one that failed runs on.
        const reader = await supervisor.deployment('reader');
        assert.deepEqual([reader.state, reader.machine.run], ['running', 1]);

        await supervisor.stopGroup({ group: 'crew', reason: 'night' });
        stream.wake();
        await until(async () => (await groupState()) === 'ended');
        assert.deepEqual(done, ended(CREW.toReversed()));
        assert.ok(isStubborn || overtaken.length === 0, 'only a stop that takes too long is aborted');
        await stream.return();
        await driven;
      });
    }
  });
}

test('what a group asks for reaches the host, and so does its answer', async () => {
  const issue = (number: number, action: object): Effect =>
    ({ id: `ca.1.${number}`, epoch: 1, assistant: 'ana', run: 1, issued_at: '', action }) as unknown as Effect;
  const answers: unknown[] = [];
  const pending = [issue(1, { kind: 'stop', deadline: null }), issue(2, { kind: 'kill' })];
  const scripted = {
    tick: async () => [],
    nextTimeout: async () => null,
    pollEffects: async () => pending.splice(0, 1),
    giveBack: async () => {},
    stillPending: async (asked: readonly string[]) => asked,
    answer: async (effect: string, outcome: unknown) => answers.push([effect, outcome]),
  } as unknown as Supervisor;
  const stream = effects(scripted, QUICK);
  const stop = await next(stream);
  assert.deepEqual(stop.action, { kind: 'stop', deadline: null });
  // It does not stop in time: a kill follows.
  stream.wake();
  const kill = await next(stream);
  assert.ok(stop.signal.aborted);
  await kill.answer({ kind: 'stopped' } as unknown as Outcome);
  assert.deepEqual(answers, [['ca.1.2', { kind: 'stopped' }]]);
  await stream.return();
});

test('a timer that does not fire makes no stream spin', async () => {
  let ticks = 0;
  const scripted = {
    tick: async () => {
      ticks += 1;
      return [];
    },
    nextTimeout: async () => new Date(Date.now() - 5_000).toISOString(),
    pollEffects: async () => [],
  } as unknown as Supervisor;
  const warned = once(process, 'warning');
  const stream = effects(scripted, QUICK);
  const asked = stream.next();
  const [warning] = (await warned) as [Error & { code?: string }];
  assert.equal(warning.code, 'MYTHOS_STUCK_TIMER');
  const before = ticks;
  await setTimeout(200);
  assert.ok(ticks <= before + 1);
  stream.wake();
  await until(() => ticks > before);
  await stream.return();
  await asked;
});

test('an error that cannot go away ends it', async () => {
  const broken = { tick: async () => Promise.reject(new MythosError('Internal', 'a defect')) } as unknown as Supervisor;
  await assert.rejects(effects(broken).next(), { code: 'Internal' });
});

test('options that make no sense name what is wrong', () => {
  const supervisor = {} as unknown as Supervisor;
  const odd: [EffectOptions, string][] = [
    [{ first_pause_ms: 0 }, 'first_pause_ms'],
    [{ first_pause_ms: 10, longest_pause_ms: 9 }, 'longest_pause_ms'],
    [{ longest_sleep_ms: Number.NaN }, 'longest_sleep_ms'],
  ];
  for (const [options, field] of odd) assert.throws(() => effects(supervisor, options), { code: 'Invalid', field });
});
