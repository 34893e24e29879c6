import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Generous: the machine may be busy. It only has to be less than for ever. */
const TIMEOUT_MS = 120_000;
const child = (script: string, ...rest: string[]) =>
  run(process.execPath, [join(__dirname, 'children', script), ...rest], {
    timeout: TIMEOUT_MS,
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
const evaluate = (type: 'module' | 'commonjs', script: string) =>
  // In the package's directory, so that it finds the package by its name.
  run(process.execPath, [`--input-type=${type}`, '--eval', script], { cwd: process.cwd(), timeout: TIMEOUT_MS });

test('200 calls at once through a store that reads files do not wait for each other for ever', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
  try {
    const { stdout } = await child('file_store.js', directory);
    assert.equal(stdout, '200 saved, 200 restored\n');
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe('the process ends', () => {
  test('by itself, while stores are still held', async () => {
    const { stdout, stderr } = await child('exit.js', 'held');
    assert.deepEqual([stdout, stderr], ['saved\n', '']);
  });

  test('by itself, once a store that never settles ran out of time', async () => {
    const { stdout, stderr } = await child('exit.js', 'never');
    assert.deepEqual([stdout, stderr], ['Unavailable\n', '']);
  });

  test('by exit(), while calls wait for a store', async () => {
    const { stdout, stderr } = await child('exit.js', 'exit');
    assert.deepEqual([stdout, stderr], ['leaving\n', '']);
  });

  test('as a worker thread, while calls wait for a store', async () => {
    const { stdout, stderr } = await child('exit.js', 'worker');
    assert.deepEqual([stdout, stderr], ['saved after the worker\n', '']);
  });
});

describe('the package is found', () => {
  const script = "new MythosError('Limit', 'x').code, typeof conformanceCases, new MemoryStore() instanceof MemoryStore";
  test('by import', async () => {
    const { stdout } = await evaluate(
      'module',
      `import { MemoryStore, MythosError } from 'mythos'; import { conformanceCases } from 'mythos/testing';
       console.log(${script});`,
    );
    assert.equal(stdout, 'Limit function true\n');
  });

  test('by require', async () => {
    const { stdout } = await evaluate(
      'commonjs',
      `const { MemoryStore, MythosError } = require('mythos'), { conformanceCases } = require('mythos/testing');
       console.log(${script});`,
    );
    assert.equal(stdout, 'Limit function true\n');
  });

  test('by both at once as the same classes', async () => {
    const { stdout } = await evaluate(
      'module',
      `import { createRequire } from 'node:module'; import { MythosError } from 'mythos';
       console.log(createRequire(process.cwd() + '/x')('mythos').MythosError === MythosError);`,
    );
    assert.equal(stdout, 'true\n');
  });
});
