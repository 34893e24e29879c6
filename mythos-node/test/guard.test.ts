import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const root = dirname(require.resolve('mythos/package.json'));
const { bin } = require('mythos/package.json') as { bin: { mythos: string } };
const command = join(root, bin.mythos);

const POLICY = '# Refunds\n\nYou must refund a customer within 30 days.\n\n- Never share a password.\n';
const LOOSER = POLICY.replace('must', 'may').replace('30', '90');
const REST = '\nA customer is whoever bought something in one of our shops, or by way of our pages on the web.\n';

interface Document {
  readonly path: string;
  readonly status: string;
  readonly comparison: { readonly verdict: string };
}

describe('mythos guard', () => {
  let place: string;

  const guard = (parameters: readonly string[], input = '', cwd = place) => {
    const done = spawnSync(process.execPath, [command, 'guard', ...parameters], { cwd, input, encoding: 'utf8' });
    return { status: done.status, stdout: done.stdout, stderr: done.stderr };
  };
  const documents = (parameters: readonly string[]): readonly Document[] =>
    (JSON.parse(guard([...parameters, '--format', 'json']).stdout) as { documents: Document[] }).documents;
  const write = (name: string, content: string) => writeFileSync(join(place, name), content);
  const git = (...parameters: string[]) => {
    const identity = ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.com', '-c', 'commit.gpgsign=false'];
    const done = spawnSync('git', [...identity, ...parameters], { cwd: place, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
  };

  before(() => {
    place = mkdtempSync(join(tmpdir(), 'mythos guard '));
    git('init', '--quiet', '--initial-branch=main');
    mkdirSync(join(place, 'prompts'));
    write('prompts/policy.md', POLICY + REST);
    write('code.js', 'const must = 30;\n');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one');
    git('mv', 'prompts/policy.md', 'prompts/règle ,1.md');
    write('prompts/règle ,1.md', LOOSER + REST);
    write('code.js', 'const must = 90;\n');
    git('commit', '--quiet', '--all', '-m', 'two');
    write('new.txt', 'You must never refund.\n');
    git('add', '.');
    git('commit', '--quiet', '-m', 'three');
  });
  after(() => rmSync(place, { recursive: true, force: true }));

  test('files are compared, and the status says whether something is flagged', () => {
    write('a.md', POLICY);
    write('b.md', LOOSER);
    assert.deepEqual(guard(['a.md', 'a.md']), {
      status: 0,
      stdout: 'a.md  none  (3 unchanged)\n1 document, 0 flagged, 0 for a person to decide\n',
      stderr: '',
    });
    const flagged = guard(['a.md', 'b.md']);
    assert.equal(flagged.status, 1);
    assert.match(flagged.stdout, /“30 days” became “90 days”/);
    assert.equal(guard(['a.md', 'b.md', '--fail-on', 'never']).status, 0);
    const undecided = ['--accuracy-threshold', '1', '--undecided-from=0', '--tone-threshold', '1'];
    assert.equal(guard(['a.md', 'b.md', ...undecided]).status, 0);
    assert.equal(guard(['a.md', 'b.md', ...undecided, '--fail-on', 'undecided']).status, 1);
    rmSync(join(place, 'a.md'));
    rmSync(join(place, 'b.md'));
  });

  test('directories are compared file by file', () => {
    for (const [version, text] of [['one', POLICY], ['two', LOOSER]] as const) {
      mkdirSync(join(place, version, 'deep'), { recursive: true });
      write(`${version}/deep/policy.md`, text);
      write(`${version}/code.js`, text);
    }
    write('one/gone.txt', POLICY);
    write('two/made.txt', POLICY);
    assert.deepEqual(documents(['one', 'two']).map(({ path, status }) => [path, status]), [
      ['two/deep/policy.md', 'compared'],
      ['two/gone.txt', 'deleted'],
      ['two/made.txt', 'created'],
    ]);
    assert.deepEqual(documents(['one', 'two', '--include', '*.js']).map(({ path }) => path), ['two/code.js']);
    rmSync(join(place, 'one'), { recursive: true });
    rmSync(join(place, 'two'), { recursive: true });
  });

  test('revisions are compared, also of a renamed file', () => {
    const renamed = documents(['HEAD~2', 'HEAD~1']);
    assert.deepEqual(renamed.map(({ path, status }) => [path, status]), [['prompts/règle ,1.md', 'compared']]);
    const github = guard(['HEAD~2', 'HEAD', '--path', 'prompts/', '--format', 'github']);
    assert.match(github.stdout, /^::warning file=prompts\/règle %2C1\.md,line=3,/);
    assert.equal(github.status, 1);
    assert.equal(guard(['HEAD~1', 'HEAD']).status, 0);
    const named = documents(['HEAD~2', 'HEAD', '--path', 'code.js']);
    assert.deepEqual(named.map(({ path }) => path), ['code.js']);
  });

  test('the working tree is compared with a revision', () => {
    assert.equal(guard(['HEAD']).status, 0);
    write('new.txt', 'You may refund.\n');
    assert.equal(guard(['HEAD']).status, 1);
    assert.equal(guard(['HEAD', 'new.txt']).status, 1);
    assert.equal(guard(['HEAD', 'prompts']).status, 0);
    const inside = guard(['--since', 'HEAD', '../new.txt', '--format', 'github'], '', join(place, 'prompts'));
    assert.match(inside.stdout, /^::warning file=new\.txt,line=1,/);
    git('checkout', '--quiet', '--', 'new.txt');
  });

  test('a history is audited across names', () => {
    const one = documents(['--history', 'prompts/règle ,1.md']);
    assert.deepEqual(one.map(({ status }) => status), ['created', 'compared']);
    assert.equal(documents(['--history', '.']).length, 3);
  });

  test('sarif is written to a file', () => {
    const output = join(place, '.git', 'guard.sarif');
    const done = guard(['HEAD~2', 'HEAD', '--format', 'sarif', '--output', output]);
    assert.deepEqual(done, { status: 1, stdout: '', stderr: '' });
    const log = JSON.parse(readFileSync(output, 'utf8')) as { version: string; runs: { results: unknown[] }[] };
    assert.equal(log.version, '2.1.0');
    assert.ok((log.runs[0]?.results.length ?? 0) > 0);
  });

  for (const [parameters, told] of [
    [[], 'an older and a newer version'],
    [['none.md', 'neither.md'], "'none.md' is neither a file, nor a directory, nor a revision"],
    [['--not-an-option'], 'not-an-option'],
    [['HEAD', 'HEAD', '--undecided-from', '2'], 'a threshold is from 0 to 1'],
    [['HEAD', 'HEAD', '--undecided-from', 'x'], 'is a number'],
    [['HEAD', 'HEAD', '--threads', '0'], 'threads'],
    [['HEAD', 'HEAD', '--format', 'html'], '--format is one of'],
    [['--since', 'HEAD', '--history', 'a'], 'exclude one another'],
    [['--since', 'HEAD', 'missing.md'], 'there is no missing.md'],
    [['--history', 'none.md'], 'no commit of'],
    [['--pairs', 'missing.jsonl'], 'missing.jsonl'],
    [['code.js', 'prompts'], 'two files or two directories'],
  ] as const) {
    test(`what cannot be done is status 2: ${parameters.join(' ')}`, () => {
      const done = guard(parameters);
      assert.deepEqual([done.status, done.stdout], [2, ''], done.stderr);
      assert.ok(done.stderr.includes(told), done.stderr);
      assert.doesNotMatch(done.stderr, /\n {4}at /);
    });
  }

  test('pairs are scored line by line', () => {
    const pairs = [
      JSON.stringify({ id: 7, text_a: POLICY, text_b: LOOSER }),
      '',
      'no pair',
      JSON.stringify({ key: 'k', text_a: POLICY, text_b: POLICY, label: 0 }),
    ];
    const done = guard(['--pairs', '-'], pairs.join('\n'));
    assert.equal(done.status, 2);
    const lines = done.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(lines.map(({ line }) => line), [1, 3, 4]);
    assert.deepEqual([lines[0]?.['id'], lines[2]?.['key'], typeof lines[1]?.['error']], [7, 'k', 'string']);
    const many = Array.from({ length: 1200 }, (_, id) => JSON.stringify({ id, text_a: 'Pay 1.', text_b: `Pay ${id}.` }));
    const output = join(place, '.git', 'scored.jsonl');
    assert.equal(guard(['--pairs', '-', '--output', output], many.join('\n')).status, 1);
    const scored = readFileSync(output, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { id: number; line: number });
    assert.deepEqual(scored.map(({ id, line }) => [id, line]), many.map((_, id) => [id, id + 1]));
    assert.equal(guard(['--pairs', '-'], pairs[3] ?? '').status, 0);
  });

  test('a reader that leaves ends it quietly', { skip: process.platform === 'win32' }, async () => {
    const pair = JSON.stringify({ text_a: POLICY, text_b: LOOSER });
    const child = spawn(process.execPath, [command, 'guard', '--pairs', '-'], { cwd: place });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${pair}\n`.repeat(3000));
    child.stdout.once('data', () => child.stdout.destroy());
    assert.deepEqual([await ended, told], [2, '']);
  });
});
