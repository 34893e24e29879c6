import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  type CompressedRitual,
  copyStore,
  type DeletionReport,
  KeyRing,
  MemoryStore,
  type PruneReport,
  type PruneRituals,
  type RetentionStatus,
  type RitualCompressionCache,
  type RitualCopyReport,
  type RitualHead,
  type RitualProgress,
  type ScrubReport,
} from 'mythos';

import { PLACES, type Place, signed } from './places.js';

const REQUEST = { assistant: 'ana', ritual: 'refund' };
/** So many saves are behind one another when a ritual's retention runs. */
const RETENTION_INTERVAL = 16;

for (const [name, make] of PLACES) {
  describe(`the lifetime of rituals ${name}`, () => {
    let place: Place;
    let rituals: RitualCompressionCache;

    beforeEach(async () => {
      place = await make();
      rituals = place.mythos.rituals();
    });
    afterEach(() => place.close());

    const stateOf = (step: number) => Buffer.from(`step ${step}: ${'what was looked up before '.repeat(step)}`);
    /** Saves so many states to a ritual; those at `kept` with a label. */
    const saveAll = async (count: number, { ritual = 'refund', kept = [] as readonly number[] } = {}) => {
      const saved: CompressedRitual[] = [];
      for (let step = 1; step <= count; step += 1) {
        const intent = { labels: kept.includes(step) ? ['keep'] : [] };
        saved.push(await rituals.save({ assistant: 'ana', ritual, intent }, stateOf(step)));
      }
      return saved;
    };
    const idsOf = (saved: readonly CompressedRitual[], ...sequences: number[]) =>
      saved.filter(({ sequence }) => sequences.includes(sequence)).map(({ entry }) => entry);
    /** The positions of the entries of a ritual that are there; each restores as it was saved. */
    const restorable = async (ritual = 'refund'): Promise<number[]> => {
      const { items } = await rituals.list({ assistant: 'ana', ritual }, { limit: 1_000 });
      for (const { entry, sequence } of items) {
        assert.deepEqual((await rituals.restore(entry)).payload, stateOf(sequence));
      }
      return items.map(({ sequence }) => sequence).reverse();
    };

    test('a policy prunes what it does not keep, and a dry run only says what', async () => {
      const saved = await saveAll(10, { kept: [2] });
      const what = { kind: 'policy', ...REQUEST, policy: { max_entries: 3, keep_labels: ['keep'] } } as const;
      const told = await rituals.prune({ what, dry_run: true });
      const expected: PruneReport = {
        rituals: 1,
        entries: 6,
        rerooted: told.rerooted,
        bytes_freed: told.bytes_freed,
        skipped: [],
        next: null,
      };
      assert.deepEqual(told, expected);
      assert.ok(told.bytes_freed > 0);
      assert.equal((await restorable()).length, 10);

      const done = await rituals.prune({ what });
      assert.deepEqual(done, { ...expected, bytes_freed: done.bytes_freed });
      assert.deepEqual(await restorable(), [2, 8, 9, 10]);
      assert.deepEqual((await rituals.list()).items.map(signed), [10, 9, 8, 2].map((n) => signed(saved[n - 1]!)));
      await assert.rejects(rituals.restore(idsOf(saved, 3)[0]!), { code: 'NotFound' });
      assert.equal((await rituals.prune({ what })).entries, 0);
    });

    test('a policy prunes the rituals of an assistant, or all, in as many calls as the budget takes', async () => {
      for (const ritual of ['refund', 'order', 'return']) await saveAll(5, { ritual });
      await rituals.save({ assistant: 'bob', ritual: 'refund' }, Buffer.from('1'));
      await rituals.save({ assistant: 'bob', ritual: 'refund' }, Buffer.from('2'));
      const policy = { max_entries: 1 };
      let [entries, rounds] = [0, 0];
      let after: RitualProgress | null = null;
      do {
        const request: PruneRituals = { what: { kind: 'policy', assistant: 'ana', policy }, budget: { max_bytes: 1 }, after };
        const report: PruneReport = await rituals.prune(request);
        [entries, rounds, after] = [entries + report.entries, rounds + 1, report.next];
      } while (after !== null);
      assert.equal(entries, 12);
      assert.ok(rounds > 1);
      for (const ritual of ['refund', 'order', 'return']) assert.deepEqual(await restorable(ritual), [5]);
      assert.equal((await rituals.list({ assistant: 'bob' })).items.length, 2);
      const all = await rituals.prune({ what: { kind: 'policy', policy } });
      assert.deepEqual([all.rituals, all.entries], [4, 1]);
    });

    test('entries are pruned by their names, or all but those', async () => {
      const saved = await saveAll(8);
      const these: PruneRituals = { what: { kind: 'entries', entries: idsOf(saved, 2, 5, 8) } };
      assert.equal((await rituals.prune({ ...these, dry_run: true })).entries, 3);
      assert.equal((await restorable()).length, 8);
      assert.equal((await rituals.prune(these)).entries, 3);
      assert.deepEqual(await restorable(), [1, 3, 4, 6, 7]);
      assert.equal((await rituals.latest('ana', 'refund'))?.entry.sequence, 7);
      assert.equal((await rituals.prune(these)).entries, 0);

      const keep: PruneRituals = { what: { kind: 'keep', ...REQUEST, entries: idsOf(saved, 1, 4) } };
      assert.equal((await rituals.prune({ ...keep, dry_run: true })).entries, 3);
      assert.equal((await rituals.prune(keep)).entries, 3);
      assert.deepEqual(await restorable(), [1, 4]);
      // A position is never given again.
      assert.equal((await rituals.save(REQUEST, stateOf(9))).sequence, 9);
    });

    test('what cannot be pruned is refused, and nothing is changed', async () => {
      const saved = await saveAll(2);
      const other = await saveAll(1, { ritual: 'order' });
      const policy = { max_entries: 1 };
      const refused: [object, object][] = [
        [{ kind: 'policy', policy: {} }, { code: 'Invalid', field: 'policy' }],
        [{ kind: 'policy', policy: { max_entries: 0 } }, { code: 'Invalid', field: 'max_entries' }],
        [{ kind: 'policy', ritual: 'refund', policy }, { code: 'Invalid', field: 'assistant' }],
        [{ kind: 'policy', assistant: 'ana', ritual: 'none', policy }, { code: 'NotFound' }],
        [{ kind: 'entries', entries: [] }, { code: 'Invalid', field: 'entries' }],
        [{ kind: 'entries', entries: idsOf([...saved, ...other], 1) }, { code: 'Invalid', field: 'entries' }],
        [{ kind: 'oldest' }, { code: 'Invalid', field: 'request.what.kind' }],
      ];
      for (const [what, error] of refused) {
        await assert.rejects(rituals.prune({ what } as PruneRituals), { name: 'MythosError', ...error });
      }
      assert.deepEqual([await restorable(), await restorable('order')], [[1, 2], [1]]);
    });

    test('retention runs by itself after 16 saves, says what it did, and ends when it is taken back', async () => {
      assert.equal(await rituals.retention('ana'), null);
      const policy = { max_entries: 4, max_age_seconds: null, max_stored_bytes: null, keep_labels: ['keep'] };
      await rituals.setRetention('ana', { max_entries: 4, keep_labels: ['keep'] });
      const unused: RetentionStatus = {
        policy,
        last_run_at: null,
        entries_deleted: 0,
        bytes_freed: 0,
        last_finding: null,
      };
      assert.deepEqual(await rituals.retention('ana'), unused);

      await saveAll(RETENTION_INTERVAL - 1, { kept: [3] });
      assert.equal((await restorable()).length, RETENTION_INTERVAL - 1);
      await rituals.save(REQUEST, stateOf(RETENTION_INTERVAL));
      assert.deepEqual(await restorable(), [3, 13, 14, 15, 16]);
      const status = await rituals.retention('ana');
      assert.ok(status && status.last_run_at !== null);
      assert.deepEqual(status, {
        ...unused,
        last_run_at: status.last_run_at,
        entries_deleted: 11,
        bytes_freed: status.bytes_freed,
      });

      await rituals.setRetention('ana', null);
      assert.equal(await rituals.retention('ana'), null);
      for (let step = 17; step <= 2 * RETENTION_INTERVAL; step += 1) await rituals.save(REQUEST, stateOf(step));
      assert.equal((await restorable()).length, 5 + RETENTION_INTERVAL);
      const boundless = { code: 'Invalid', field: 'policy' };
      await assert.rejects(rituals.setRetention('ana', {}), boundless);
      await assert.rejects(rituals.setRetention('ana', { max_entries: -1 }), { field: 'policy.max_entries' });
    });

    test('maintenance runs the retention of rituals that nobody saves to', async () => {
      await saveAll(5);
      await rituals.setRetention('ana', { max_entries: 2 });
      assert.equal((await restorable()).length, 5);
      while (!(await place.mythos.maintain()).done);
      assert.deepEqual(await restorable(), [4, 5]);
      assert.equal((await rituals.retention('ana'))?.entries_deleted, 3);
    });

    test('a fork begins with the bytes of an entry, and depends on it no further', async () => {
      const intent = { labels: ['urgent'], payload_format: 'text/plain' };
      const payload = stateOf(7);
      const origin = await rituals.save({ ...REQUEST, intent }, payload);
      await saveAll(3);
      const operation = randomUUID();
      const fork = { entry: origin.entry, assistant: 'bob', ritual: 'what if', operation };
      const forked = await rituals.fork(fork);
      assert.deepEqual(
        [forked.assistant, forked.ritual, forked.sequence, forked.parent, forked.labels, forked.payload_format],
        ['bob', 'what if', 1, origin.entry, ['urgent'], 'text/plain'],
      );
      assert.deepEqual(signed(await rituals.fork(fork)), signed(forked));
      await assert.rejects(rituals.fork({ ...fork, operation: null }), { code: 'Conflict' });
      await assert.rejects(rituals.fork({ entry: randomUUID(), ritual: 'new' }), { code: 'NotFound' });
      await rituals.deleteRitual('ana', 'refund');
      assert.deepEqual((await rituals.restore(forked.entry)).payload, payload);
      const again = await rituals.fork({ entry: forked.entry, ritual: 'of the same assistant' });
      assert.equal(again.assistant, 'bob');
    });

    test('a copy has the same bytes under other ids, and shows nothing until it is complete', async () => {
      const saved = await saveAll(70, { kept: [2] });
      const copy = { ...REQUEST, to_assistant: 'bob', to_ritual: 'copy', budget: { max_bytes: 1 } };
      const first = await rituals.copy(copy);
      const expected: RitualCopyReport = { entries: 64, raw_bytes: first.raw_bytes, skipped: [], done: false };
      assert.deepEqual(first, expected);
      const [origin] = (await rituals.rituals({ assistant: 'ana' })).items;
      const [unfinished] = (await rituals.rituals({ assistant: 'bob' })).items;
      assert.ok(origin && unfinished);
      const copying: RitualHead['copying'] = { of: origin.root, entries: 64 };
      assert.deepEqual([unfinished.entries, unfinished.copying], [0, copying]);
      assert.equal(await rituals.latest('bob', 'copy'), null);
      const early = rituals.save({ assistant: 'bob', ritual: 'copy' }, Buffer.of());
      await assert.rejects(early, { code: 'Conflict' });

      let entries = first.entries;
      for (let done = false; !done; ) {
        const report = await rituals.copy(copy);
        [entries, done] = [entries + report.entries, report.done];
      }
      assert.equal(entries, 70);
      const { items } = await rituals.list({ assistant: 'bob' }, { limit: 1_000 });
      assert.deepEqual(
        items.map(({ sequence, labels, created_at }) => [sequence, labels, created_at]),
        saved.map(({ sequence, labels, created_at }) => [sequence, labels, created_at]).reverse(),
      );
      for (const { entry, sequence } of items) {
        assert.deepEqual((await rituals.restore(entry)).payload, stateOf(sequence));
        assert.ok(!idsOf(saved, sequence).includes(entry));
      }
      assert.equal((await restorable()).length, 70);
      await assert.rejects(rituals.copy(copy), { code: 'Conflict', field: 'to_ritual' });
      await assert.rejects(rituals.copy({ assistant: 'ana', ritual: 'none', to_ritual: 'x' }), { code: 'NotFound' });
    });

    test('a deleted ritual is gone with all its entries, and its name begins another', async () => {
      const [first] = await saveAll(3);
      const other = await saveAll(2, { ritual: 'order' });
      assert.ok(first);
      const report = await rituals.deleteRitual('ana', 'refund');
      const expected: DeletionReport = {
        rituals: 1,
        entries: 3,
        bytes_freed: report.bytes_freed,
        dictionaries: 0,
        skipped: [],
        done: true,
      };
      assert.deepEqual(report, expected);
      assert.ok(report.bytes_freed > 0);
      assert.equal(await rituals.latest('ana', 'refund'), null);
      await assert.rejects(rituals.restore(first.entry), { code: 'NotFound' });
      assert.deepEqual(await rituals.deleteRitual('ana', 'refund'), { ...expected, rituals: 0, entries: 0, bytes_freed: 0 });
      const [again] = await saveAll(1);
      assert.equal(again?.sequence, 1);
      assert.notEqual(again.entry, first.entry);
      assert.deepEqual(await restorable('order'), other.map(({ sequence }) => sequence));
    });

    test('a deleted assistant leaves nothing, and other assistants all', async () => {
      for (let ritual = 0; ritual < 4; ritual += 1) await saveAll(3, { ritual: `refund ${ritual}` });
      await rituals.setRetention('ana', { max_entries: 100 });
      const payload = randomBytes(32);
      const kept = await rituals.save({ assistant: 'bob', ritual: 'refund' }, payload);
      let [rounds, gone, entries] = [0, 0, 0];
      for (let done = false; !done; rounds += 1) {
        const report = await rituals.deleteAssistant('ana', { max_bytes: 1 });
        [gone, entries, done] = [gone + report.rituals, entries + report.entries, report.done];
      }
      assert.deepEqual([gone, entries], [4, 12]);
      assert.ok(rounds > 1);
      assert.deepEqual((await rituals.list()).items, [kept]);
      assert.deepEqual((await rituals.rituals()).items.map(({ assistant }) => assistant), ['bob']);
      assert.equal(await rituals.retention('ana'), null);
      assert.equal(await rituals.dictionaries('ana'), null);
      const nothing: DeletionReport = { rituals: 0, entries: 0, bytes_freed: 0, dictionaries: 0, skipped: [], done: true };
      assert.deepEqual(await rituals.deleteAssistant('ana'), nothing);
      assert.deepEqual((await rituals.restore(kept.entry)).payload, payload);

      await rituals.deleteAssistant('bob');
      assert.deepEqual(await copyStore(place.store, new MemoryStore()), { records: 0, cells: 0, cell_bytes: 0 });
      await assert.rejects(rituals.deleteAssistant('ana', { max_bites: 1 } as object), { field: 'budget.max_bites' });
    });

    test('a scrub sees everything, in as many calls as the budget takes, and lists tell what it saw', async () => {
      const saved = [...(await saveAll(3)), ...(await saveAll(2, { ritual: 'order' }))];
      const bytes = saved.reduce((sum, entry) => sum + entry.compressed_ritual_data.raw_bytes, 0);
      const sound: ScrubReport = { rituals: 2, entries: 5, bytes, damaged: [], findings: 0, skipped: [], next: null };
      assert.deepEqual(await rituals.scrub(), sound);
      assert.equal((await rituals.list({ verified: true })).items.length, 5);
      let [entries, rounds] = [0, 0];
      let after: RitualProgress | null = null;
      do {
        const report: ScrubReport = await rituals.scrub({ budget: { max_bytes: 1 }, after });
        [entries, rounds, after] = [entries + report.entries, rounds + 1, report.next];
      } while (after !== null);
      assert.equal(entries, 5);
      assert.ok(rounds > 1);
      assert.equal((await rituals.scrub({ assistant: 'ana', ritual: 'order' })).entries, 2);
      await assert.rejects(rituals.scrub({ ritul: 'order' } as object), { code: 'Invalid', field: 'request.ritul' });
    });

    test('a scrub names what is damaged and what is lost with it, and pruning that mends the ritual', async () => {
      await saveAll(3);
      // Random bytes are stored as they are, so that they can be found.
      const payload = randomBytes(64);
      const newest = await rituals.save(REQUEST, payload);
      const damaged = (await place.damaged(payload)).rituals();
      const report = await damaged.scrub();
      const [finding] = report.damaged;
      assert.ok(finding);
      assert.deepEqual(
        [report.rituals, report.entries, report.findings, report.damaged.length, report.skipped],
        [1, 4, 1, 1, []],
      );
      assert.deepEqual(
        [finding.part, finding.entry, finding.sequence, finding.lost],
        ['whole', newest.entry, 4, [{ first: 4, last: 4 }]],
      );
      const [head] = (await damaged.rituals()).items;
      assert.ok(head?.scrubbed);
      const scrubbed: RitualHead['scrubbed'] = { at: head.scrubbed.at, sequence: 4, above: 0, damaged: [4] };
      assert.deepEqual(head.scrubbed, scrubbed);
      assert.deepEqual((await damaged.list({ verified: false })).items.map(({ entry }) => entry), [newest.entry]);
      assert.deepEqual((await damaged.verify(newest.entry)).findings, report.damaged);

      await damaged.prune({ what: { kind: 'entries', entries: [newest.entry] } });
      assert.deepEqual((await damaged.scrub()).damaged, []);
      assert.deepEqual((await damaged.latest('ana', 'refund'))?.payload, stateOf(3));
    });

    test('what is sealed under a key that is not known is skipped by a scrub, and not called damaged', async () => {
      const keys = KeyRing.withActive('one', randomBytes(32));
      const sealed = place.mythos.withRituals({ keys }).rituals();
      await sealed.save(REQUEST, Buffer.from('secret'));
      assert.deepEqual((await sealed.scrub()).skipped, []);
      keys.deactivate();
      keys.destroy('one');
      const { damaged, skipped } = await place.mythos.withRituals({ keys }).rituals().scrub();
      assert.deepEqual(damaged, []);
      assert.deepEqual(skipped.map(({ assistant, ritual }) => [assistant, ritual]), [['ana', 'refund']]);
    });
  });
}
