import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  assess,
  assessMany,
  compareDocuments,
  compareMany,
  type Embedder,
  measures,
  MythosError,
  scoreLines,
  similarity,
  type Versions,
  writeReport,
} from 'mythos';

const OLD = 'Refunds are made within 30 days.';
const NEW = 'Refunds are made within 90 days.';
const POLICY = '# Refunds\n\nYou must answer within 30 days.\n\n- Never share a password.\n';
const TOO_LONG = 'a'.repeat(16 * 2 ** 20 + 1);

describe('the regression guard', () => {
  test('an edit is assessed with its reason', async () => {
    const found = await assess(OLD, NEW);
    assert.deepEqual([found.verdict, found.coverage, found.similarity, found.words], ['accuracy', 'covered', null, [6, 6]]);
    const [first] = found.findings;
    assert.deepEqual([first?.signal, first?.severity, first?.old], ['number', 'major', { start: 24, end: 31 }]);
  });

  test('thresholds are the callers', async () => {
    assert.equal((await assess(OLD, NEW, { accuracy_threshold: 1, undecided_from: 1 })).verdict, 'none');
    await assert.rejects(assess(OLD, NEW, { accuracy_threshold: 1.5 }), { code: 'Invalid', field: 'accuracy_threshold' });
    await assert.rejects(assess(OLD, NEW, { accuracy: 1 } as never), { code: 'Invalid' });
    await assert.rejects(assess(TOO_LONG, NEW), { code: 'Limit', field: 'old' });
    await assert.rejects(assess(OLD, 7 as never), { code: 'Invalid', field: 'new' });
  });

  test('many are in order and tell their progress', async () => {
    const pairs: Versions[] = Array.from({ length: 3000 }, (_, days) => [OLD, `Refunds are made within ${days} days.`]);
    const told: [number, number][] = [];
    const found = await assessMany(pairs, {}, { threads: 2, progress: (done, all) => told.push([done, all]) });
    assert.equal(found.length, 3000);
    assert.equal(found[30]?.verdict, 'none');
    assert.deepEqual(found[31], await assess(...(pairs[31] as [string, string])));
    assert.deepEqual(told, [[1024, 3000], [2048, 3000], [3000, 3000]]);
    assert.deepEqual(await assessMany([]), []);
  });

  test('an error of many names its pair', async () => {
    const pairs: Versions[] = Array.from({ length: 1500 }, (_, at) => [OLD, at === 1400 ? TOO_LONG : NEW]);
    await assert.rejects(assessMany(pairs), { code: 'Limit', field: 'pairs[1400].new' });
    await assert.rejects(assessMany([], {}, { threads: 65 }), { code: 'Invalid', field: 'threads' });
    const stop = () => {
      throw new RangeError('enough');
    };
    await assert.rejects(assessMany([[OLD, NEW]], {}, { progress: stop }), RangeError);
  });

  test('the measures have names', async () => {
    const [found, other] = [await measures(OLD, NEW), await measures('a', 'b')];
    assert.ok(Object.values(found.accuracy).some((value) => value !== 0));
    assert.deepEqual(Object.keys(found.accuracy), Object.keys(other.accuracy));
    assert.deepEqual(Object.keys(found.tone), Object.keys(other.tone));
  });

  test('documents are compared part by part, and reported on', async () => {
    const newer = POLICY.replace('- Never share a password.\n', '').replace('30', '90');
    const found = await compareDocuments(POLICY, newer);
    assert.deepEqual(found.changes.map(({ change, line }) => [change, line]), [['changed', 3], ['lost', 3]]);
    assert.equal(found.counts.unchanged, 1);
    const documents = await compareMany([
      { path: 'a.md', old: OLD, new: NEW },
      { path: 'b.md', new: NEW, new_revision: 'HEAD' },
    ]);
    assert.deepEqual(documents.map(({ status }) => status), ['compared', 'created']);
    assert.match(await writeReport(documents, 'table'), /2 documents, 1 flagged/);
    assert.match(await writeReport(documents, 'github'), /^::warning file=a\.md,line=1,/);
    await assert.rejects(writeReport(documents, 'html' as never), { code: 'Invalid', field: 'format' });
  });

  test('lines are scored under their numbers', async () => {
    const line = JSON.stringify({ id: 'x', text_a: OLD, text_b: NEW });
    const [first, second] = await scoreLines([line, 'no pair'], {}, { first: 8 });
    assert.equal(first?.verdict, 'accuracy');
    assert.match(first?.written ?? '', /^\{"id":"x","line":8,/);
    assert.deepEqual([second?.verdict, second?.written.startsWith('{"line":9,"error":')], [null, true]);
  });
});

/** Counts letters. */
class Letters implements Embedder {
  readonly identity = { model: 'letters', version: '1', dimension: 26 };

  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    await Promise.resolve();
    return texts.map((text) => {
      const counts = new Float32Array(26);
      for (const letter of text.toLowerCase()) {
        const at = letter.charCodeAt(0) - 97;
        if (at >= 0 && at < 26) counts[at] = (counts[at] ?? 0) + 1;
      }
      return counts;
    });
  }
}

describe('similarity', () => {
  test('the embedder may be the hosts own', async () => {
    const pairs: Versions[] = Array.from({ length: 300 }, () => ['abc', 'cab']);
    const found = await similarity([...pairs, ['a', 'b']], new Letters());
    assert.equal(found.length, 301);
    assert.ok(Math.abs((found[0]?.cosine ?? 0) - 1) < 1e-6);
    assert.deepEqual(found[300], { cosine: 0, embedder: new Letters().identity });
  });

  test('the built-in embedder needs nothing', async () => {
    const [same, other] = await similarity([[OLD, OLD], [OLD, 'Cookies track visitors.']]);
    assert.ok((same?.cosine ?? 0) > 0.999 && (other?.cosine ?? 1) < 0.999);
  });

  test('an embedder that fails is told', async () => {
    const failing = (embed: unknown) => Object.assign(new Letters(), { embed }) as Embedder;
    const pairs: Versions[] = [['a', 'b']];
    const broken = () => Promise.reject(new TypeError('no model'));
    await assert.rejects(similarity(pairs, failing(broken)), { code: 'Internal' });
    const away = () => {
      throw new MythosError('Unavailable', 'try later');
    };
    await assert.rejects(similarity(pairs, failing(away)), { code: 'Unavailable' });
    await assert.rejects(similarity(pairs, failing(() => [[1], [1]])), { code: 'Invalid', field: 'embedder' });
    await assert.rejects(similarity(pairs, failing(() => 'no vectors')), MythosError);
    await assert.rejects(similarity(pairs, {} as never), { code: 'Invalid', field: 'embedder' });
    const nobody = Object.assign(new Letters(), { identity: { model: '' } }) as never;
    await assert.rejects(similarity(pairs, nobody), { code: 'Invalid' });
  });
});
