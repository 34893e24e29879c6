import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { type ErrorCode, MythosError } from 'mythos';

/** Typed by hand in `ts/errors.ts`; the native half has the kinds of the core. */
const CODES: Record<ErrorCode, boolean> = {
  Conflict: true,
  Corrupt: false,
  Invalid: false,
  NotFound: false,
  Unavailable: true,
  Unknown: true,
  Limit: false,
  Internal: false,
};
/** Modules that nothing public refers to. */
const INTERNAL = ['native.d.ts', 'host.d.ts', 'host_store.d.ts'];
const root = dirname(require.resolve('mythos/package.json'));

test('the codes are the kinds of the core', () => {
  const native = require(join(root, 'native', 'index.js')) as { retryableByCode(): Record<string, boolean> };
  assert.deepEqual(native.retryableByCode(), CODES);
  for (const code of Object.keys(CODES) as ErrorCode[]) {
    assert.equal(new MythosError(code, 'message').retryable, CODES[code]);
  }
});

test('the published typings say what everything is, and nothing of the native half', async () => {
  const typings = (await readdir(join(root, 'dist'))).filter((name) => name.endsWith('.d.ts'));
  assert.ok(typings.includes('index.d.ts') && typings.includes('testing.d.ts'));
  for (const name of typings) {
    const text = await readFile(join(root, 'dist', name), 'utf8');
    const code = text.replaceAll(/\/\*[^]*?\*\//g, '');
    // In quotes it is the name of a condition.
    assert.doesNotMatch(code, /(?<!')\bany\b(?!')/, name);
    if (!INTERNAL.includes(name)) assert.doesNotMatch(code, /native/i, name);
  }
});
