import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  addTotals,
  type CompressedRitual,
  compressionRatio,
  type RitualCompressionCache,
  RitualCompressionView,
  type RitualOverview,
  type RitualPoint,
  type RitualTotals,
  ritualVerbs,
  type Stall,
} from 'mythos';

import { PLACES, type Place } from './places.js';

for (const [name, make] of PLACES) {
  describe(`what rituals take ${name}`, () => {
    let place: Place;
    let rituals: RitualCompressionCache;
    let view: RitualCompressionView;

    beforeEach(async () => {
      place = await make();
      rituals = place.mythos.rituals();
      view = new RitualCompressionView(rituals);
    });
    afterEach(() => place.close());

    const saveAll = async (ritual: string, states: readonly Buffer[]): Promise<CompressedRitual[]> => {
      const saved: CompressedRitual[] = [];
      for (const state of states) saved.push(await rituals.save({ assistant: 'ana', ritual }, state));
      return saved;
    };
    const growing = Array.from({ length: 5 }, (_, step) => Buffer.from('look up, '.repeat(20 * (step + 1))));

    test('totals add up what the heads say, and by encoding what the entries do', async () => {
      const nothing: RitualTotals = {
        rituals: 0,
        entries: 0,
        raw_bytes: 0,
        stored_bytes: 0,
        encodings: [],
        damaged: 0,
        next: null,
      };
      assert.deepEqual(await rituals.totals(), nothing);
      assert.equal(compressionRatio(nothing), null);
      await saveAll('refund', growing);
      await saveAll('order', [randomBytes(50)]);
      const { items: heads } = await rituals.rituals();
      const { items: entries } = await rituals.list();
      const sum = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);
      const byEncoding = (encoding: 'raw' | 'zstd' | 'patch') => {
        const frames = entries.map((entry) => entry.compressed_ritual_data).filter((frame) => frame.encoding === encoding);
        assert.ok(frames.length > 0, `there are entries of the encoding ${encoding}`);
        const [raw, stored] = [frames.map((frame) => frame.raw_bytes), frames.map((frame) => frame.stored_bytes)];
        return { encoding, entries: frames.length, raw_bytes: sum(raw), stored_bytes: sum(stored) };
      };
      const expected: RitualTotals = {
        ...nothing,
        rituals: 2,
        entries: 6,
        raw_bytes: 50 + sum(growing.map((state) => state.length)),
        stored_bytes: sum(heads.map((head) => head.stored_bytes)),
      };
      assert.deepEqual(await rituals.totals(), expected);
      const encodings = [byEncoding('raw'), byEncoding('zstd'), byEncoding('patch')];
      assert.deepEqual(await rituals.totals({ by_encoding: true }), { ...expected, encodings });
      assert.equal(compressionRatio(expected), expected.stored_bytes / expected.raw_bytes);
      assert.ok(expected.stored_bytes < expected.raw_bytes);
      assert.deepEqual((await rituals.totals({ assistant: 'ana', ritual: 'order' })).entries, 1);
      assert.deepEqual(await rituals.totals({ assistant: 'bob' }), nothing);
      await assert.rejects(rituals.totals({ by: 'encoding' } as object), { code: 'Invalid', field: 'request.by' });
    });

    test('totals of several calls are added', async () => {
      await saveAll('refund', growing);
      await saveAll('order', growing.slice(0, 2));
      const [refund, order] = [
        await rituals.totals({ ritual: 'refund', by_encoding: true }),
        await rituals.totals({ ritual: 'order', by_encoding: true }),
      ];
      assert.deepEqual(addTotals(refund, order), await rituals.totals({ by_encoding: true }));
      const next = { ritual: '00', sequence: 3 };
      assert.deepEqual(addTotals(refund, { ...order, next }).next, next);
      assert.throws(() => addTotals(refund, {} as RitualTotals), { code: 'Invalid', field: 'next.rituals' });
    });

    test('a curve has the oldest and the newest entry, and no more points than were asked for', async () => {
      assert.deepEqual(await rituals.curve('ana', 'refund', 10), []);
      const saved = await saveAll('refund', growing);
      const stored = (await rituals.list()).items.map((entry) => entry.compressed_ritual_data.stored_bytes).reverse();
      const points: RitualPoint[] = saved.map((entry, index) => ({
        sequence: entry.sequence,
        raw_bytes: entry.compressed_ritual_data.raw_bytes,
        stored_bytes: stored[index] ?? NaN,
        entropy: entry.entropy_score,
        novelty: entry.novelty_score,
        created_at: entry.created_at,
      }));
      assert.deepEqual(await rituals.curve('ana', 'refund', 10), points);
      assert.deepEqual(await rituals.curve('ana', 'refund', 3), [points[0], points[2], points[4]]);
      for (const wrong of [1, 1_001]) {
        await assert.rejects(rituals.curve('ana', 'refund', wrong), { code: 'Limit', field: 'max_points' });
      }
      await assert.rejects(rituals.curve('ana', 'refund', -1), { code: 'Invalid', field: 'max_points' });
    });

    test('a ritual that goes round in circles is stalled, until it says something new', async () => {
      assert.equal(await rituals.stalled('ana', 'refund'), null);
      const ahead = Array.from({ length: 3 }, () => randomBytes(1_000));
      await saveAll('refund', [...ahead, ...Array<Buffer>(12).fill(ahead[2] ?? Buffer.of())]);
      const stall: Stall = { since_sequence: 4, length: 12, mean_novelty: 0 };
      assert.deepEqual(await rituals.stalled('ana', 'refund'), stall);
      assert.equal(await rituals.stalled('ana', 'refund', { min_length: 13 }), null);
      assert.deepEqual((await view.overview('ana', 'refund', 2)).stall, stall);
      await saveAll('refund', [randomBytes(1_000)]);
      assert.equal(await rituals.stalled('ana', 'refund'), null);
      await assert.rejects(rituals.stalled('ana', 'refund', { min_length: 1 }), { field: 'min_length' });
      await assert.rejects(rituals.stalled('ana', 'refund', { threshold: 2 }), { field: 'policy.threshold' });
    });

    test('the view shows what the cache has, a page at a time', async () => {
      const { totals, entries, overview } = view;
      assert.deepEqual(await overview('ana', 'refund', 100), { points: [], stall: null });
      await saveAll('order', [randomBytes(50)]);
      await saveAll('refund', growing);
      assert.deepEqual(await totals({ by_encoding: true }), await rituals.totals({ by_encoding: true }));
      assert.equal((await totals()).entries, 6);

      const first = await view.rituals({ assistant: 'ana' }, { limit: 1 });
      const second = await view.rituals({ assistant: 'ana' }, { limit: 1, after: first.next });
      assert.deepEqual([...first.items, ...second.items].map((head) => head.ritual), ['refund', 'order']);
      assert.deepEqual((await view.rituals()).items, (await rituals.rituals()).items);
      assert.deepEqual((await entries()).items, (await rituals.list()).items);
      const { items } = await entries({ ritual: 'refund' }, { limit: 2 });
      assert.deepEqual(items.map((entry) => entry.sequence), [5, 4]);
      const expected: RitualOverview = { points: await rituals.curve('ana', 'refund', 3), stall: null };
      assert.equal(expected.points.length, 3);
      assert.deepEqual(await overview('ana', 'refund', 3), expected);
      await assert.rejects(entries({}, { limit: 0 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(overview('ana', 'refund', 1), { code: 'Limit', field: 'max_points' });
    });

    test('the view of one tenant shows nothing of another', async () => {
      await place.mythos.tenant('acme').rituals().save({ assistant: 'ana', ritual: 'refund' }, Buffer.from('acme'));
      assert.equal((await view.totals()).rituals, 0);
      const acme = new RitualCompressionView(place.mythos.tenant('acme').rituals());
      assert.equal((await acme.totals()).rituals, 1);
    });
  });
}

test('every verb of a page is a method of the cache', () => {
  const verbs = ritualVerbs();
  assert.deepEqual(verbs, ['verify', 'prune', 'compact', 'restore']);
});

test('a view is one of a cache', () => {
  assert.throws(() => new RitualCompressionView({} as RitualCompressionCache), { code: 'Invalid', field: 'rituals' });
});
