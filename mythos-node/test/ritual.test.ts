import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import type { CompressedRitual, RitualCompressionCache, RitualFilter } from 'mythos';

import { PLACES, type Place } from './places.js';

const REQUEST = { assistant: 'ana', ritual: 'refund' };
const HEX_256 = /^[0-9a-f]{64}$/;

for (const [name, make] of PLACES) {
  describe(`rituals ${name}`, () => {
    let place: Place;
    let rituals: RitualCompressionCache;

    beforeEach(async () => {
      place = await make();
      rituals = place.mythos.rituals();
    });
    afterEach(() => place.close());

    const saveAll = async (...states: string[]): Promise<CompressedRitual[]> => {
      const saved: CompressedRitual[] = [];
      for (const state of states) saved.push(await rituals.save(REQUEST, Buffer.from(state)));
      return saved;
    };

    test('what is saved is restored byte for byte, and its record has all members of its type and no others', async () => {
      const state = Buffer.from(JSON.stringify({ order: '4711', steps: Array<string>(100).fill('look up') }));
      const intent = {
        labels: ['urgent', 'eu'],
        procedure: 'refunds',
        payload_format: 'application/json',
        codex: 'support',
        codex_root: 'ab'.repeat(32),
      };
      const operation = randomUUID();
      const saved = await rituals.save({ ...REQUEST, intent, operation, parent: { kind: 'absent' } }, state);
      const { compressed_ritual_data: data } = saved;
      const expected: CompressedRitual = {
        format: saved.format,
        tenant: 'default',
        entry: saved.entry,
        assistant: 'ana',
        ritual: 'refund',
        sequence: 1,
        parent: null,
        labels: ['eu', 'urgent'],
        procedure: 'refunds',
        payload_format: 'application/json',
        codex: 'support',
        codex_root: 'ab'.repeat(32),
        compressed_ritual_data: {
          encoding: 'zstd',
          cell: data.cell,
          raw_bytes: state.length,
          stored_bytes: data.stored_bytes,
          frame_digest: data.frame_digest,
        },
        payload_commitment: saved.payload_commitment,
        symbolic_signature_hash: saved.symbolic_signature_hash,
        entropy_score: saved.entropy_score,
        created_at: saved.created_at,
      };
      assert.deepEqual(saved, expected);
      assert.ok(data.stored_bytes < state.length);
      assert.ok(saved.entropy_score > 0 && saved.entropy_score < 1);
      for (const digest of [data.frame_digest, saved.payload_commitment, saved.symbolic_signature_hash]) {
        assert.match(digest, HEX_256);
      }

      const restored = { entry: saved, payload: state };
      assert.deepEqual(await rituals.latest('ana', 'refund'), restored);
      assert.deepEqual(await rituals.restore(saved.entry), restored);
      assert.deepEqual(await rituals.entry(saved.entry), saved);
      assert.deepEqual(await rituals.latestVerifiable('ana', 'refund'), { restored, skipped: [] });
      assert.deepEqual(await rituals.verify(saved.entry), { entry: saved.entry, verified: true, finding: null });
    });

    test('what is not there is null or NotFound', async () => {
      assert.equal(await rituals.latest('ana', 'refund'), null);
      assert.equal(await rituals.latestVerifiable('ana', 'refund'), null);
      const nobody = randomUUID();
      for (const method of [rituals.restore, rituals.entry, rituals.verify]) {
        await assert.rejects(method(nobody), { name: 'MythosError', code: 'NotFound' });
      }
    });

    test('an operation that is repeated is recognised, and one that is used for another request is refused', async () => {
      const request = { ...REQUEST, operation: randomUUID() };
      const saved = await rituals.save(request, Buffer.from('3'));
      await saveAll('4');
      assert.deepEqual(await rituals.save(request, Buffer.from('3')), saved);
      const reused = rituals.save(request, Buffer.from('5'));
      await assert.rejects(reused, { code: 'Invalid', field: 'operation' });
      assert.equal((await rituals.list()).items.length, 2);
    });

    test('a save behind another entry than expected is a Conflict', async () => {
      const [first, second] = await saveAll('1', '2');
      assert.ok(first && second);
      const behind = (entry: CompressedRitual) =>
        rituals.save({ ...REQUEST, parent: { kind: 'entry', entry: entry.entry } }, Buffer.from('3'));
      await assert.rejects(behind(first), { code: 'Conflict', retryable: true });
      const begin = rituals.save({ ...REQUEST, parent: { kind: 'absent' } }, Buffer.from('3'));
      await assert.rejects(begin, { code: 'Conflict' });
      assert.deepEqual([(await behind(second)).sequence, (await behind(second).catch(() => null))], [3, null]);
    });

    test('pages join without gaps, and filters hold together', async () => {
      await saveAll('1', '2', '3', '4', '5');
      const other = { assistant: 'bob', ritual: 'refund', intent: { labels: ['eu', 'urgent'] } };
      const labelled = await rituals.save(other, Buffer.from('b'));
      const filter: RitualFilter = { assistant: 'ana', ritual: 'refund' };
      const sequences: number[] = [];
      let after = null;
      do {
        const page = await rituals.list(filter, { after, limit: 2 });
        assert.ok(page.items.length <= 2);
        sequences.push(...page.items.map((entry) => entry.sequence));
        after = page.next;
      } while (after !== null);
      assert.deepEqual(sequences, [5, 4, 3, 2, 1]);
      assert.deepEqual((await rituals.list({ labels: ['eu'] })).items, [labelled]);
      assert.deepEqual((await rituals.list({ labels: ['eu', 'us'] })).items, []);
      assert.deepEqual((await rituals.list({ before: '2020-01-01T00:00:00Z' })).items, []);
      assert.equal((await rituals.list({ since: '2020-01-01T00:00:00Z' })).items.length, 6);
      await assert.rejects(rituals.list({}, { limit: 0 }), { field: 'limit' });
      await assert.rejects(rituals.list({}, { limit: -1 }), { code: 'Invalid', field: 'page.limit' });
      await assert.rejects(rituals.list({ since: 'yesterday' }), { code: 'Invalid', field: 'filter.since' });
    });

    test('a damaged cell is Corrupt, a finding when verified, and passed over for the newest verifiable', async () => {
      const [older] = await saveAll('1');
      // Random bytes are stored as they are, so that they can be found.
      const payload = randomBytes(64);
      const newest = await rituals.save(REQUEST, payload);
      assert.equal(newest.compressed_ritual_data.encoding, 'raw');
      const damaged = (await place.damaged(payload)).rituals();
      const corrupt = { name: 'MythosError', code: 'Corrupt', retryable: false };
      await assert.rejects(damaged.latest('ana', 'refund'), corrupt);
      await assert.rejects(damaged.restore(newest.entry), corrupt);
      const { verified, finding } = await damaged.verify(newest.entry);
      assert.equal(verified, false);
      assert.match(finding ?? '', /expected .*found/);
      const found = await damaged.latestVerifiable('ana', 'refund');
      assert.deepEqual(found?.restored, { entry: older, payload: Buffer.from('1') });
      assert.deepEqual(found.skipped.map((entry) => entry.entry), [newest.entry]);
      assert.equal(await damaged.latestVerifiable('ana', 'refund', 1), null);
      assert.deepEqual(await damaged.entry(newest.entry), newest);
    });

    test('what one tenant saves no other sees', async () => {
      const acme = place.mythos.tenant('acme').rituals();
      const saved = await acme.save(REQUEST, Buffer.from('acme'));
      assert.equal(saved.tenant, 'acme');
      assert.equal(await rituals.latest('ana', 'refund'), null);
      await assert.rejects(rituals.restore(saved.entry), { code: 'NotFound' });
      assert.throws(() => place.mythos.tenant(''), { name: 'MythosError', code: 'Invalid', field: 'tenant' });
    });

    test('400 calls at once, of which 200 save to one ritual, all succeed', async () => {
      const count = 200;
      const payloads = Array.from({ length: count }, () => randomBytes(32));
      // A writer that loses a race is told so; it tries again, as a host does.
      const save = async (payload: Buffer, ritual: string): Promise<CompressedRitual> => {
        for (;;) {
          try {
            return await rituals.save({ assistant: 'ana', ritual, operation: randomUUID() }, payload);
          } catch (error) {
            if ((error as { code?: unknown }).code !== 'Conflict') throw error;
          }
        }
      };
      const own = payloads.map((payload, number) => save(payload, `own ${number}`));
      const shared = payloads.map((payload) => save(payload, 'shared'));
      const sequences = (await Promise.all(shared)).map((entry) => entry.sequence);
      assert.deepEqual(sequences.sort((a, b) => a - b), payloads.map((_, number) => number + 1));
      await Promise.all(own);
      const restored = await Promise.all(payloads.map((_, number) => rituals.latest('ana', `own ${number}`)));
      assert.deepEqual(restored.map((entry) => entry?.payload), payloads);
    });
  });
}
