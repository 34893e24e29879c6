import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  type CodexLineage,
  type CodexProofOfSymbolEngine,
  type CodexProofRow,
  CodexProofView,
  type LineageNode,
  type Mutation,
} from 'mythos';

import { PLACES, type Place } from './places.js';

for (const [name, make] of PLACES) {
  describe(`what codices show ${name}`, () => {
    let place: Place;
    let codices: CodexProofOfSymbolEngine;
    let view: CodexProofView;

    beforeEach(async () => {
      place = await make();
      codices = place.mythos.codices();
      view = new CodexProofView(codices);
      const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
      await codices.create({ codex: 'support', clauses, directive_path: ['launch'], actor: 'ana' });
    });
    afterEach(() => place.close());

    const mutate = (actor: string, mutation: Mutation, parent?: number) =>
      codices.mutate({ codex: 'support', mutation, directive_path: ['refunds'], actor, reason: `by ${actor}`, parent });
    const limit = (text: string): Mutation => ({ kind: 'replace', clause: 'limit', text });

    test('proofs are shown with actors and reasons, and found by them', async () => {
      const proof = await mutate('bob', limit('one'));
      await mutate('ana', limit('two'));
      const { log } = view;
      const rows = (await log()).items;
      assert.deepEqual(rows.map(({ proof, actor, reason }) => [proof.sequence, actor, reason]), [
        [2, 'ana', 'by ana'],
        [1, 'bob', 'by bob'],
        [0, 'ana', null],
      ]);
      const expected: CodexProofRow = { proof, actor: 'bob', reason: 'by bob' };
      assert.deepEqual(await log({ actor: 'bob' }), { items: [expected], next: null });
      const first = await log({ actor: 'ana', proofs: { codex: 'support' } }, { limit: 1 });
      assert.deepEqual(first.items.map(({ proof }) => proof.sequence), [2]);
      const second = await log({ actor: 'ana', proofs: { codex: 'support' } }, { limit: 1, after: first.next });
      assert.deepEqual(second.items.map(({ proof }) => proof.sequence), [0]);
      assert.deepEqual((await log({ proofs: { change: 'create' }, actor: 'bob' })).items, []);
      await codices.redact({
        codex: 'support',
        erase: await codices.openingsOfActor('support', 'bob'),
        directive_path: ['privacy'],
        actor: 'officer',
      });
      assert.deepEqual((await log({ actor: 'bob' })).items, []);
      assert.equal((await log({ proofs: { change: 'replace' } })).items[1]?.actor, null);
      await assert.rejects(log({}, { limit: 0 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(log({ codex: 'support' } as object), { code: 'Invalid', field: 'filter.codex' });
    });

    test('the lineage shows branches and merges', async () => {
      await mutate('ana', limit('ours'));
      await mutate('bob', limit('theirs'), 0);
      const take = [{ clause: 'limit', from: 'theirs' }] as const;
      await mutate('eve', { kind: 'merge', other: 2, take }, 1);
      const lineage: CodexLineage = await view.lineage('support');
      assert.deepEqual(lineage.nodes.map(({ parents, is_head }) => [parents, is_head]), [
        [[], false],
        [[0], false],
        [[0], false],
        [[1, 2], true],
      ]);
      const [, entry] = (await codices.trail('support')).items;
      assert.ok(entry);
      const node: LineageNode = {
        sequence: 1,
        event: entry.digest,
        parents: [0],
        change: 'replace',
        clause: 'limit',
        directive_path: ['refunds'],
        codex_root: entry.event.codex_after,
        is_head: false,
        recorded_at: entry.event.recorded_at,
      };
      const expected: CodexLineage = { head: await codices.codex('support'), nodes: [node], next: 2 };
      assert.deepEqual(await view.lineage('support', { from: 1, limit: 1 }), expected);
      await assert.rejects(view.lineage('none'), { code: 'NotFound', field: 'codex' });
      await assert.rejects(view.lineage('support', { limit: 0 }), { code: 'Limit', field: 'limit' });
    });

    test('the view verifies as the engine does', async () => {
      await mutate('bob', limit('one'));
      assert.deepEqual(await view.codices(), await codices.codices());
      assert.deepEqual((await view.codices({ limit: 1 })).items.length, 1);
      assert.deepEqual(await view.event('support', 1), await codices.verifyEvent('support', 1));
      assert.deepEqual(await view.verify('support'), await codices.verify('support'));
      assert.deepEqual(await view.verifyAll(), await codices.verifyAll());
      await assert.rejects(view.event('support', 2), { code: 'NotFound', field: 'sequence' });
      await assert.rejects(view.verify('none'), { code: 'NotFound' });
    });

    test('the view of one tenant shows nothing of another', async () => {
      const other = new CodexProofView(place.mythos.tenant('acme').codices());
      assert.deepEqual(await other.log(), { items: [], next: null });
      assert.deepEqual(await other.verifyAll(), { verified: [], total: 0, next: null });
    });
  });
}

test('a proof view is one of an engine', () => {
  assert.throws(() => new CodexProofView({} as CodexProofOfSymbolEngine), { code: 'Invalid', field: 'codices' });
});
