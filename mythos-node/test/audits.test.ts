import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { type CodexRegressionGuard, CodexRegressionView, type GuardedMutation, MythosError } from 'mythos';

import { PLACES, type Place } from './places.js';

const OLD = 'Refunds are made within 30 days.';
const NEW = 'Refunds are made within 90 days.';
const EDIT = { clause: 'refunds', previous_version: OLD, new_version: NEW };

const failure =
  (code: string, field: string) =>
  (error: unknown): boolean =>
    error instanceof MythosError && error.code === code && error.field === field;

for (const [name, make] of PLACES) {
  describe(`the guard ${name}`, () => {
    let place: Place;
    let guard: CodexRegressionGuard;

    beforeEach(async () => {
      place = await make();
      guard = place.mythos.regressions();
    });
    afterEach(() => place.close());

    test('an edit is audited, listed, reviewed and erased', async () => {
      const operation = randomUUID();
      const audit = await guard.audit({ ...EDIT, operation });
      assert.deepEqual([audit.verdict, audit.status, audit.audit], ['accuracy', 'awaiting_review', operation]);
      assert.match(audit.salt ?? '', /^[0-9a-f]{32}$/);
      assert.match(audit.new_commitment, /^[0-9a-f]{64}$/);
      assert.deepEqual(await guard.audit({ ...EDIT, operation }), audit);
      await guard.audit({ clause: 'greeting', previous_version: OLD, new_version: OLD });
      assert.deepEqual(await guard.queue({ signal: 'number' }), { items: [audit], next: null });
      const first = await guard.list({}, { limit: 1 });
      assert.deepEqual(first.items.map(({ clause }) => clause), ['greeting']);
      const second = await guard.list({}, { after: first.next, limit: 1 });
      assert.deepEqual(second.items, [audit]);

      const decision = { kind: 'override', flag: false } as const;
      const reviewed = await guard.review({ audit: operation, decision, reviewer: 'ana', reason: 'It was meant.' });
      assert.deepEqual([reviewed.status, reviewed.regression_flag, reviewed.verdict], ['accepted', false, 'accuracy']);
      await guard.review({ audit: operation, decision: { kind: 'reject' }, reviewer: 'bob' });
      const { reviews } = await guard.get(operation);
      assert.deepEqual(reviews.map(({ reviewer }) => reviewer), ['ana', 'bob']);
      const agreement = await guard.agreement({ clause: 'refunds' });
      assert.deepEqual([agreement.reviewed, agreement.confirmed, agreement.overturned], [1, 1, 0]);
      assert.equal(agreement.precision?.rate, 1);
      await assert.rejects(guard.refit({ kind: 'f1' }), failure('Invalid', 'cases'));

      const erased = await guard.erase(operation);
      assert.deepEqual([erased.previous_version, erased.digest], [undefined, audit.digest]);
    });

    test('a mutation goes through once its audit is accepted', async () => {
      const codices = place.mythos.codices();
      const clauses = [{ clause: 'refunds', text: OLD }];
      await codices.create({ codex: 'support', clauses, directive_path: ['launch'], actor: 'ana' });
      const operation = randomUUID();
      const by = { codex: 'support', directive_path: ['support'], actor: 'ana' };
      const request: GuardedMutation = {
        mutation: { ...by, mutation: { kind: 'replace', clause: 'refunds', text: NEW }, operation },
      };
      await assert.rejects(
        guard.mutate(request),
        (error: unknown) => failure('Invalid', 'audit')(error) && (error as MythosError).operation === operation,
      );
      assert.equal((await codices.codex('support')).length, 1);
      const { items: waiting } = await guard.queue({ codex: 'support' });
      assert.deepEqual(waiting.map(({ audit }) => audit), [operation]);
      await guard.review({ audit: operation, decision: { kind: 'accept' }, reviewer: 'bob' });
      const { proof, audit } = await guard.mutate(request);
      assert.deepEqual([proof.sequence, audit?.event], [1, 1]);
      assert.deepEqual((await guard.mutate(request)).proof, proof);

      const found = await guard.verifyEvidence('support', 1);
      assert.deepEqual([found.evidence, found.finding], [audit?.digest, null]);
      assert.equal((await guard.verifyEvidence('support', 0)).finding, 'not_named');
      const noted = { ...by, mutation: { kind: 'annotate', clause: 'refunds', note: 'Agreed in May.' } } as const;
      assert.equal((await guard.mutate({ mutation: noted, require: { kind: 'passing' } })).audit, null);

      const whole = await guard.auditCodex({
        codex: 'support',
        from: { kind: 'sequence', at: 0 },
        to: { kind: 'sequence', at: 1 },
        keep: true,
      });
      assert.deepEqual([whole.from, whole.to, whole.pairs[0]?.kind], [0, 1, 'edited']);
      const { items } = await guard.list();
      assert.ok(items.some(({ audit }) => audit === whole.pairs[0]?.audit));
    });

    test('the view shows what each edit changed', async () => {
      const view = new CodexRegressionView(guard);
      const audit = await guard.audit({ ...EDIT, codex: 'support' });
      await guard.audit({ clause: 'refunds', previous_version: NEW, new_version: OLD });
      const { items } = await view.history('refunds', 'support');
      assert.deepEqual(items.map((row) => row.audit), [audit]);
      const shown = items[0]?.diff?.segments.slice(1, 3).map(({ kind, text }) => [kind, text]);
      assert.deepEqual(shown, [['removed', '30'], ['added', '90']]);
      assert.equal((await view.history('refunds')).items.length, 2);
      assert.deepEqual((await view.audit(audit.audit)).diff, items[0]?.diff);
      assert.deepEqual((await view.queue({ clause: 'refunds' }, { limit: 1 })).items, [audit]);
      await assert.rejects(view.history('refunds', null, { limit: 51 }), failure('Limit', 'limit'));
      assert.throws(() => new CodexRegressionView({} as CodexRegressionGuard), failure('Invalid', 'regressions'));
    });

    test('an embedder adds a hint', async () => {
      const identity = { model: 'constant', version: '1', dimension: 2 };
      const hinted = guard.withEmbedder({ identity, embed: async (texts) => texts.map(() => [1, 0]) });
      const { prompt_delta } = await hinted.audit(EDIT);
      assert.deepEqual(prompt_delta.similarity, { cosine: 1, embedder: identity });
    });

    test('what is wrong is named', async () => {
      await assert.rejects(guard.get(randomUUID()), failure('NotFound', 'audit'));
      await assert.rejects(guard.list({}, { limit: 257 }), failure('Limit', 'limit'));
      await assert.rejects(guard.list({ since: 'yesterday' }), (error: unknown) => (error as MythosError).code === 'Invalid');
    });
  });
}
