/**
 * What the regression guard takes and answers, under the names of the core's members.
 *
 * @module
 */

/** What the guard says of an edit; `undecided` leaves it to a person. */
export type GuardVerdict = 'none' | 'tone' | 'accuracy' | 'both' | 'undecided';

/** Whether the guard can read a text: English, or too short to tell. */
export type Coverage = 'covered' | 'not_covered';

/** How much a finding matters by itself. */
export type Severity = 'note' | 'minor' | 'major';

/** Which way something changed. */
export type FindingDirection = 'stricter' | 'looser' | 'gained' | 'lost' | 'changed' | 'firmer' | 'softer';

/** What kind of change was found. */
export type Signal =
  | 'number'
  | 'unit'
  | 'date'
  | 'reference'
  | 'negation'
  | 'modality'
  | 'party'
  | 'quantifier'
  | 'condition'
  | 'enumeration'
  | 'sentence'
  | 'placeholder'
  | 'identifier'
  | 'address'
  | 'default'
  | 'permission'
  | 'wording'
  | 'order'
  | 'hidden'
  | 'formality'
  | 'politeness'
  | 'hedging'
  | 'directness'
  | 'sentiment'
  | 'readability'
  | 'length';

/** The thresholds of the guard, each from 0 to 1. */
export interface GuardPolicy {
  /** An edit is flagged if the probability that the rule changed is at least this; by default 0.45. */
  readonly accuracy_threshold?: number;
  /** From here up to the threshold it is left to a person; by default 0.3. */
  readonly undecided_from?: number;
  /** An edit is flagged if the probability that its tone changed is at least this; by default 0.15. */
  readonly tone_threshold?: number;
}

/** A part of a text: offsets into its bytes in UTF-8, the last excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A change that a signal found, where it is in either version. */
export interface EditFinding {
  readonly signal: Signal;
  readonly severity: Severity;
  readonly direction: FindingDirection;
  readonly old: Span | null;
  readonly new: Span | null;
  readonly message: string;
}

/** What made a vector. */
export interface EmbedderId {
  readonly model: string;
  readonly version: string;
  /** How many numbers a vector has: 1 to 65,536. */
  readonly dimension: number;
}

/** How alike an embedder finds two texts: the cosine of the angle between their vectors. It decides nothing. */
export interface Similarity {
  readonly cosine: number;
  readonly embedder: EmbedderId;
}

/** The outcome of a comparison. */
export interface Assessment {
  readonly verdict: GuardVerdict;
  /** The probability that a reviewer would say that the rule itself changed. */
  readonly accuracy: number;
  /** The probability that it is said more firmly. */
  readonly firmer: number;
  /** The probability that it is said more softly. */
  readonly softer: number;
  readonly direction: FindingDirection | null;
  readonly coverage: Coverage;
  /** The gravest first. */
  readonly findings: readonly EditFinding[];
  readonly findings_omitted: number;
  /** Before and after. */
  readonly words: readonly [number, number];
  /** The Flesch-Kincaid grades, before and after. */
  readonly grades: readonly [number | null, number | null];
  readonly similarity: Similarity | null;
}

/** What the models weigh of an edit, by the names of their measures. */
export interface EditMeasures {
  readonly accuracy: Readonly<Record<string, number>>;
  readonly tone: Readonly<Record<string, number>>;
}

/** What a segment of a document is. */
export type SegmentKind = 'heading' | 'item' | 'paragraph' | 'row' | 'code';

/** What became of a segment. */
export type SegmentChangeKind = 'changed' | 'moved' | 'lost' | 'added';

/** What became of a document. In one that was created nothing can have become worse. */
export type DocumentStatus = 'compared' | 'created' | 'deleted';

/** How a report is written: for people, as JSON, as SARIF 2.1.0, as annotations of GitHub's workflows. */
export type ReportFormat = 'table' | 'json' | 'sarif' | 'github';

/** A part of a document. Lines and columns count from 1, columns in characters; the last column is excluded. */
export interface Region {
  readonly span: Span;
  readonly line: number;
  readonly column: number;
  readonly end_line: number;
  readonly end_column: number;
}

/** A {@link EditFinding} in a document. */
export interface DocumentFinding {
  readonly signal: Signal;
  readonly severity: Severity;
  readonly direction: FindingDirection;
  readonly old: Region | null;
  readonly new: Region | null;
  readonly message: string;
}

/** A segment that is not as it was. */
export interface SegmentChange {
  readonly change: SegmentChangeKind;
  readonly kind: SegmentKind;
  readonly is_moved: boolean;
  readonly old: Region | null;
  readonly new: Region | null;
  /** The line of the newer document to show it at. */
  readonly line: number;
  readonly verdict: GuardVerdict;
  readonly accuracy: number;
  readonly firmer: number;
  readonly softer: number;
  readonly direction: FindingDirection | null;
  readonly coverage: Coverage;
  readonly findings: readonly DocumentFinding[];
  readonly findings_omitted: number;
}

/** How many segments there are, and what became of them. */
export interface SegmentCounts {
  readonly old: number;
  readonly new: number;
  readonly unchanged: number;
  readonly moved: number;
  readonly changed: number;
  readonly lost: number;
  readonly added: number;
  readonly flagged: number;
  readonly undecided: number;
}

/** The outcome of the comparison of two documents. The verdict is the gravest of a segment. */
export interface DocumentComparison {
  readonly verdict: GuardVerdict;
  readonly accuracy: number;
  readonly firmer: number;
  readonly softer: number;
  readonly direction: FindingDirection | null;
  readonly counts: SegmentCounts;
  readonly changes: readonly SegmentChange[];
  readonly changes_omitted: number;
}

/** A document to compare: its path, and its text before and after; null where it did not exist. */
export interface DocumentEdit {
  readonly path: string;
  readonly old?: string | null;
  readonly new?: string | null;
  readonly old_revision?: string | null;
  readonly new_revision?: string | null;
}

/** A document that was compared. */
export interface ComparedDocument {
  readonly path: string;
  readonly status: DocumentStatus;
  readonly old_revision: string | null;
  readonly new_revision: string | null;
  readonly comparison: DocumentComparison;
}

/** A scored line of a file of pairs: the line of JSON to write; the verdict, null if it could not be read. */
export interface PairLine {
  readonly written: string;
  readonly verdict: GuardVerdict | null;
}

/** How many at once, and who is told. */
export interface BulkOptions {
  /** How many threads compare, 64 at the most; by default as many as the machine has. */
  readonly threads?: number;
  /** Called now and then with how many are done, and how many there are. What it throws ends the work. */
  readonly progress?: (done: number, all: number) => void;
}
