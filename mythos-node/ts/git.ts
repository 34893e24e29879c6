import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { Failed } from './failed.js';

const NO_FILE = '000000';
/** The modes of what is compared: no links, no repositories within. */
const FILES = ['100644', '100755'];

/** A file as one version has it: its path from the top, and the name of its content, null in the working tree. */
export interface Side {
  readonly path: string;
  readonly blob: string | null;
}

/** A file that changed, and the commit that did it, if it was asked for. */
export interface Change {
  readonly commit: string | null;
  readonly old: Side | null;
  readonly new: Side | null;
}

/** The repository of a directory, asked through the program `git`. */
export class Repository {
  private constructor(
    readonly directory: string,
    readonly top: string,
  ) {}

  static async open(directory: string): Promise<Repository> {
    const top = (await run(directory, ['rev-parse', '--show-toplevel'])).toString().replace(/\n$/, '');
    return new Repository(directory, top);
  }

  /** The full name of the commit that a revision names. */
  async commit(revision: string): Promise<string> {
    try {
      const options = ['--verify', '--quiet', '--end-of-options'];
      return (await run(this.directory, ['rev-parse', ...options, `${revision}^{commit}`])).toString().trim();
    } catch (cause) {
      const message = `'${revision}' is neither a file, nor a directory, nor a revision of ${this.top}`;
      throw new Failed(message, { cause });
    }
  }

  /** What differs between two commits, or a commit and the working tree, under these paths. */
  async differences(old: string, newer: string | null, paths: readonly string[]): Promise<Change[]> {
    const options = ['--raw', '-z', '--no-abbrev', '-M', '--no-ext-diff', '--no-textconv', '--no-color'];
    const commits = newer === null ? [old] : [old, newer];
    const output = await run(this.directory, ['diff', ...options, '--ignore-submodules', ...commits, '--', ...paths]);
    return changes(output, newer === null);
  }

  /** What each commit that led here changed of a file, whatever it was called, or in a directory; oldest first. */
  async history(path: string): Promise<Change[]> {
    const follow = (await isFile(join(this.directory, path))) ? ['--follow'] : [];
    const options = ['--raw', '-z', '--no-abbrev', '-M', '--no-ext-diff', '--no-textconv', '--no-color'];
    const log = ['-c', 'log.showSignature=false', 'log', ...follow, ...options, '--topo-order', '--format=%H', 'HEAD'];
    return changes(await run(this.directory, [...log, '--', path]), false).reverse();
  }

  /** A file, by its path from the directory, as a commit has it. */
  async show(commit: string, path: string): Promise<Side | null> {
    const output = await run(this.directory, ['ls-tree', '-z', '--full-name', commit, '--', path]);
    const listed = output.toString().split('\0')[0] ?? '';
    const tab = listed.indexOf('\t');
    const [mode, , blob] = listed.slice(0, Math.max(tab, 0)).split(' ');
    return blob !== undefined && FILES.includes(mode ?? '') ? { path: listed.slice(tab + 1), blob } : null;
  }
}

/** Reads the contents of files: of commits through one `git cat-file` that stays, of the working tree as they are. */
export class Contents {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(private readonly top: string) {
    this.#process = spawn('git', ['cat-file', '--batch'], { cwd: top, env: environment() });
    // What it cannot say by its output ends it, and that is seen when its output ends.
    this.#process.on('error', () => undefined);
    this.#process.stdin.on('error', () => undefined);
    this.#process.stderr.resume();
    this.#chunks = this.#process.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  close(): void {
    this.#process.stdin.end();
  }

  async read(side: Side): Promise<Buffer> {
    if (side.blob === null) return readFile(join(this.top, side.path));
    this.#process.stdin.write(`${side.blob}\n`);
    let end: number;
    while ((end = this.#rest.indexOf(10)) < 0) await this.#more(side);
    const header = this.#rest.subarray(0, end).toString().split(' ');
    this.#rest = this.#rest.subarray(end + 1);
    const size = Number(header[2]);
    if (header.length !== 3 || !Number.isSafeInteger(size)) {
      throw new Failed(`git has no content of ${side.path} (${side.blob})`);
    }
    const parts = [this.#rest];
    let length = this.#rest.length;
    while (length <= size) {
      const part = await this.#next(side);
      parts.push(part);
      length += part.length;
    }
    const whole = Buffer.concat(parts);
    this.#rest = whole.subarray(size + 1);
    return whole.subarray(0, size);
  }

  async #more(side: Side): Promise<void> {
    this.#rest = Buffer.concat([this.#rest, await this.#next(side)]);
  }

  async #next(side: Side): Promise<Buffer> {
    const { value, done } = await this.#chunks.next();
    if (done === true) throw new Failed(`git ended before it gave ${side.path}`);
    return value;
  }
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Nothing that only looks may take a lock. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, GIT_OPTIONAL_LOCKS: '0' };
}

function run(directory: string, parameters: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', parameters, {
      cwd: directory,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, errors]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', () => reject(new Failed('revisions need the program `git`, which is not installed')));
    child.on('close', (status) => {
      if (status === 0) resolve(Buffer.concat(output));
      else reject(new Failed(`git ${parameters[0]}: ${Buffer.concat(errors).toString().trim() || `status ${status}`}`));
    });
  });
}

/** Reads the raw format ("RAW OUTPUT FORMAT" in git-diff(1)), with the names of commits between. */
function changes(output: Buffer, isTree: boolean): Change[] {
  const found: Change[] = [];
  let commit: string | null = null;
  const fields = output.toString().split('\0');
  for (let at = 0; at < fields.length; at += 1) {
    const described = (fields[at] ?? '').replace(/^\n+/, '');
    if (!described.startsWith(':')) {
      commit = described === '' ? commit : described;
      continue;
    }
    const [oldMode = '', newMode = '', oldBlob = '', newBlob = '', status = ''] = described.slice(1).split(' ');
    const oldPath = fields[(at += 1)] ?? '';
    const newPath = /^[RC]/.test(status) ? (fields[(at += 1)] ?? '') : oldPath;
    if (![oldMode, newMode].every((mode) => mode === NO_FILE || FILES.includes(mode))) continue;
    found.push({
      commit,
      old: oldMode === NO_FILE ? null : { path: oldPath, blob: oldBlob },
      new: newMode === NO_FILE ? null : { path: newPath, blob: isTree ? null : newBlob },
    });
  }
  return found;
}
