import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import type {
  CodexHead,
  CodexProofOfSymbolEngine,
  CodexVerification,
  MutateCodex,
  Mutation,
  SymbolProof,
  TrailEntry,
} from 'mythos';

import { PLACES, type Place } from './places.js';

const PATH = ['support', 'refunds', 'limit'];
const CREATE = {
  codex: 'support',
  clauses: [
    { clause: 'limit', text: 'Refund at most 100 EUR.' },
    { clause: 'tone', text: 'Be kind.' },
  ],
  directive_path: ['launch'],
  actor: 'ana',
  reason: 'the first version',
};
const LOWER: Mutation = { kind: 'replace', clause: 'limit', text: 'Refund at most 50 EUR.' };

const change = (mutation: Mutation, rest: Partial<MutateCodex> = {}): MutateCodex => ({
  codex: 'support',
  mutation,
  directive_path: PATH,
  actor: 'bob',
  ...rest,
});

for (const [name, make] of PLACES) {
  describe(`codices ${name}`, () => {
    let place: Place;
    let codices: CodexProofOfSymbolEngine;

    beforeEach(async () => {
      place = await make();
      codices = place.mythos.codices();
    });
    afterEach(() => place.close());

    const texts = async (head?: number) =>
      (await codices.clauses('support', head)).map(({ clause, text }) => [clause, text]);

    test('every kind of change is proven, and what is told of it has all members of its type and no others', async () => {
      const mutations: Mutation[] = [
        LOWER,
        { kind: 'add', clause: 'law', text: 'Follow the law.', position: 0 },
        { kind: 'annotate', clause: 'tone', note: 'asked for by legal' },
        { kind: 'reorder', order: ['tone', 'law', 'limit'] },
        { kind: 'remove', clause: 'tone' },
      ];
      const proofs = [await codices.create(CREATE)];
      for (const mutation of mutations) proofs.push(await codices.mutate(change(mutation)));
      assert.deepEqual(
        proofs.map((proof) => proof.change),
        ['create', ...mutations.map((mutation) => mutation.kind)],
      );

      const proof = proofs[1];
      assert.ok(proof);
      const expectedProof: SymbolProof = {
        format: proof.format,
        tenant: 'default',
        codex: 'support',
        operation: proof.operation,
        sequence: 1,
        event: proof.event,
        parents: [0],
        change: 'replace',
        clause: 'limit',
        symbolic_checksum: proof.symbolic_checksum,
        directive_path_log: PATH,
        directive_key: PATH.map((directive) => `${directive}\x1f`).join(''),
        mutation_trail_hash: proof.mutation_trail_hash,
        proof_verification_status: 'verified',
        created_at: proof.created_at,
      };
      assert.deepEqual(proof, expectedProof);
      assert.match(proof.symbolic_checksum, /^[0-9a-f]{256}$/);

      const head = await codices.codex('support');
      const [state] = head.heads;
      assert.ok(state);
      const expectedHead: CodexHead = {
        format: head.format,
        tenant: 'default',
        codex: 'support',
        length: 6,
        mutation_trail_hash: proofs[5]?.mutation_trail_hash ?? '',
        tree_root: head.tree_root,
        heads: [
          {
            sequence: 5,
            event: proofs[5]?.event ?? '',
            codex_root: state.codex_root,
            symbolic_checksum: proofs[5]?.symbolic_checksum ?? '',
          },
        ],
        snapshot: 0,
        listed: 6,
        created_at: proofs[0]?.created_at ?? '',
        updated_at: head.updated_at,
      };
      assert.deepEqual(head, expectedHead);
      assert.deepEqual(await codices.codices(), { items: [head], next: null });

      const [first] = await codices.clauses('support');
      assert.deepEqual(first, { clause: 'law', digest: first?.digest, text: 'Follow the law.', notes: [], since: 2 });
      assert.deepEqual(await texts(), [
        ['law', 'Follow the law.'],
        ['limit', 'Refund at most 50 EUR.'],
      ]);

      const verification = await codices.verify('support');
      const expectedVerification: CodexVerification = {
        codex: 'support',
        proof_verification_status: 'verified',
        events: 6,
        redacted: 0,
        mutation_trail_hash: head.mutation_trail_hash,
        tree_root: head.tree_root,
        heads: head.heads,
        finding: null,
      };
      assert.deepEqual(verification, expectedVerification);
    });

    test('the trail opens what was committed to, and its pages join without gaps', async () => {
      const created = await codices.create(CREATE);
      const proof = await codices.mutate(change(LOWER, { reason: 'fraud', evidence: 'cd'.repeat(32) }));
      await codices.mutate(change({ kind: 'remove', clause: 'tone' }));
      const { items, next } = await codices.trail('support', { limit: 2 });
      assert.equal(next, 2);
      const [beginning, entry] = items;
      assert.ok(beginning && entry);
      assert.deepEqual(beginning.texts, ['Refund at most 100 EUR.', 'Be kind.']);
      const { event } = entry;
      assert.ok(event.change.kind === 'replace');
      const [touched] = event.clauses;
      const expected: TrailEntry = {
        digest: proof.event,
        event: {
          format: event.format,
          tenant: 'default',
          codex: 'support',
          sequence: 1,
          previous: created.event,
          parents: [0],
          directive_path: PATH,
          change: { kind: 'replace', clause: 'limit', text: event.change.text },
          clauses: [{ clause: 'limit', before: touched?.before ?? null, after: touched?.after ?? null }],
          codex_before: beginning.event.codex_after,
          codex_after: proof.symbolic_checksum.slice(0, 64),
          actor: event.actor,
          reason: event.reason,
          evidence: 'cd'.repeat(32),
          operation: proof.operation,
          recorded_at: proof.created_at,
        },
        actor: 'bob',
        reason: 'fraud',
        texts: ['Refund at most 50 EUR.'],
      };
      assert.deepEqual(entry, expected);
      assert.notEqual(touched?.before, touched?.after);
      const rest = await codices.trail('support', { from: 2 });
      assert.deepEqual([rest.items.map(({ event }) => event.sequence), rest.next], [[2], null]);
      assert.deepEqual(rest.items[0]?.texts, []);
    });

    test('a mutation that does not apply says why and changes nothing', async () => {
      await codices.create(CREATE);
      const before = await codices.codex('support');
      const wrong: [MutateCodex, string, string | undefined][] = [
        [change({ kind: 'remove', clause: 'gone' }), 'Invalid', 'clause'],
        [change({ kind: 'add', clause: 'new', text: 'x', position: 3 }), 'Invalid', 'position'],
        [change({ kind: 'reorder', order: ['limit'] }), 'Invalid', 'order'],
        [change({ kind: 'rename' } as unknown as Mutation), 'Invalid', 'request.mutation.kind'],
        [change({ kind: 'remove', clause: 'limit', text: 'x' } as Mutation), 'Invalid', 'request.mutation.text'],
        [change({ kind: 'replace', clause: 'limit', text: 'x'.repeat(2 ** 20 + 1) }), 'Limit', 'text'],
        [change(LOWER, { actor: '' }), 'Invalid', 'actor'],
        [change(LOWER, { directive_path: 'support' as unknown as string[] }), 'Invalid', 'request.directive_path'],
        [change(LOWER, { parent: -1 }), 'Invalid', 'request.parent'],
        [change(LOWER, { parent: 9 }), 'NotFound', undefined],
        [change(LOWER, { codex: 'sales' }), 'NotFound', undefined],
      ];
      for (const [request, code, field] of wrong) {
        const expected = { name: 'MythosError', code, ...(field === undefined ? {} : { field }) };
        await assert.rejects(codices.mutate(request), expected, JSON.stringify(request).slice(0, 200));
      }
      await assert.rejects(codices.create(CREATE), { code: 'Conflict' });
      for (const method of [codices.codex, codices.clauses, codices.trail, codices.verify]) {
        await assert.rejects(method('sales'), { code: 'NotFound' });
      }
      assert.deepEqual(await codices.codex('support'), before);
    });

    test('an operation that is repeated is recognised, and one that is used for another request is refused', async () => {
      const create = { ...CREATE, operation: randomUUID() };
      const created = await codices.create(create);
      const request = change(LOWER, { operation: randomUUID() });
      const proof = await codices.mutate(request);
      await codices.mutate(change({ kind: 'remove', clause: 'limit' }));
      assert.deepEqual(await codices.create(create), created);
      assert.deepEqual(await codices.mutate(request), proof);
      const reused = codices.mutate({ ...request, actor: 'eve' });
      await assert.rejects(reused, { code: 'Invalid', field: 'operation' });
      assert.equal((await codices.codex('support')).length, 3);
    });

    test('branches have several heads until a merge', async () => {
      await codices.create(CREATE);
      await codices.mutate(change(LOWER));
      await codices.mutate(change({ kind: 'replace', clause: 'tone', text: 'Be brief.' }, { parent: 0 }));
      await assert.rejects(codices.mutate(change(LOWER)), { code: 'Invalid', field: 'parent' });
      assert.deepEqual((await texts(2))[1], ['tone', 'Be brief.']);
      const merge: Mutation = {
        kind: 'merge',
        other: 2,
        take: [
          { clause: 'tone', from: 'theirs' },
          { clause: 'limit', from: 'ours' },
        ],
      };
      const { parents } = await codices.mutate(change(merge, { parent: 1 }));
      assert.deepEqual(parents, [1, 2]);
      assert.deepEqual(await texts(), [
        ['tone', 'Be brief.'],
        ['limit', 'Refund at most 50 EUR.'],
      ]);
      assert.equal((await codices.verify('support')).proof_verification_status, 'verified');
    });

    test('proofs are listed newest first, by codex and clause', async () => {
      await codices.create(CREATE);
      await codices.create({ ...CREATE, codex: 'sales' });
      await codices.mutate(change(LOWER));
      const listed = await codices.list({ codex: 'support' });
      assert.deepEqual(listed.items.map((proof) => proof.sequence), [1, 0]);
      const about = await codices.list({ codex: 'support', clause: 'limit' }, { limit: 1 });
      assert.deepEqual(about.items, [listed.items[0]]);
      assert.equal((await codices.list()).items.length, 3);
      assert.deepEqual((await codices.codices({ limit: 1 })).items.map((head) => head.codex), ['sales']);
    });

    test('a text that was changed behind the log is Corrupt, and a finding when verified', async () => {
      await codices.create(CREATE);
      await codices.mutate(change(LOWER));
      const damaged = (await place.damaged(Buffer.from('Refund at most 50'))).codices();
      await assert.rejects(damaged.clauses('support'), { name: 'MythosError', code: 'Corrupt' });
      const { proof_verification_status, finding } = await damaged.verify('support');
      assert.equal(proof_verification_status, 'tampered');
      assert.equal(finding?.sequence, 1);
      assert.notEqual(finding.expected, finding.found);
    });

    test('200 mutations at once are one line of 200 events that verifies', async () => {
      await codices.create(CREATE);
      const mutate = async (number: number): Promise<void> => {
        const mutation: Mutation = { kind: 'add', clause: `c${number}`, text: `Rule ${number}.` };
        const request = change(mutation, { operation: randomUUID() });
        for (;;) {
          try {
            await codices.mutate(request);
            return;
          } catch (error) {
            if ((error as { code?: unknown }).code !== 'Conflict') throw error;
          }
        }
      };
      await Promise.all(Array.from({ length: 200 }, (_, number) => mutate(number)));
      const { proof_verification_status, events } = await codices.verify('support');
      assert.deepEqual([proof_verification_status, events], ['verified', 201]);
      assert.equal((await codices.clauses('support')).length, 202);
    });
  });
}
