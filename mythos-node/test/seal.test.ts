import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, test } from 'node:test';

import { KeyRing, type KeyProvider, Mythos, MythosError, PayloadFormats, type RitualOptions, type Upcast } from 'mythos';

import { MapStore } from './map_store.js';

const REQUEST = { assistant: 'ana', ritual: 'refund' };
const FIRST = Buffer.alloc(32, 1);
const SECOND = Buffer.alloc(32, 2);
const STATE = Buffer.from('the secret state '.repeat(20));

/** Keys of a host's own. */
class HostKeys implements KeyProvider {
  thrown: unknown;

  constructor(private readonly keys: Record<string, unknown>, private readonly now = Object.keys(keys)[0] ?? null) {}

  async active(): Promise<string | null> {
    await Promise.resolve();
    if (this.thrown !== undefined) throw this.thrown;
    return this.now;
  }

  key(id: string): Uint8Array | null {
    if (this.thrown !== undefined) throw this.thrown;
    return (this.keys[id] as Uint8Array | undefined) ?? null;
  }
}

function ring(keys: Record<string, Buffer>): KeyRing {
  const made = new KeyRing();
  for (const [id, key] of Object.entries(keys)) made.insert(id, key);
  made.activate(Object.keys(keys)[0] ?? '');
  return made;
}

describe('what is sealed', () => {
  const makes: [string, (keys: Record<string, Buffer>) => KeyRing | KeyProvider][] = [
    ['a ring', ring],
    ['a provider of the host', (keys) => new HostKeys(keys)],
  ];
  for (const [name, make] of makes) {
    test(`is read with its key alone, from ${name}`, async () => {
      for (const home of [Mythos.inMemory(), await Mythos.withStore(new MapStore())]) {
        const on = (options: RitualOptions) => home.withRituals({ hot_bytes: 0, ...options }).rituals();
        const entry = await on({ keys: make({ first: FIRST }) }).save(REQUEST, STATE);
        assert.equal(entry.compressed_ritual_data.key, 'first');
        const both = on({ keys: make({ second: SECOND, first: FIRST }) });
        assert.deepEqual((await both.restore(entry.entry)).payload, STATE);
        assert.equal((await both.save(REQUEST, STATE)).compressed_ritual_data.key, 'second');
        for (const keys of [make({ second: SECOND }), null]) {
          await assert.rejects(on({ keys }).restore(entry.entry), { code: 'NotFound', field: 'key' });
        }
        await assert.rejects(on({ keys: make({ first: SECOND }) }).restore(entry.entry), { code: 'Corrupt' });
      }
    });
  }

  test('is erased with its key, and refuses saves until another is activated', async () => {
    const keys = KeyRing.withActive('first', FIRST);
    const rituals = Mythos.inMemory().withRituals({ keys, hot_bytes: 0 }).rituals();
    await rituals.save(REQUEST, STATE);
    assert.deepEqual([keys.destroy('first'), keys.destroy('first'), keys.active()], [true, false, 'first']);
    await assert.rejects(rituals.latest('ana', 'refund'), { code: 'NotFound', field: 'key' });
    await assert.rejects(rituals.save(REQUEST, STATE), { code: 'NotFound', field: 'key' });
    keys.deactivate();
    assert.equal(keys.active(), null);
    const plain = await rituals.save({ ...REQUEST, ritual: 'other' }, STATE);
    assert.equal(plain.compressed_ritual_data.key, null);
  });

  test('passes to another key by compaction', async () => {
    const keys = ring({ first: FIRST, second: SECOND });
    const rituals = Mythos.inMemory().withRituals({ keys }).rituals();
    const { entry } = await rituals.save(REQUEST, STATE);
    await rituals.save(REQUEST, Buffer.concat([STATE, STATE]));
    keys.activate('second');
    assert.equal((await rituals.compact()).next, null);
    keys.destroy('first');
    assert.deepEqual((await rituals.restore(entry)).payload, STATE);
  });
});

describe('a ring', () => {
  test('keeps its ids and its secrets', () => {
    const secret = Buffer.from('QZ9!'.repeat(8));
    const keys = KeyRing.withActive('one', secret);
    keys.insert('one', secret);
    assert.throws(() => keys.insert('one', FIRST), { code: 'Invalid', field: 'key', message: /another key/ });
    assert.throws(() => keys.activate('two'), { code: 'NotFound', field: 'key' });
    assert.throws(() => keys.insert('', FIRST), { code: 'Invalid', field: 'id' });
    assert.throws(() => keys.insert('two', FIRST.subarray(1)), { code: 'Invalid', field: 'key' });
    assert.throws(() => keys.insert('two', 'text' as unknown as Buffer), { code: 'Invalid', field: 'key' });
    assert.doesNotMatch(inspect(keys, { showHidden: true, depth: 9 }), /QZ9|515a|51 5a/i);
  });
});

describe('a provider of the host', () => {
  const failing: [string, unknown, object][] = [
    ['a MythosError', new MythosError('Unavailable', 'the key service is away'), { code: 'Unavailable', retryable: true }],
    ['anything else', new TypeError('no route'), { code: 'Internal', message: /the key provider's \w+\(\) threw: TypeError: no route/ }],
  ];
  for (const [name, thrown, expected] of failing) {
    test(`that throws ${name} fails the call with it as the cause`, async () => {
      const keys = new HostKeys({ first: FIRST });
      const rituals = Mythos.inMemory().withRituals({ keys, hot_bytes: 0 }).rituals();
      await rituals.save(REQUEST, STATE);
      keys.thrown = thrown;
      for (const call of [() => rituals.save(REQUEST, STATE), () => rituals.latest('ana', 'refund')]) {
        const caught: unknown = await call().catch((error: unknown) => error);
        assert.ok(caught instanceof MythosError);
        assert.throws(() => {
          throw caught;
        }, expected);
        assert.equal(caught.cause, thrown);
      }
      keys.thrown = undefined;
      assert.equal((await rituals.list()).items.length, 1);
    });
  }

  test('that answers wrongly is told so, without its answer', async () => {
    for (const key of [FIRST.subarray(1), 'QZ9!'.repeat(8)]) {
      const rituals = Mythos.inMemory().withRituals({ keys: new HostKeys({ first: key }) }).rituals();
      await assert.rejects(rituals.save(REQUEST, STATE), (error) => {
        assert.ok(error instanceof MythosError);
        assert.equal(error.code, 'Internal');
        assert.match(error.message, /the key provider's key\(\) returned a wrong type/);
        assert.doesNotMatch(inspect(error), /QZ9/);
        return true;
      });
    }
  });

  test('that does not answer is Unavailable', async () => {
    const keys = { timeout_ms: 20, active: () => new Promise<never>(() => {}), key: () => null };
    const rituals = Mythos.inMemory().withRituals({ keys }).rituals();
    await assert.rejects(rituals.save(REQUEST, STATE), { code: 'Unavailable' });
  });

  test('that lacks a method, or has a wrong time, is refused', () => {
    const home = Mythos.inMemory();
    const without = { active: () => null } as unknown as KeyProvider;
    assert.throws(() => home.withRituals({ keys: without }), { code: 'Invalid', field: 'options.keys' });
    const late = { timeout_ms: 0, active: () => null, key: () => null };
    assert.throws(() => home.withRituals({ keys: late }), { code: 'Invalid', field: 'options.keys.timeout_ms' });
    assert.throws(() => home.withRituals({ hot_bytes: -1 }), { code: 'Invalid', field: 'hot_bytes' });
  });
});

describe('formats of payloads', () => {
  const save = async (home: Mythos, payload_format: string): Promise<string> =>
    (await home.rituals().save({ ...REQUEST, intent: { payload_format } }, Buffer.from('text'))).entry;
  const ahead = (label: string): Upcast => async (payload) => Buffer.concat([Buffer.from(label), payload]);

  test('are brought up step by step', async () => {
    const home = Mythos.inMemory();
    const formats = new PayloadFormats().current('v3').upcast('v2', 'v3', ahead('v3:')).upcast('v1', 'v2', ahead('v2:'));
    const rituals = home.withRituals({ formats }).rituals();
    for (const [format, expected] of [['v1', 'v3:v2:text'], ['v2', 'v3:text'], ['v3', 'text']] as const) {
      const entry = await save(home, format);
      const restored = await rituals.restore(entry);
      assert.deepEqual([restored.payload.toString(), restored.format], [expected, 'v3']);
      assert.equal(restored.entry.payload_format, format);
      assert.equal((await home.rituals().restore(entry)).payload.toString(), 'text');
    }
  });

  test('are refused if they are not known', async () => {
    const home = Mythos.inMemory();
    const entry = await save(home, 'unheard of');
    const rituals = home.withRituals({ formats: new PayloadFormats().current('v1') }).rituals();
    const refused = { code: 'Invalid', field: 'payload_format', message: /unheard of/ };
    await assert.rejects(rituals.restore(entry), refused);
    const again = rituals.save({ ...REQUEST, intent: { payload_format: 'unheard of' } }, STATE);
    await assert.rejects(again, refused);
  });

  test('are checked when they are declared', () => {
    const formats = new PayloadFormats().current('v2').upcast('v1', 'v2', ahead(''));
    const refused = { code: 'Invalid', field: 'payload_format' };
    assert.throws(() => formats.current('v2'), refused);
    assert.throws(() => formats.upcast('v1', 'v3', ahead('')), refused);
    assert.throws(() => formats.upcast('v2', 'v1', ahead('')), refused);
    assert.throws(() => formats.upcast('v0', 'v1', 'text' as unknown as Upcast), { code: 'Invalid', field: 'upcast' });
    const wrong = {} as PayloadFormats;
    assert.throws(() => Mythos.inMemory().withRituals({ formats: wrong }), { field: 'options.formats' });
  });

  test('fail with what an upcast throws as the cause', async () => {
    const home = Mythos.inMemory();
    const entry = await save(home, 'v1');
    const restore = (upcast: Upcast) =>
      home.withRituals({ formats: new PayloadFormats().upcast('v1', 'v2', upcast).current('v2') }).rituals().restore(entry);
    const thrown = new RangeError('no such member');
    const failed: unknown = await restore(() => Promise.reject(thrown)).catch((error: unknown) => error);
    assert.ok(failed instanceof MythosError);
    assert.deepEqual([failed.code, failed.field, failed.cause], ['Invalid', 'payload', thrown]);
    assert.match(failed.message, /v1 cannot become v2.*no such member/);
    const text = restore(() => 'text' as unknown as Buffer);
    await assert.rejects(text, { code: 'Invalid', field: 'payload', message: /expected a Buffer/ });
  });
});
