import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { createContext, runInContext } from 'node:vm';

import { type JsonObject, MemoryStore, Mythos, MythosError, type SaveRitual } from 'mythos';

// Taken off their objects: methods do not lose `this`.
const cache = Mythos.withStore(new MemoryStore()).then(({ rituals }) => rituals());
const save = async (request: SaveRitual, payload: Uint8Array = Buffer.of(1)) => {
  const { save } = await cache;
  return save(request, payload);
};
const latest = async (assistant: string, ritual: string) => {
  const { latest } = await cache;
  return latest(assistant, ritual);
};

const request = (members: object): SaveRitual =>
  ({ assistant: 'ana', ritual: 'values', ...members }) as SaveRitual;

describe('bytes', () => {
  for (const length of [0, 1, 16 << 10, (16 << 10) + 1, 64 << 20]) {
    test(`come back as a Buffer: ${length}`, async () => {
      const payload = randomBytes(length);
      await save(request({ ritual: `bytes ${length}` }), payload);
      const restored = await latest('ana', `bytes ${length}`);
      assert.ok(restored);
      assert.ok(Buffer.isBuffer(restored.payload));
      assert.ok(restored.payload.equals(payload));
    });
  }

  test('are those of a view, not of what it views, and as they were at the call', async () => {
    const whole = Uint8Array.of(1, 2, 3, 4);
    const { save } = await cache;
    const saved = save(request({ ritual: 'view' }), whole.subarray(1, 3));
    whole.fill(9);
    await saved;
    assert.deepEqual((await latest('ana', 'view'))?.payload, Buffer.of(2, 3));
  });
});

describe('what is not data is refused, and its place is named', () => {
  const deep: JsonObject[] = [{}];
  for (let level = 0; level < 200; level += 1) deep.push({ deep: deep[level] as JsonObject });
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const cases: [string, unknown, string, RegExp][] = [
    ['not an object', 'request', 'request', /string/],
    ['nothing', undefined, 'request', /expected struct SaveRitual/],
    ['a member that is missing', request({ assistant: undefined }), 'request.assistant', /is missing/],
    ['a member that is not known', request({ colour: 'red' }), 'request.colour', /is not known/],
    ['NaN', request({ parent: NaN }), 'request.parent', /NaN is not a finite number/],
    ['Infinity', request({ parent: Infinity }), 'request.parent', /inf is not a finite number/],
    ['a large BigInt', request({ parent: 2n ** 53n }), 'request.parent', /more than 53 bits/],
    ['a lone surrogate', request({ assistant: 'a\udc00b' }), 'request.assistant', /lone surrogate/],
    ['a function', request({ intent: { labels: ['a', () => {}] } }), 'request.intent.labels[1]', /function/],
    ['a symbol', request({ intent: Symbol('s') }), 'request.intent', /symbol/],
    ['a Date', request({ intent: new Date() }), 'request.intent', /instance of a class/],
    ['a cycle', cycle, '', /contains itself/],
    ['depth', deep.at(-1), '', /nests deeper than 100 levels/],
    ['a value that the core refuses', request({ assistant: '' }), 'request.assistant', /1 to 150 characters/],
    [
      'a proxy that throws',
      new Proxy({}, {
        ownKeys() {
          throw new Error('no');
        },
      }),
      'request',
      /reading it threw/,
    ],
  ];
  const payloads: [string, unknown, RegExp][] = [
    ['text for bytes', 'text', /expected a Buffer or Uint8Array/],
    ['numbers for bytes', [1], /expected a Buffer or Uint8Array/],
    ['other elements for bytes', new Float64Array(1), /typed array/],
    ['nothing for bytes', null, /expected a Buffer or Uint8Array/],
  ];
  for (const [what, payload, message] of payloads) {
    test(what, async () => {
      const failed = save(request({}), payload as Uint8Array);
      await assert.rejects(failed, { code: 'Invalid', field: 'payload', message });
    });
  }
  for (const [what, value, field, message] of cases) {
    test(what, async () => {
      await assert.rejects(save(value as SaveRitual), (error) => {
        assert.ok(error instanceof MythosError);
        assert.equal(error.code, 'Invalid');
        assert.equal(error.retryable, false);
        if (field === '') assert.ok(error.field?.startsWith('request'));
        else assert.equal(error.field, field);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

test('objects of another realm, without a prototype, and small BigInts are data', async () => {
  const foreign = runInContext(
    "({ assistant: 'ana', ritual: 'realm', intent: { labels: ['b', 'a'] } })",
    createContext(),
  ) as SaveRitual;
  assert.deepEqual((await save(foreign)).labels, ['a', 'b']);
  const bare = Object.assign(Object.create(null) as object, request({ ritual: 'bare' })) as SaveRitual;
  await save(bare);
  const { maintain } = await Mythos.withStore(new MemoryStore());
  await maintain({ max_bytes: 5n as unknown as number });
});

test('timestamps are ISO strings', async () => {
  const { created_at } = await save(request({}));
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000);
});
