import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { type Batch, type Mutation, Mythos, MythosError, type SaveRitual } from 'mythos';

import { MapStore } from './map_store.js';
import { PLACES, type Place } from './places.js';

const REFUND = { assistant: 'ana', ritual: 'refund' };
const CODEX = {
  codex: 'support',
  clauses: [
    { clause: 'limit', text: 'Refund at most 100 EUR.' },
    { clause: 'tone', text: 'Be kind.' },
  ],
  directive_path: ['launch'],
  actor: 'ana',
};
const change = (mutation: Mutation) => ({
  codex: 'support',
  mutation,
  directive_path: ['support', 'refunds'],
  actor: 'bob',
});
const limit = (amount: number): Mutation => ({ kind: 'replace', clause: 'limit', text: `At most ${amount} EUR.` });

for (const [name, make] of PLACES) {
  describe(`all services ${name}`, () => {
    let place: Place;
    let mythos: Mythos;

    beforeEach(async () => {
      place = await make();
      mythos = place.mythos;
    });
    afterEach(() => place.close());

    test('errors say what to do and which member was wrong', async () => {
      const [rituals, codices, deployments] = [mythos.rituals(), mythos.codices(), mythos.deployments()];
      const supervisor = await deployments.supervise('desk');
      await codices.create(CODEX);
      const odd = (members: object) => members as never;
      await assert.rejects(rituals.restore(randomUUID()), { code: 'NotFound' });
      await assert.rejects(rituals.restore('no uuid'), { code: 'Invalid', field: 'entry' });
      await assert.rejects(rituals.list({}, { limit: 0 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(rituals.list(odd({ label: 'a' })), { code: 'Invalid', field: 'filter.label' });
      await assert.rejects(rituals.list({}, odd({ size: 1 })), { code: 'Invalid', field: 'page.size' });
      await assert.rejects(rituals.save(odd({ ...REFUND, operaton: '' }), Buffer.of()), { field: 'request.operaton' });
      await assert.rejects(rituals.save({ ...REFUND, parent: { kind: 'entry', entry: randomUUID() } }, Buffer.of()), {
        code: 'Conflict',
        retryable: true,
      });
      await assert.rejects(codices.create(CODEX), { code: 'Conflict', field: 'codex' });
      await assert.rejects(codices.codex('none'), { code: 'NotFound', field: 'codex' });
      await assert.rejects(codices.mutate(change({ kind: 'remove', clause: 'none' })), { code: 'Invalid' });
      await assert.rejects(codices.mutate(odd({ ...change(limit(1)), mutation: { kind: 'none' } })), {
        code: 'Invalid',
        field: 'request.mutation.kind',
      });
      await assert.rejects(codices.create({ ...CODEX, codex: 'other', directive_path: [] }), { code: 'Invalid' });
      await assert.rejects(supervisor.deployment('ana'), { code: 'NotFound', field: 'assistant' });
      await assert.rejects(supervisor.giveBack('none'), { code: 'Invalid', field: 'effect' });
      const backoff = { kind: 'exponential', initial_ms: 10, factor: 2, cap_ms: 5 } as const;
      const spec = { ritual: 'refund', policy: { backoff } };
      await assert.rejects(supervisor.deploy({ assistant: 'ana', spec }), { code: 'Invalid', field: 'request.spec.policy' });
      assert.throws(() => mythos.tenant(''), { code: 'Invalid', field: 'tenant' });
    });

    test('hundreds of calls of all services at once all succeed', async () => {
      const supervisor = await mythos.deployments().supervise('desk');
      const numbers = Array.from({ length: 100 }, (_, number) => number);
      const calls = numbers.flatMap((number): Promise<unknown>[] => [
        mythos.rituals().save({ assistant: `assistant ${number}`, ritual: 'refund' }, Buffer.from(`state ${number}`)),
        mythos.codices().create({ ...CODEX, codex: `codex ${number}` }),
        supervisor.deploy({ assistant: `assistant ${number}`, spec: { ritual: 'refund' } }),
      ]);
      assert.equal((await Promise.all(calls)).length, 300);
      const restored = await Promise.all(numbers.map((number) => mythos.rituals().latest(`assistant ${number}`, 'refund')));
      assert.deepEqual(restored.map((entry) => entry?.payload.toString()), numbers.map((number) => `state ${number}`));
      assert.equal((await mythos.deployments().deployments({}, { limit: 1_000 })).items.length, 100);
    });
  });
}

test('a commit whose outcome is not known is repeated under the operation that the error names', async () => {
  class Forgetful extends MapStore {
    lost = false;

    override commit(batch: Batch): void {
      super.commit(batch);
      if (!this.lost) return;
      this.lost = false;
      throw new MythosError('Unknown', 'the connection was lost');
    }
  }
  const store = new Forgetful();
  const rituals = (await Mythos.withStore(store)).rituals();
  const operationOf = async (request: SaveRitual): Promise<string> => {
    store.lost = true;
    const error: unknown = await rituals.save(request, Buffer.from('state')).catch((error: unknown) => error);
    assert.ok(error instanceof MythosError && error.code === 'Unknown' && error.retryable);
    assert.ok(error.operation);
    return error.operation;
  };
  const operation = await operationOf(REFUND);
  assert.equal((await rituals.save({ ...REFUND, operation }, Buffer.from('state'))).sequence, 1);
  const request = { ...REFUND, operation: randomUUID() };
  assert.equal(await operationOf(request), request.operation);
  assert.equal((await rituals.save(request, Buffer.from('state'))).sequence, 2);
});
