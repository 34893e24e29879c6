import { createReadStream, createWriteStream, existsSync, realpathSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Writable } from 'node:stream';
import { TextDecoder, parseArgs } from 'node:util';

import { MythosError } from './errors.js';
import { Failed } from './failed.js';
import { type Change, Contents, Repository, type Side } from './git.js';
import { compareMany, scoreLines, writeReport } from './regression.js';
import type { DocumentEdit, GuardPolicy, GuardVerdict, ReportFormat } from './regression_types.js';

const [PASSED, FLAGGED, UNREAD] = [0, 1, 2];

/** What is compared of a directory or a repository, unless `--include` says otherwise. */
const INCLUDED = (
  '*.md *.markdown *.mdx *.txt *.text *.rst *.adoc *.prompt *.prompty *.j2 *.jinja *.jinja2 *.tmpl *.hbs *.mustache ' +
  '*.liquid'
).split(' ');

/** Which verdicts fail the run. */
const FAILS: Readonly<Record<string, readonly GuardVerdict[]>> = {
  accuracy: ['accuracy', 'both'],
  tone: ['accuracy', 'both', 'tone'],
  undecided: ['accuracy', 'both', 'tone', 'undecided'],
  never: [],
};

const FORMATS: readonly string[] = ['table', 'json', 'sarif', 'github'];

const DOCUMENTS_AT_ONCE = 64;
const LINES_AT_ONCE = 512;
const BYTES_AT_ONCE = 8 << 20;
const MAX_LINE_BYTES = 64 << 20;

const HELP = `usage: mythos guard [options] OLD NEW

Compares versions of prompts, policies and other rules, and says which edits change what they say, or how they say it.

OLD and NEW are files, directories or git revisions. With a revision as OLD, NEW may be a path in the working tree, or be
left out for all of it; --path narrows revisions down.

options:
  --path PATH               only this file or directory of the revisions; may be repeated
  --since REVISION FILE...  compares files with what they were in a revision
  --history PATH            audits every revision of a file or a directory
  --pairs FILE              scores lines of JSON with text_a and text_b; - is the input
  --include GLOB            files of directories; may be repeated
                            (${INCLUDED.join(' ')})
  --format FORMAT           how to report: ${FORMATS.join(', ')} (table)
  --output FILE             where to write the report
  --fail-on VERDICT         the least verdict that fails: ${Object.keys(FAILS).join(', ')} (tone)
  --accuracy-threshold P    the policy's accuracy_threshold
  --undecided-from P        the policy's undecided_from
  --tone-threshold P        the policy's tone_threshold
  --threads N               how many threads compare (all)

exit status:
  0  nothing is flagged (see --fail-on)
  1  something is flagged
  2  something could not be read, or was asked for wrongly

examples:
  mythos guard old.md new.md
  mythos guard HEAD~1 HEAD --path prompts/
  mythos guard origin/main --format github
  mythos guard --since HEAD prompts/support.md
  mythos guard --history prompts/support.md
  mythos guard --pairs pairs.jsonl --output scored.jsonl
`;

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const OPTIONS = {
  path: texts,
  since: text,
  history: text,
  pairs: text,
  include: texts,
  format: text,
  output: text,
  'fail-on': text,
  'accuracy-threshold': text,
  'undecided-from': text,
  'tone-threshold': text,
  threads: text,
  help: { type: 'boolean', short: 'h' },
} as const;

interface Options {
  readonly versions: readonly string[];
  readonly paths: readonly string[];
  readonly since: string | undefined;
  readonly history: string | undefined;
  readonly pairs: string | undefined;
  readonly include: readonly string[];
  readonly format: ReportFormat | undefined;
  readonly output: string | undefined;
  readonly fails: readonly GuardVerdict[];
  readonly policy: GuardPolicy;
  readonly bulk: { readonly threads?: number };
}

/** `mythos guard`: what stands between an edit of a prompt or a policy and production. Answers the exit status. */
export async function guard(parameters: string[]): Promise<number> {
  const { values, positionals: versions } = parseArgs({ args: parameters, options: OPTIONS, allowPositionals: true });
  if (values.help === true) {
    process.stdout.write(HELP);
    return PASSED;
  }
  const fails = FAILS[choice('fail-on', values['fail-on'], Object.keys(FAILS)) ?? 'tone'] ?? [];
  const thresholds = ['accuracy-threshold', 'undecided-from', 'tone-threshold'] as const;
  const given = thresholds.flatMap((name) => {
    const value = number(name, values[name]);
    return value === undefined ? [] : [[name.replaceAll('-', '_'), value]];
  });
  const threads = number('threads', values.threads);
  const options: Options = {
    versions,
    paths: values.path ?? [],
    since: values.since,
    history: values.history,
    pairs: values.pairs,
    include: values.include ?? INCLUDED,
    format: choice('format', values.format, FORMATS) as ReportFormat | undefined,
    output: values.output,
    fails,
    policy: Object.fromEntries(given) as GuardPolicy,
    bulk: threads === undefined ? {} : { threads },
  };
  const modes = [options.since, options.history, options.pairs].filter((mode) => mode !== undefined);
  if (modes.length > 1) throw new Failed('--since, --history and --pairs exclude one another');
  if (options.paths.length > 0 && modes.length > 0) throw new Failed('--path belongs to revisions');
  if (options.pairs !== undefined) return score(options, options.pairs);
  return compare(options);
}

function choice(name: string, value: string | undefined, choices: readonly string[]): string | undefined {
  if (value === undefined || choices.includes(value)) return value;
  throw new Failed(`--${name} is one of ${choices.join(', ')}, not '${value}'`);
}

function number(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = value.trim() === '' ? NaN : Number(value);
  if (Number.isFinite(parsed)) return parsed;
  throw new Failed(`--${name} is a number, not '${value}'`);
}

async function compare(options: Options): Promise<number> {
  // What is wrong with the policy or the threads is told before anything is read.
  const documents = await compareMany([], options.policy, options.bulk);
  for await (const part of parts(edits(options), DOCUMENTS_AT_ONCE)) {
    try {
      documents.push(...(await compareMany(part, options.policy, options.bulk)));
    } catch (error) {
      // What is too large is told with its path.
      const index = /^documents\[(\d+)\]/.exec((error instanceof MythosError && error.field) || '')?.[1];
      const path = index === undefined ? undefined : part[Number(index)]?.path;
      if (path === undefined || !(error instanceof Error)) throw error;
      throw new Failed(`${path}: ${error.message}`, { cause: error });
    }
    progress(`${documents.length} documents compared`);
  }
  const report = await writeReport(documents, options.format ?? 'table', options.policy);
  await writing(options.output, (write) => write(report));
  return documents.some((one) => options.fails.includes(one.comparison.verdict)) ? FLAGGED : PASSED;
}

function edits(options: Options): AsyncGenerator<DocumentEdit> {
  if (options.history !== undefined) return history(options, options.history);
  if (options.since !== undefined) return since(options, options.since);
  return versions(options);
}

/** What two files, directories or revisions have in them. */
async function* versions(options: Options): AsyncGenerator<DocumentEdit> {
  const [old, newer, ...more] = options.versions;
  if (old === undefined || more.length > 0) {
    throw new Failed('give an older and a newer version, or --since, --history or --pairs; --help says how');
  }
  const isPath = (version: string | undefined) =>
    version !== undefined && options.paths.length === 0 && existsSync(version);
  if (isPath(old) && newer !== undefined && isPath(newer)) {
    yield* trees(old, newer, options);
    return;
  }
  if (isPath(old)) throw new Failed(`${old} is a path, so that what it is compared with has to be one`);
  const repository = await Repository.open('.');
  const commit = await repository.commit(old);
  if (newer === undefined || isPath(newer)) {
    const paths = newer === undefined ? options.paths : [newer];
    const found = await repository.differences(commit, null, paths);
    yield* changed(repository, found, options, [old, null], paths);
    return;
  }
  const found = await repository.differences(commit, await repository.commit(newer), options.paths);
  yield* changed(repository, found, options, [old, newer], options.paths);
}

async function* trees(old: string, newer: string, options: Options): AsyncGenerator<DocumentEdit> {
  const kinds = [old, newer].map((path) => statSync(path));
  if (kinds.every((kind) => kind.isFile())) {
    yield { path: slashed(newer), old: await read(old), new: await read(newer) };
    return;
  }
  if (!kinds.every((kind) => kind.isDirectory())) {
    throw new Failed(`${old} and ${newer} have to be two files or two directories`);
  }
  const names = new Set([...(await files(old, options)), ...(await files(newer, options))]);
  for (const name of [...names].sort()) {
    const [before, after] = [join(old, name), join(newer, name)];
    yield {
      path: slashed(after),
      old: isFile(before) ? await read(before) : null,
      new: isFile(after) ? await read(after) : null,
    };
  }
}

async function files(directory: string, options: Options): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (entry.name === '.git') continue;
      found.push(...(await files(path, options)).map((name) => join(entry.name, name)));
    } else if (isFile(path) && isIncluded(path, options)) found.push(entry.name);
  }
  return found;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isIncluded(path: string, options: Options): boolean {
  const name = basename(path);
  return options.include.some((pattern) => {
    const expression = globExpression(pattern);
    return expression.test(name) || expression.test(slashed(path));
  });
}

/** As `fnmatch` has it: `*` is anything, also slashes. */
function globExpression(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  return new RegExp(`^${escaped.replaceAll('[!', '[^')}$`, 's');
}

/** Files of the working tree beside what they were. */
async function* since(options: Options, revision: string): AsyncGenerator<DocumentEdit> {
  const repository = await Repository.open('.');
  const commit = await repository.commit(revision);
  const contents = new Contents(repository.top);
  try {
    for (const path of options.versions) {
      const old = await repository.show(commit, path);
      if (old === null && !existsSync(path)) throw new Failed(`there is no ${path}, neither now nor in ${revision}`);
      yield {
        path: old?.path ?? slashed(relative(realpathSync(repository.top), realpathSync(path))),
        old: old === null ? null : decode(await contents.read(old), `${revision}:${path}`),
        new: existsSync(path) ? await read(path) : null,
        old_revision: revision,
      };
    }
  } finally {
    contents.close();
  }
}

/** What each commit did. */
async function* history(options: Options, path: string): AsyncGenerator<DocumentEdit> {
  if (options.versions.length > 0) throw new Failed('--history takes no versions');
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const directory = isDirectory ? path : dirname(path);
  if (!existsSync(directory)) throw new Failed(`${directory} is no directory`);
  const repository = await Repository.open(directory);
  const found = await repository.history(isDirectory ? '.' : basename(path));
  if (found.length === 0) throw new Failed(`no commit of ${repository.top} changed ${path}`);
  yield* changed(repository, found, options, [null, null], isDirectory ? [] : [path]);
}

/** The texts of what changed. A file that was named is read whatever its name ends with. */
async function* changed(
  repository: Repository,
  found: readonly Change[],
  options: Options,
  revisions: readonly [string | null, string | null],
  paths: readonly string[],
): AsyncGenerator<DocumentEdit> {
  const single = paths.filter((path) => !(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false));
  const named = new Set(single.map((path) => (existsSync(path) ? realpathSync(path) : join(process.cwd(), path))));
  const isNamed = options.history !== undefined && single.length > 0;
  const isWanted = (side: Side) =>
    isNamed || named.has(join(realpathSync(repository.top), side.path)) || isIncluded(side.path, options);
  const contents = new Contents(repository.top);
  const text = async (side: Side | null, revision: string | null) =>
    side === null ? null : decode(await contents.read(side), `${revision ?? ''}:${side.path}`);
  try {
    for (const change of found) {
      const side = change.new ?? change.old;
      if (side === null || !isWanted(side)) continue;
      const short = change.commit?.slice(0, 12);
      const [old, newer] = short === undefined ? revisions : [`${short}^`, short];
      yield {
        path: side.path,
        old: await text(change.old, old),
        new: await text(change.new, newer),
        old_revision: old,
        new_revision: newer,
      };
    }
  } finally {
    contents.close();
  }
}

async function read(path: string): Promise<string> {
  return decode(await readFile(path), path);
}

function decode(content: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw new Failed(`${name} is not UTF-8`, { cause });
  }
}

function slashed(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}

/** Scores a file of pairs as it is read. */
async function score(options: Options, name: string): Promise<number> {
  if (options.versions.length > 0 || options.format !== undefined) {
    throw new Failed('--pairs takes no versions and no --format');
  }
  let [status, done] = [PASSED, 0];
  await writing(options.output, async (write) => {
    for await (const { first, lines, error } of rows(name)) {
      if (error !== undefined) {
        await write(`${JSON.stringify({ line: first, error })}\n`);
        status = UNREAD;
        continue;
      }
      const scored = await scoreLines(lines, options.policy, { ...options.bulk, first });
      await write(scored.map((line) => `${line.written}\n`).join(''));
      for (const { verdict } of scored) {
        if (verdict === null) status = UNREAD;
        else if (options.fails.includes(verdict)) status = Math.max(status, FLAGGED);
      }
      done += lines.length;
      progress(`${done} pairs scored`);
    }
  });
  return status;
}

interface Row {
  /** The number of the first line. */
  readonly first: number;
  readonly lines: readonly string[];
  /** Why the line that has this number cannot be read. */
  readonly error?: string;
}

/** Rows of lines, each of one length at the most. */
async function* rows(name: string): AsyncGenerator<Row> {
  let [lines, size, count]: [string[], number, number] = [[], 0, 0];
  const take = (): Row => {
    const row = { first: count - lines.length + 1, lines };
    [lines, size] = [[], 0];
    return row;
  };
  for await (const bytes of lineBytes(name)) {
    let line = '';
    let error: string | undefined;
    if (bytes === null) error = `a line is at most ${MAX_LINE_BYTES} bytes`;
    else {
      try {
        line = new TextDecoder('utf-8', { fatal: true, ignoreBOM: count > 0 }).decode(bytes).trim();
      } catch {
        error = 'not UTF-8';
      }
    }
    if (line === '') {
      // An empty line says nothing, and ends a row, whose lines are numbered from its first.
      if (lines.length > 0) yield take();
      count += 1;
      if (error !== undefined) yield { first: count, lines: [], error };
      continue;
    }
    count += 1;
    lines.push(line);
    size += line.length;
    if (lines.length >= LINES_AT_ONCE || size >= BYTES_AT_ONCE) yield take();
  }
  if (lines.length > 0) yield take();
}

/** The lines of a file, without their ends; null for one that is too long. */
async function* lineBytes(name: string): AsyncGenerator<Buffer | null> {
  const stream = name === '-' ? process.stdin : createReadStream(name);
  let [parts, length, isTooLong]: [Buffer[], number, boolean] = [[], 0, false];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    while (start < chunk.length) {
      const feed = chunk.indexOf(10, start);
      const part = chunk.subarray(start, feed < 0 ? chunk.length : feed);
      length += part.length;
      isTooLong ||= length > MAX_LINE_BYTES;
      if (isTooLong) parts = [];
      else parts.push(part);
      if (feed < 0) break;
      yield isTooLong ? null : Buffer.concat(parts);
      [parts, length, isTooLong] = [[], 0, false];
      start = feed + 1;
    }
  }
  if (length > 0) yield isTooLong ? null : Buffer.concat(parts);
}

type Write = (part: string) => Promise<void>;

/** Writes to a file, or to the output, and waits until it is taken. */
async function writing(name: string | undefined, work: (write: Write) => Promise<void>): Promise<void> {
  if (name === undefined) {
    await work((part) => new Promise((resolve) => process.stdout.write(part, () => resolve())));
    return;
  }
  const file: Writable = createWriteStream(name);
  await once(file, 'open');
  try {
    await work(async (part) => {
      if (!file.write(part)) await once(file, 'drain');
    });
  } finally {
    file.end();
    await once(file, 'close');
  }
}

async function* parts<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let part: T[] = [];
  for await (const item of items) {
    part.push(item);
    if (part.length < size) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** To a person who waits, and to nobody else. */
function progress(told: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${told}\r`);
}
