import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  type Answer,
  type Batch,
  type Capabilities,
  CellConflict,
  type ErrorCode,
  Mythos,
  MythosError,
  type Read,
  type Store,
  StoreConflict,
} from 'mythos';

import { MapStore } from './map_store.js';

const REQUEST = { assistant: 'ana', ritual: 'refund' };
const STATE = Buffer.from('state');

/** A store that works but for the methods that are given, which may be of a wrong type on purpose. */
function misbehaving(methods: object): Store {
  return Object.assign(new MapStore(), methods);
}

async function failureOf(call: Promise<unknown>): Promise<MythosError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof MythosError, `${String(error)} is a MythosError`);
    return error;
  }
  assert.fail('the call did not fail');
}

async function save(store: Store): Promise<unknown> {
  return (await Mythos.withStore(store)).rituals().save(REQUEST, STATE);
}

describe('what a store throws', () => {
  const thrown = new TypeError('no such host');
  for (const method of ['capabilities', 'read', 'commit'] as const) {
    test(`synchronously from ${method} is the cause of an Internal error`, async () => {
      const error = await failureOf(
        save(
          misbehaving({
            [method]() {
              throw thrown;
            },
          }),
        ),
      );
      assert.equal(error.code, 'Internal');
      assert.equal(error.cause, thrown);
      assert.match(error.message, new RegExp(`the store's ${method}\\(\\) threw: TypeError: no such host`));
    });

    test(`by rejection from ${method} likewise`, async () => {
      const error = await failureOf(save(misbehaving({ [method]: () => Promise.reject(thrown) })));
      assert.deepEqual([error.code, error.cause], ['Internal', thrown]);
    });

    test(`for want of ${method} likewise`, async () => {
      const error = await failureOf(save(misbehaving({ [method]: undefined })));
      assert.equal(error.code, 'Internal');
      assert.ok(error.cause instanceof TypeError);
    });
  }

  test('from maintain too', async () => {
    const mythos = await Mythos.withStore(misbehaving({ maintain: () => Promise.reject(thrown) }));
    const error = await failureOf(mythos.maintain());
    assert.deepEqual([error.code, error.cause], ['Internal', thrown]);
  });

  test('is kept whatever it is', async () => {
    const evil = {
      get [Symbol.toPrimitive]() {
        throw new Error('no text either');
      },
    };
    for (const odd of [undefined, null, 0, 'text', '\ud800', Symbol('s'), evil, () => {}]) {
      const error = await failureOf(save(misbehaving({ commit: () => Promise.reject(odd as unknown as Error) })));
      assert.equal(error.code, 'Internal');
      assert.equal(error.cause, odd);
    }
  });

  const kept: ErrorCode[] = ['Corrupt', 'Invalid', 'Limit', 'Unavailable', 'Unknown', 'Internal'];
  for (const code of kept) {
    test(`as a MythosError keeps its code ${code}`, async () => {
      const commit = () => Promise.reject(new MythosError(code, 'because of that'));
      const error = await failureOf(save(misbehaving({ commit })));
      assert.equal(error.code, code);
      assert.match(error.message, /because of that/);
      assert.equal(error.retryable, code === 'Unavailable' || code === 'Unknown');
    });
  }

  test('as a conflict is retried by the core, and is a Conflict if it does not end', async () => {
    let commits = 0;
    const commit = (batch: Batch) => {
      commits += 1;
      const op = batch.records[0];
      assert.ok(op);
      throw new StoreConflict(op.table, op.id);
    };
    const error = await failureOf(save(misbehaving({ commit })));
    assert.equal(error.code, 'Conflict');
    assert.ok(commits > 1);
  });

  test('as a conflict about what was not written is a defect of the store', async () => {
    const record = () => Promise.reject(new StoreConflict('things', '00'));
    assert.equal((await failureOf(save(misbehaving({ commit: record })))).code, 'Internal');
    const owner = { tenant: 'default', table: 'things', id: '00' };
    const cell = () => Promise.reject(new CellConflict(owner, '00'));
    assert.equal((await failureOf(save(misbehaving({ commit: cell })))).code, 'Internal');
    const read = () => Promise.reject(new StoreConflict('things', '00'));
    assert.equal((await failureOf(save(misbehaving({ read })))).code, 'Internal');
  });
});

describe('what a store returns of a wrong type', () => {
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const answers: [string, unknown, RegExp][] = [
    ['nothing', undefined, /expected an array of answers, not null/],
    ['no array', 'answers', /expected an array of answers, not a string/],
    ['too few answers', [], /expected \d answers, not 0/],
  ];
  const single: typeof answers = [
    ['no object', 1, /\[0\]: expected an object whose kind is/],
    ['the answer to another read', { kind: 'page', records: [] }, /\[0\]: expected an object whose kind is/],
    ['a record without a version', { kind: 'record', record: { id: '00', body: {} } }, /record\.version: is missing/],
    ['NaN', { kind: 'record', record: { id: '00', version: NaN, body: {} } }, /record\.version: NaN/],
    ['a cycle', cyclic, /contains itself/],
    ['a function', () => {}, /is a function/],
    ['a Map', new Map(), /is an instance of a class/],
    ['an invalid date', new Date(NaN), /is an instance of a class/],
    [
      'a getter that throws',
      {
        get kind() {
          throw new Error('no');
        },
      },
      /kind: reading it threw/,
    ],
  ];
  const all = [
    ...answers.map(([what, value, message]) => ({ what, message, read: () => value })),
    ...single.map(([what, value, message]) => ({ what, message, read: (reads: readonly Read[]) => reads.map(() => value) })),
  ];
  for (const { what, message, read } of all) {
    test(`from read: ${what}`, async () => {
      const error = await failureOf(save(misbehaving({ read })));
      assert.equal(error.code, 'Internal');
      assert.match(error.message, /the store's read\(\) returned/);
      assert.match(error.message, message);
    });
  }

  test('from commit: anything', async () => {
    const error = await failureOf(save(misbehaving({ commit: () => true })));
    assert.equal(error.code, 'Internal');
    assert.match(error.message, /the store's commit\(\) returned a wrong type: expected nothing, not a boolean/);
  });

  test('from maintain', async () => {
    const mythos = await Mythos.withStore(misbehaving({ maintain: () => ({ done: 'yes' }) }));
    assert.match((await failureOf(mythos.maintain())).message, /the store's maintain\(\) returned a wrong type: done: /);
  });

  test('from capabilities', async () => {
    const capabilities = () => ({ durability: 'for ever' }) as unknown as Capabilities;
    const error = await failureOf(save(misbehaving({ capabilities })));
    assert.equal(error.code, 'Internal');
    assert.match(error.message, /capabilities\.durability: unknown variant/);
  });

  test('bytes that are not bytes', async () => {
    const store = new MapStore();
    await save(store);
    for (const bytes of ['73', [115], new Uint16Array(4), new ArrayBuffer(4)]) {
      const read = async (reads: readonly Read[]): Promise<readonly Answer[]> =>
        (await MapStore.prototype.read.call(store, reads)).map((answer) =>
          answer.kind === 'cells'
            ? { ...answer, cells: answer.cells.map((cell) => ({ ...cell, bytes: bytes as unknown as Buffer })) }
            : answer,
        );
      const mythos = await Mythos.withStore(misbehaving({ read }));
      const error = await failureOf(mythos.rituals().latest('ana', 'refund'));
      assert.deepEqual([error.code, /bytes/.test(error.message)], ['Internal', true], error.message);
    }
  });
});

describe('a store that never settles', () => {
  const never = () => new Promise<never>(() => {});
  test('is Unavailable if it was asked', async () => {
    for (const method of ['capabilities', 'read']) {
      const error = await failureOf(save(misbehaving({ timeout_ms: 50, [method]: never })));
      assert.equal(error.code, 'Unavailable');
      assert.match(error.message, /did not settle within 50 ms/);
    }
  });

  test('is Unknown if it was told', async () => {
    const error = await failureOf(save(misbehaving({ timeout_ms: 50, commit: never })));
    assert.equal(error.code, 'Unknown');
  });

  test('holds no thread beyond its time', async () => {
    const mythos = await Mythos.withStore(misbehaving({ timeout_ms: 20, read: never }));
    const calls = Array.from({ length: 200 }, () => failureOf(mythos.rituals().save(REQUEST, STATE)));
    for (const error of await Promise.all(calls)) assert.equal(error.code, 'Unavailable');
    // All threads are free again.
    await save(new MapStore());
  });

  test('has to state a time that a timer can wait', async () => {
    for (const timeout_ms of [0, -1, NaN, Infinity, 2 ** 31]) {
      const error = await failureOf(save(misbehaving({ timeout_ms })));
      assert.deepEqual([error.code, error.field], ['Invalid', 'store.timeout_ms']);
    }
  });
});

test('what is no store is refused', async () => {
  for (const odd of [undefined, null, 1, 'store']) {
    const error = await failureOf(Mythos.withStore(odd as unknown as Store));
    assert.deepEqual([error.code, error.field], ['Invalid', 'store']);
  }
});

test('a store may be called on by the store itself', async () => {
  // As a host does that keeps its cells in one store and its records in another.
  const inner = (await Mythos.withStore(new MapStore())).rituals();
  class Outer extends MapStore {
    override async read(reads: readonly Read[]): Promise<readonly Answer[]> {
      await inner.latest('ana', 'refund');
      return super.read(reads);
    }
  }
  const mythos = await Mythos.withStore(new Outer());
  await Promise.all(Array.from({ length: 8 }, () => mythos.rituals().save(REQUEST, STATE)));
});
