import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = dirname(require.resolve('mythos/package.json'));

test('the package holds what hosts need, and nothing else', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--foreground-scripts=false'], { cwd: root });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  const needed = ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'dist/index.js', 'dist/index.d.ts', 'dist/testing.d.ts'];
  for (const path of [...needed, 'native/index.js', 'native/index.d.ts', 'evidence/evidence.mjs', 'evidence/evidence.d.mts']) assert.ok(paths.includes(path), path);
  assert.equal(paths.filter((path) => path.endsWith('.node')).length, 1);
  const other = paths.filter((path) => !/^(README\.md|package\.json|LICENSE-.*|(dist|evidence|native|ts)\/[^/]+)$/.test(path));
  assert.deepEqual(other, []);
});
