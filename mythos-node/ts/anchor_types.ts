import type { ProofVerificationStatus, StoredCheckpoint } from './codex.js';
import type { Base64, Cursor, Hex } from './protocol.js';

/** What a statement of the super-log is about. */
export type AnchoredName =
  | {
      /** The log of a codex. */
      readonly kind: 'codex';
      readonly codex: string;
    }
  | {
      /** The entries of a ritual. */
      readonly kind: 'ritual';
      readonly assistant: string;
      readonly ritual: string;
    }
  | {
      /** A deployment and the newest record of its restart history. */
      readonly kind: 'deployment';
      /** Who supervises it. */
      readonly supervisor: string;
      readonly assistant: string;
    }
  | {
      /** A key that may sign checkpoints of the super-log. */
      readonly kind: 'key';
      /** A verifier key of C2SP signed notes. */
      readonly key: string;
    };

/** One entry of the super-log: how long a head was, and what it said, when it was looked at. */
export interface AnchorStatement {
  /** The version of this layout. */
  readonly format: number;
  /** Whose head it is. */
  readonly tenant: string;
  /** What it is about. */
  readonly name: AnchoredName;
  /**
   * How long it was: the events of a codex, the highest position of a ritual, the version of a deployment's record; 1 for
   * a key. 0 if it was retired, or a key revoked.
   */
  readonly length: number;
  /**
   * What it said: the root of a codex's Merkle tree, or a digest of a ritual's or deployment's head; zeros for a key and
   * for what was retired.
   */
  readonly digest: Hex;
  /** The position in the log, from 0. */
  readonly sequence: number;
  /** The digest of the statement before it, whatever that is about; null of the first. */
  readonly previous: Hex | null;
  /** The position of the statement about the same before it; null if there is none. */
  readonly before: number | null;
  /** When it was recorded; never before the one before it. */
  readonly recorded_at: string;
}

/** Which part of the statements. */
export interface AnchorPageRequest {
  /** The position of the first statement; by default 0. */
  readonly from?: number | undefined;
  /** The most statements: 1 to 4,096, by default 100. */
  readonly limit?: number | undefined;
}

/** A part of the statements. */
export interface AnchorPage {
  /** The statements, oldest first. */
  readonly items: readonly AnchorStatement[];
  /** The position of the next statement; null at the end. */
  readonly next: number | null;
}

/** The head of the super-log. */
export interface AnchorHead {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  /** The number of statements. */
  readonly length: number;
  /** The root of the Merkle tree over all statements (RFC 6962): what a checkpoint signs. */
  readonly tree_root: Base64;
  /** The digest of the last statement, which stands for all: each names the one before it. */
  readonly last: Hex | null;
  /** Up to which change the heads of each kind were looked at, by the time that they say they were changed. */
  readonly watermarks: AnchorWatermarks;
  /** The newest signed checkpoint that is stored; absent if there is none. */
  readonly checkpoint?: StoredCheckpoint;
  /** When the log was begun. */
  readonly created_at: string;
  /** When it was last written. */
  readonly updated_at: string;
  /** What shows that the writer knew the key of `withMacKey`; absent if there was none. */
  readonly mac?: Hex;
}

/** Up to which change heads were looked at; null for a kind of which there was none. */
export interface AnchorWatermarks {
  readonly codices: string | null;
  readonly rituals: string | null;
  readonly deployments: string | null;
}

/** How much a run looks at. */
export interface AnchorRequest {
  /** How many heads: 1 to 100,000, by default 100,000. */
  readonly limit?: number | undefined;
  /**
   * Whether all heads are looked at, and not only those that say they were changed since the last time: also copies of
   * rituals, whose entries keep their times, what was retired, and what a writer changed whose clock was ten minutes
   * late. By default not.
   */
  readonly full?: boolean | undefined;
}

/** Where a run goes on that its limit ended: pass it on as it is. */
export interface AnchorCursor {
  readonly kind: 'codices' | 'rituals' | 'deployments';
  readonly since: string | null;
  readonly after: Cursor | null;
  readonly full: boolean;
}

/** What a run did. */
export interface AnchorReport {
  /** How many heads were looked at. */
  readonly looked_at: number;
  /** How many statements were appended. */
  readonly appended: number;
  /** How many statements the log has now. */
  readonly length: number;
  /** The root of the tree over them. */
  readonly tree_root: Base64;
  /** Heads that were not stated, since they are damaged or contradict the log: shorter than it says, or another. */
  readonly findings: readonly AnchorFinding[];
  /** Where `anchorOn` goes on, if the limit ended this run; else null. */
  readonly next: AnchorCursor | null;
}

/** Something that does not go with what the super-log states. */
export interface AnchorFinding {
  /**
   * - `missing`: the log states a head, and it is gone: what it was the head of was deleted.
   * - `rolled_back`: a head is shorter than the log states: its newest entries were deleted, or an older copy put back.
   * - `differs`: a head says something else than the log states at the same length: entries were exchanged.
   * - `damaged`: a head, or something of the log itself, cannot be read, or is not what follows from the log.
   */
  readonly kind: 'missing' | 'rolled_back' | 'differs' | 'damaged';
  /** The head; null if it is about the log itself, or if a damaged head no longer tells its name. */
  readonly name: AnchoredName | null;
  /** The position of the statement, if it is about one. */
  readonly sequence: number | null;
  /** The field, record or cell. */
  readonly field: string;
  /** What the log states, or what follows from it. */
  readonly expected: string;
  /** What is stored. */
  readonly found: string;
}

/** Which part of a verification. */
export interface AnchorPartRequest {
  /** `next` of the part before; the first part replays the log. */
  readonly after?: AnchorVerificationCursor | null | undefined;
  /** How many heads it looks at: 1 to 100,000, by default 100,000. */
  readonly limit?: number | undefined;
}

/** Where a verification in parts goes on: pass it on as it is. */
export type AnchorVerificationCursor =
  | { readonly stage: 'stated'; readonly from: Hex }
  | { readonly stage: 'unstated'; readonly kind: 'codices' | 'rituals' | 'deployments'; readonly after: Cursor | null };

/** What the verification of a super-log found, or a part of it. */
export interface AnchorVerification {
  /** The verdict: `verified` or `tampered`; against checkpoints also `forked` or `unanchored`. */
  readonly status: ProofVerificationStatus;
  /** How many statements were replayed; 0 in a part behind the first. */
  readonly statements: number;
  /** The root of the tree as replayed, by the first part. */
  readonly tree_root: Base64 | null;
  /** The digest of the last statement as replayed, by the first part. */
  readonly last: Hex | null;
  /** How many heads were compared with what is stated of them. */
  readonly compared: number;
  /** How many of these have grown since; `anchor` states it. */
  readonly behind: number;
  /** How many names were retired: deleted, or written anew, on purpose, as the log says. */
  readonly retired: number;
  /** How many heads are there of which nothing is stated, or nothing since they were retired. */
  readonly unanchored: number;
  /** What does not go with the log; at most 1,000. */
  readonly findings: readonly AnchorFinding[];
  /** How many findings more there are. */
  readonly left_out: number;
  /** Where the next part goes on; null if this was the last. */
  readonly next: AnchorVerificationCursor | null;
}

/** What `verifyAgainst` of the super-log found. */
export interface PinnedAnchorVerification {
  /** The verdict over both, and what the log and the heads were found to be. */
  readonly verification: AnchorVerification;
  /** The size of the largest checkpoint of this log that meets the policy: nobody vouches for statements behind it. */
  readonly anchored: number | null;
  /** Two checkpoints of equal size, both signed by the log's key, of different logs: anyone can verify them. */
  readonly equivocation: string | null;
}
