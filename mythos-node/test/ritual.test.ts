import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  type CompactionReport,
  type CompactRituals,
  type CompressedRitual,
  noveltyScore,
  type RitualCompressionCache,
  type RitualDictionaries,
  type RitualFilter,
  type RitualHead,
  type RitualProgress,
  type RitualVerification,
  type ScrubFinding,
  stall,
  type TrainingReport,
} from 'mythos';

import { PLACES, type Place, signed } from './places.js';

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
          raw_bytes: state.length,
          stored_bytes: data.stored_bytes,
          dictionary: null,
          key: null,
        },
        payload_commitment: saved.payload_commitment,
        symbolic_signature_hash: saved.symbolic_signature_hash,
        entropy_score: saved.entropy_score,
        novelty_score: 1,
        created_at: saved.created_at,
      };
      assert.deepEqual(saved, expected);
      assert.ok(data.stored_bytes < state.length);
      assert.ok(saved.entropy_score > 0 && saved.entropy_score < 1);
      for (const digest of [saved.payload_commitment, saved.symbolic_signature_hash]) {
        assert.match(digest, HEX_256);
      }

      const restored = { entry: saved, payload: state, format: 'application/json' };
      assert.deepEqual(await rituals.latest('ana', 'refund'), restored);
      assert.deepEqual(await rituals.restore(saved.entry), restored);
      assert.deepEqual(await rituals.entry(saved.entry), saved);
      assert.deepEqual(await rituals.latestVerifiable('ana', 'refund'), { restored, skipped: [] });
      const sound: RitualVerification = { entry: saved.entry, verified: true, restorable: true, findings: [] };
      assert.deepEqual(await rituals.verify(saved.entry), sound);
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
      assert.deepEqual(signed(await rituals.save(request, Buffer.from('3'))), signed(saved));
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
      assert.equal((await rituals.list({ min_raw_bytes: 1, max_raw_bytes: 1 })).items.length, 6);
      assert.deepEqual((await rituals.list({ min_raw_bytes: 2 })).items, []);
      // No scrub has seen them.
      assert.deepEqual((await rituals.list({ verified: true })).items, []);
      assert.equal((await rituals.list({ verified: false })).items.length, 6);
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
      const { findings, ...verification } = await damaged.verify(newest.entry);
      assert.deepEqual(verification, { entry: newest.entry, verified: false, restorable: false });
      const [finding, ...others] = findings;
      assert.ok(finding);
      assert.deepEqual(others, []);
      const expected: ScrubFinding = {
        assistant: 'ana',
        ritual: 'refund',
        entry: newest.entry,
        sequence: 2,
        part: 'whole',
        expected: finding.expected,
        found: finding.found,
        message: finding.message,
        lost: [{ first: 2, last: 2 }],
      };
      assert.deepEqual(finding, expected);
      assert.match(finding.message, /expected .*found/);
      assert.ok(finding.expected !== null && finding.found !== null && finding.expected !== finding.found);
      const found = await damaged.latestVerifiable('ana', 'refund');
      assert.ok(found && older);
      assert.deepEqual(signed(found.restored.entry), signed(older));
      assert.deepEqual(found.restored.payload, Buffer.from('1'));
      assert.deepEqual(found.skipped.map((entry) => entry.entry), [newest.entry]);
      assert.equal(await damaged.latestVerifiable('ana', 'refund', 1), null);
      assert.deepEqual(await damaged.entry(newest.entry), newest);
    });

    test('rituals are listed by their heads, which have all members of their type and no others', async () => {
      await rituals.save({ ...REQUEST, intent: { labels: ['urgent'] } }, Buffer.from('1'));
      const last = await rituals.save(REQUEST, Buffer.from('22'));
      await rituals.save({ assistant: 'bob', ritual: 'order' }, Buffer.from('3'));
      const { items, next } = await rituals.rituals({}, { limit: 1 });
      assert.deepEqual(items.map((head) => head.ritual), ['order']);
      const [head, ...others] = (await rituals.rituals({}, { after: next })).items;
      assert.ok(head);
      assert.deepEqual(others, []);
      const expected: RitualHead = {
        format: head.format,
        tenant: 'default',
        assistant: 'ana',
        ritual: 'refund',
        root: head.root,
        seed: head.seed,
        sequence: 2,
        newest: [2, 1],
        signature: last.symbolic_signature_hash.slice(0, 32),
        entries: 2,
        raw_bytes: 3,
        stored_bytes: head.stored_bytes,
        labels: ['urgent'],
        first_at: head.first_at,
        updated_at: last.created_at,
      };
      assert.deepEqual(head, expected);
      assert.deepEqual((await rituals.rituals({ assistant: 'ana' })).items, [head]);
      assert.deepEqual((await rituals.rituals({ before: head.first_at })).items, []);
      await assert.rejects(rituals.rituals({ since: 'yesterday' }), { code: 'Invalid', field: 'filter.since' });
    });

    test('a trained and compacted cache is smaller and holds what was saved', async () => {
      assert.equal(await rituals.dictionaries('ana'), null);
      const rules = Array.from({ length: 20 }, (_, n) => `rule ${n}: ${n * 7} EUR are refunded within ${n} days.`).join(' ');
      const saved = new Map<string, Buffer>();
      for (let ritual = 0; ritual < 12; ritual += 1) {
        let state = `${rules} ritual ${ritual}:`;
        for (let step = 0; step < 4; step += 1) {
          state += ` step ${step} of ${ritual}`;
          const payload = Buffer.from(state);
          saved.set((await rituals.save({ assistant: 'ana', ritual: `refund ${ritual}` }, payload)).entry, payload);
        }
      }
      const stored = async () => (await rituals.rituals()).items.reduce((sum, head) => sum + head.stored_bytes, 0);
      const before = await stored();
      const training = await rituals.train('ana');
      const known = await rituals.dictionaries('ana');
      const dictionary = known?.dictionaries[0];
      assert.ok(known && dictionary);
      const { number } = dictionary;
      const { bytes_without, bytes_with } = training;
      const expectedTraining: TrainingReport = { trained: number, states: 36, bytes_without, bytes_with };
      assert.deepEqual(training, expectedTraining);
      assert.ok(bytes_with < bytes_without);
      const expectedKnown: RitualDictionaries = {
        format: known.format,
        tenant: 'default',
        assistant: 'ana',
        highest: number,
        active: number,
        dictionaries: [
          {
            number,
            is_trained_by_zstd: dictionary.is_trained_by_zstd,
            bytes: dictionary.bytes,
            stored_bytes: dictionary.stored_bytes,
            key: null,
            trained_at: known.updated_at,
            retired_at: null,
          },
        ],
        updated_at: known.updated_at,
      };
      assert.deepEqual(known, expectedKnown);
      let after: RitualProgress | null = null;
      let rounds = 0;
      do {
        const report: CompactionReport = await rituals.compact({ budget: { max_bytes: 1 }, after });
        assert.deepEqual(report.skipped, []);
        after = report.next;
        rounds += 1;
      } while (after !== null);
      assert.ok(rounds > 1);
      const expectedReport: CompactionReport = {
        rituals: 12,
        entries: 0,
        saved_bytes: 0,
        dictionaries_deleted: 0,
        skipped: [],
        next: null,
      };
      assert.deepEqual(await rituals.compact({ assistant: 'ana' }), expectedReport);
      assert.ok((await stored()) < before);
      const [head] = (await rituals.rituals()).items;
      assert.deepEqual(head?.compacted, { sequence: 4, dictionary: number, key: null });
      for (const [entry, payload] of saved) assert.deepEqual((await rituals.restore(entry)).payload, payload);
      const wrong = rituals.compact({ budget: { max_bites: 1 } } as CompactRituals);
      await assert.rejects(wrong, { code: 'Invalid', field: 'request.budget.max_bites' });
      const deleted = await rituals.deleteAssistant('ana');
      assert.deepEqual([deleted.rituals, deleted.entries, deleted.dictionaries, deleted.done], [12, 48, 1, true]);
      assert.equal(await rituals.dictionaries('ana'), null);
    });

    test('what says nothing new is a stall', async () => {
      const ahead = Array.from({ length: 5 }, () => randomBytes(1000));
      const last = ahead[4];
      assert.ok(last);
      const entries: CompressedRitual[] = [];
      for (const state of [...ahead, ...Array<Buffer>(12).fill(last)]) entries.push(await rituals.save(REQUEST, state));
      assert.equal(stall(entries.slice(0, 5)), null);
      assert.deepEqual(stall(entries), { since_sequence: 6, length: 12, mean_novelty: 0 });
      assert.equal(stall(entries, { min_length: 13 }), null);
      assert.throws(() => stall(entries, { min_length: 1 }), { code: 'Invalid', field: 'min_length' });
      assert.throws(() => stall(entries, { threshold: 1.5 }), { code: 'Invalid', field: 'policy.threshold' });
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

test('novelty is scored of any bytes', async () => {
  assert.equal(await noveltyScore(null, Buffer.from('[]')), 1);
  assert.equal(await noveltyScore(Buffer.from('[1,2]'), Buffer.from('[1,2]')), 0);
  assert.equal(await noveltyScore(Buffer.from('[1,2]'), Buffer.from('[1,4]')), 1 / 257);
  const text = noveltyScore('[1]' as unknown as Uint8Array, Buffer.from('[1]'));
  await assert.rejects(text, { code: 'Invalid', field: 'previous' });
});
