import {
  assess as nativeAssess,
  assessMany as nativeAssessMany,
  compareDocuments as nativeCompareDocuments,
  compareMany as nativeCompareMany,
  measures as nativeMeasures,
  NativeEmbedder,
  scoreLines as nativeScoreLines,
  writeReport as nativeWriteReport,
} from '../native/index.js';
import { MythosError } from './errors.js';
import { answer, timeoutOf } from './host.js';
import { call, unwrap } from './native.js';
import type {
  Assessment,
  BulkOptions,
  ComparedDocument,
  DocumentComparison,
  DocumentEdit,
  EditMeasures,
  EmbedderId,
  GuardPolicy,
  PairLine,
  ReportFormat,
  Similarity,
} from './regression_types.js';

/** So many items a call of the native half takes, so that progress can be told between. */
const PAIRS_AT_ONCE = 1024;
const DOCUMENTS_AT_ONCE = 32;
const EMBEDDED_AT_ONCE = 256;

/** Two versions of a text, the older first. */
export type Versions = readonly [old: string, new_: string];

/**
 * What turns texts into vectors: a model of your own, or of any service. It may return a value or a promise, and does not call
 * this library back. A `MythosError` that it throws keeps its code; anything else becomes an `Internal` error with the
 * exception as its `cause`.
 */
export interface Embedder {
  /** How long a call may take; 30,000 if absent. After that the call that asked is `Unavailable`. */
  readonly timeout_ms?: number;
  /** The model; always the same for vectors that may be compared. */
  readonly identity: EmbedderId;
  /** A vector for each text, in their order, of as many finite numbers as the identity says. */
  embed(texts: readonly string[]): Vectors | Promise<Vectors>;
}

/** A vector for each text. */
export type Vectors = readonly (readonly number[] | Float32Array | Float64Array)[];

/**
 * Compares two versions of a rule or a prompt: how probable it is that the edit changed what it says, or how it says it, and why.
 *
 * @example
 * const found = await assess('Refunds are made within 30 days.', 'Refunds are made within 90 days.');
 * found.verdict; // 'accuracy'
 * found.findings[0]?.message; // 'A number changed: “30 days” became “90 days”. It is larger now.'
 */
export function assess(old: string, new_: string, policy: GuardPolicy = {}): Promise<Assessment> {
  return call(() => nativeAssess(old, new_, policy));
}

/** Compares many pairs; the answers are in their order. */
export function assessMany(
  pairs: readonly Versions[],
  policy: GuardPolicy = {},
  options: BulkOptions = {},
): Promise<Assessment[]> {
  return inParts('pairs', pairs, PAIRS_AT_ONCE, options, (part, native) => nativeAssessMany(part, policy, native));
}

/** What the models weigh of an edit, by name: for training, and for whoever wants to know why. */
export function measures(old: string, new_: string): Promise<EditMeasures> {
  return call(() => nativeMeasures(old, new_));
}

/**
 * Compares two versions of a document, plain text or Markdown, part by part. Its headings, items of lists, paragraphs, rows of
 * tables and parts of code are matched by what they say, also where they were moved, split or merged.
 */
export function compareDocuments(old: string, new_: string, policy: GuardPolicy = {}): Promise<DocumentComparison> {
  return call(() => nativeCompareDocuments(old, new_, policy));
}

/** Compares the versions of many documents, as {@link compareDocuments} does those of one. */
export function compareMany(
  documents: readonly DocumentEdit[],
  policy: GuardPolicy = {},
  options: BulkOptions = {},
): Promise<ComparedDocument[]> {
  const compare = (part: readonly DocumentEdit[], native: object) => nativeCompareMany(part, policy, native);
  return inParts('documents', documents, DOCUMENTS_AT_ONCE, options, compare);
}

/** Writes a report on compared documents, under the policy that they were compared with. */
export function writeReport(
  documents: readonly ComparedDocument[],
  format: ReportFormat,
  policy: GuardPolicy = {},
): Promise<string> {
  return call(() => nativeWriteReport(documents, format, policy));
}

/**
 * Scores lines of a file of pairs: each an object with `text_a` and `text_b`, and perhaps an `id` or a `key`. `first` is the
 * number of the first. A line that cannot be read is answered with its number and why.
 */
export function scoreLines(
  lines: readonly string[],
  policy: GuardPolicy = {},
  options: { readonly threads?: number; readonly first?: number } = {},
): Promise<PairLine[]> {
  return call(() => nativeScoreLines(lines, policy, { first: 1, ...options }));
}

/**
 * How alike an embedder finds the texts of each pair: one more hint, which decides nothing. Without one, the built-in embedder
 * compares hashed n-grams of characters, which know letters and no meaning.
 */
export async function similarity(pairs: readonly Versions[], embedder?: Embedder): Promise<Similarity[]> {
  const native = nativeEmbedder(embedder);
  const found: Similarity[] = [];
  for (let first = 0; first < pairs.length; first += EMBEDDED_AT_ONCE) {
    const part = pairs.slice(first, first + EMBEDDED_AT_ONCE);
    found.push(...(await call<Similarity[]>(() => native.similarity(part))));
  }
  return found;
}

/** The native half of an embedder; the built-in one if none is given. @internal */
export function nativeEmbedder(embedder: Embedder | undefined): NativeEmbedder {
  if (embedder === undefined) return NativeEmbedder.hashedNgrams();
  if (typeof (embedder as Partial<Embedder> | null)?.embed !== 'function') {
    throw new MythosError('Invalid', 'the embedder has no method embed', { field: 'embedder' });
  }
  const timeout = timeoutOf(embedder, 'embedder');
  const native = NativeEmbedder.host(embedder.identity, timeout, (id, _method, texts) => {
    // The native half gives an array of texts.
    const embed = async () => Array.from(await embedder.embed(texts as string[]), (vector) => Array.from(vector));
    void answer(id, "the embedder's embed()", embed);
  });
  return unwrap(native);
}

async function inParts<T, A>(
  name: string,
  items: readonly T[],
  size: number,
  { threads, progress }: BulkOptions,
  work: (part: readonly T[], native: object) => Promise<unknown>,
): Promise<A[]> {
  if (!Array.isArray(items)) throw new MythosError('Invalid', `${name} is not an array`, { field: name });
  const found: A[] = [];
  // Even a call for nothing checks the other arguments.
  for (let first = 0; first === 0 || first < items.length; first += size) {
    const part = items.slice(first, first + size) as T[];
    const answers = await call<A[]>(() => work(part, { threads: threads ?? null, first }) as never);
    for (const one of answers) found.push(one);
    progress?.(found.length, items.length);
  }
  return found;
}
