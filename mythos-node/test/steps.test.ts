import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { KeyRing, Mythos, type Step, type StepJournal } from 'mythos';

import { PLACES, type Place } from './places.js';

const NAMES = { assistant: 'ana', ritual: 'refund' };
const PAY = { ...NAMES, key: 'payment of order 4711' };
const INTENT = Buffer.from('50 EUR');
const keys = (steps: readonly Step[]) => steps.map((step) => step.key);

for (const [name, make] of PLACES) {
  describe(`steps ${name}`, () => {
    let place: Place;
    let steps: StepJournal;

    beforeEach(async () => {
      place = await make();
      steps = place.mythos.steps();
    });
    afterEach(() => place.close());

    test('a step is done once, and its outcome is given ever after', async () => {
      assert.deepEqual(await steps.begin({ ...PAY, intent: INTENT }), { kind: 'begun', attempt: 1 });
      const doubt = await steps.begin({ ...PAY, intent: INTENT, run: { epoch: 1, run: 2 } });
      assert.ok(doubt.kind === 'in_doubt');
      assert.deepEqual(doubt, { kind: 'in_doubt', attempt: 1, begun_at: doubt.begun_at, run: null });
      const outcome = Buffer.from([0, 255, 7]);
      const done = await steps.complete({ ...PAY, outcome, attempt: 1 });
      const expected: Step = {
        tenant: 'default',
        ...PAY,
        number: 1,
        state: 'completed',
        attempt: 1,
        run: null,
        intent: INTENT,
        outcome,
        begun_entry: null,
        settled_entry: null,
        created_at: doubt.begun_at,
        begun_at: doubt.begun_at,
        settled_at: done.settled_at,
      };
      assert.deepEqual(done, expected);
      assert.deepEqual(await steps.complete({ ...PAY, outcome }), done);
      const again = await steps.begin({ ...PAY, intent: INTENT });
      assert.deepEqual(again, { kind: 'completed', attempt: 1, outcome, settled_at: done.settled_at });
      assert.deepEqual(await steps.step('ana', 'refund', PAY.key), done);
      assert.equal(await steps.step('ana', 'refund', 'other'), null);
    });

    test('what is in doubt is resolved', async () => {
      await steps.begin({ ...PAY, intent: INTENT });
      const absent = await steps.resolve({ ...PAY, attempt: 1, resolution: { kind: 'did_not_happen' } });
      assert.equal(absent.state, 'did_not_happen');
      assert.deepEqual(await steps.begin({ ...PAY, intent: INTENT }), { kind: 'begun', attempt: 2 });
      const undone = await steps.resolve({ ...PAY, attempt: 2, resolution: { kind: 'compensated' } });
      assert.equal(undone.state, 'compensated');
      await steps.begin({ ...PAY, intent: INTENT });
      const resolution = { kind: 'happened', outcome: Buffer.from('receipt') } as const;
      const happened = await steps.resolve({ ...PAY, attempt: 3, resolution });
      assert.deepEqual([happened.state, happened.outcome], ['completed', resolution.outcome]);
    });

    test('a restored assistant learns what its state cannot know', async () => {
      for (const key of ['a', 'b', 'c']) await steps.begin({ ...NAMES, key, intent: Buffer.of() });
      const { entry } = await place.mythos.rituals().save(NAMES, Buffer.from('state'));
      await steps.complete({ ...NAMES, key: 'b', outcome: Buffer.of() });
      const found = await steps.afterRestore({ ...NAMES, entry, run: { epoch: 2, run: 1 } });
      assert.deepEqual([keys(found.completed.items), keys(found.in_doubt.items)], [['b'], ['a', 'c']]);
      const first = await steps.steps(NAMES, { limit: 2 });
      assert.deepEqual(keys(first.items), ['a', 'b']);
      assert.deepEqual(keys((await steps.steps(NAMES, { after: first.next })).items), ['c']);
      const since = await steps.steps({ ...NAMES, state: 'completed', settled_since: entry });
      assert.deepEqual(since, found.completed);
      const old = steps.begin({ ...NAMES, key: 'd', intent: Buffer.of(), run: { epoch: 1, run: 9 } });
      await assert.rejects(old, { code: 'Conflict', field: 'epoch' });

      const later = await place.mythos.rituals().save(NAMES, Buffer.from('state'));
      const none = await steps.forget({ ...NAMES, before: '2026-01-01T00:00:00Z' });
      assert.deepEqual(none, { forgotten: 0, done: true });
      const gone = await steps.forget({ ...NAMES, before_entry: later.entry, limit: 10 });
      assert.deepEqual(gone, { forgotten: 1, done: true });
    });

    test('refusals name the member', async () => {
      await steps.begin({ ...PAY, intent: INTENT });
      const odd = (members: object) => members as never;
      await assert.rejects(steps.begin({ ...PAY, intent: Buffer.from('51 EUR') }), { code: 'Invalid', field: 'intent' });
      await assert.rejects(steps.begin({ ...PAY, key: '', intent: INTENT }), { code: 'Invalid', field: 'request.key' });
      const long = Buffer.alloc(65_537);
      await assert.rejects(steps.begin({ ...PAY, key: 'long', intent: long }), { code: 'Limit', field: 'intent' });
      await assert.rejects(steps.begin(odd({ ...PAY, intent: INTENT, extra: 1 })), { field: 'request.extra' });
      await assert.rejects(steps.complete({ ...PAY, key: 'x', outcome: long.subarray(1) }), { code: 'NotFound', field: 'key' });
      await assert.rejects(steps.complete({ ...PAY, outcome: long, attempt: 1 }), { code: 'Limit', field: 'outcome' });
      await assert.rejects(steps.complete({ ...PAY, outcome: INTENT, attempt: 2 }), { code: 'Invalid', field: 'attempt' });
      await assert.rejects(steps.steps(NAMES, { limit: 257 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(steps.forget({ ...NAMES, limit: 0 }), { code: 'Limit', field: 'limit' });
      assert.equal((await steps.steps(NAMES)).items.length, 1);
    });
  });
}

test('intents and outcomes are sealed where payloads are', async () => {
  const mythos = Mythos.inMemory();
  const sealed = mythos.withRituals({ keys: KeyRing.withActive('k1', Buffer.alloc(32)) }).steps();
  await sealed.begin({ ...PAY, intent: INTENT });
  await sealed.complete({ ...PAY, outcome: Buffer.from('receipt') });
  const step = await mythos.steps().step('ana', 'refund', PAY.key);
  assert.deepEqual([step?.state, step?.intent, step?.outcome], ['completed', null, null]);
  await assert.rejects(mythos.steps().begin({ ...PAY, intent: INTENT }), { code: 'NotFound', field: 'key' });
});
