import type { ChangeKind, CodexClause, CodexHeadState, ProofVerificationStatus, TrailEntry } from './codex.js';
import type { Base64, Cursor, Hex } from './protocol.js';

/** What the verification of a codex found. */
export interface CodexVerification {
  readonly codex: string;
  /** The verdict. */
  readonly proof_verification_status: ProofVerificationStatus;
  /** How many events were replayed: all of them, if nothing was found. */
  readonly events: number;
  /** How many texts, actors and reasons are erased. */
  readonly redacted: number;
  /** The head of the hash chain as replayed; null if nothing was. */
  readonly mutation_trail_hash: Hex | null;
  /** The root of the Merkle tree as replayed. */
  readonly tree_root: Base64;
  /** The heads as replayed. */
  readonly heads: readonly CodexHeadState[];
  /** The first thing that does not follow, if anything does not. */
  readonly finding: Finding | null;
}

/** Something stored that does not follow from the log. */
export interface Finding {
  /** The position of the event where it shows. */
  readonly sequence: number;
  /** The clause, if it is about one. */
  readonly clause: string | null;
  readonly field: string;
  /** What the replay derives. */
  readonly expected: string;
  /** What is stored. */
  readonly found: string;
}

/** What the verification of some codices found. */
export interface VerifiedCodices {
  /** What was found of each, by id. */
  readonly verified: readonly CodexVerification[];
  /** How many codices there are. */
  readonly total: number;
  /** Where the next part begins; null when this was the last. */
  readonly next: Cursor | null;
}

/** One event, verified step by step. */
export interface EventVerification {
  /** The verdict over this event: `verified`, `redacted` or `tampered`. */
  readonly proof_verification_status: ProofVerificationStatus;
  /** The event with its texts; null if it cannot be read. */
  readonly entry: TrailEntry | null;
  /** What was checked, in order. After a step that does not hold, those that rest on it are left out. */
  readonly steps: readonly VerificationStep[];
  /** The proof that the event is in the log, which anyone can verify against the root; null if it cannot be made. */
  readonly inclusion: InclusionProof | null;
  /** The root that the proof leads to. */
  readonly tree_root: Base64;
  /** The positions of the events that led to this one, by the first parents, newest first; at most 1,000. */
  readonly path: readonly number[];
}

/** One thing that was checked of an event. */
export interface VerificationStep {
  /**
   * - `event`: it is spelled as events are.
   * - `previous`: it names the event before it.
   * - `derivation`: its state follows from its parents'.
   * - `openings`: what is open of its texts is what was committed to.
   * - `inclusion`: it is in the Merkle tree.
   */
  readonly name: 'event' | 'previous' | 'derivation' | 'openings' | 'inclusion';
  readonly holds: boolean;
  /** What was found, if it does not hold. */
  readonly found: string | null;
}

/** What `verifyAgainst` found. */
export interface AnchoredVerification {
  /** The verdict over both, and what the replay of the log found. */
  readonly verification: CodexVerification;
  /** The size of the largest checkpoint of this log that meets the policy: nobody vouches for events behind it. */
  readonly anchored: number | null;
  /** Two checkpoints of equal size, both signed by the log's key, of different logs: anyone can verify them. */
  readonly equivocation: string | null;
}

/** A moment in the history of a codex. */
export type Moment =
  | {
      /** After the event at this position. */
      readonly kind: 'sequence';
      readonly at: number;
    }
  | {
      /** After the last event that a checkpoint of this size speaks of. */
      readonly kind: 'checkpoint';
      readonly at: number;
    }
  | {
      /** After the last event recorded at this time, in ISO 8601, or before. */
      readonly kind: 'time';
      readonly at: string;
    };

/** What a codex said at some moment. */
export interface CodexAt {
  readonly codex: string;
  /** The position of the event that left it so. */
  readonly sequence: number;
  /** The event's digest. */
  readonly event: Hex;
  readonly codex_root: Hex;
  readonly symbolic_checksum: Hex;
  /** The clauses, in order, with their texts. */
  readonly clauses: readonly CodexClause[];
}

/** How a clause changed, without what it says. */
export interface ClauseChange {
  readonly clause: string;
  /** In what way. */
  readonly kind: ClauseDifference['kind'];
}

/** How a clause differs between two moments. */
export interface ClauseDifference {
  readonly clause: string;
  /**
   * - `added`: it is new.
   * - `removed`: it is gone.
   * - `replaced`: it says something else, whatever else changed.
   * - `annotated`: it got notes.
   * - `moved`: it stands elsewhere among those that are in both.
   */
  readonly kind: 'added' | 'removed' | 'replaced' | 'annotated' | 'moved';
  /** The clause before; null if it was not there. */
  readonly before: CodexClause | null;
  /** Its place before, from 0. */
  readonly position_before: number | null;
  /** The clause after; null if it is gone. */
  readonly after: CodexClause | null;
  /** Its place after, from 0. */
  readonly position_after: number | null;
}

/** Where what a clause says comes from. */
export interface Blame {
  readonly clause: string;
  readonly digest: Hex;
  /** The event that gave it its text. */
  readonly text: Origin;
  /** The events that gave it its notes, oldest first. */
  readonly notes: readonly Origin[];
}

/** The event that a text comes from. */
export interface Origin {
  /** The event's position. */
  readonly sequence: number;
  /** The event's digest. */
  readonly event: Hex;
  readonly change: ChangeKind;
  readonly directive_path: readonly string[];
  /** Who made the change; null if it was erased. */
  readonly actor: string | null;
  /** Why; null if no reason was given or it was erased. */
  readonly reason: string | null;
  /** The text that it brought; null if it was erased. */
  readonly text: string | null;
  readonly recorded_at: string;
}

/** What shows that a leaf is in a tree (RFC 6962). */
export interface InclusionProof {
  /** The leaf's index, from 0. */
  readonly index: number;
  /** How many leaves the tree has. */
  readonly size: number;
  /** The hashes, from the leaf's sibling to the root's child. */
  readonly hashes: readonly Base64[];
}

/** What shows that one tree is how another began (RFC 6962). */
export interface ConsistencyProof {
  readonly old_size: number;
  readonly new_size: number;
  /** The hashes, the lowest first. */
  readonly hashes: readonly Base64[];
}

/** What an export goes on from, and what it has beside the tiles. */
export interface ExportOptions {
  /** The size of the log that an earlier export wrote into the same directory: only what is new since is written. */
  readonly had?: number | undefined;
  /** Whether the events themselves are written too; by default not. */
  readonly with_events?: boolean | undefined;
}

/** What to disclose beside the text and the notes of the clause; by default nothing. */
export interface Disclosure {
  /** Who made the changes. */
  readonly actors?: boolean | undefined;
  /** Why. */
  readonly reasons?: boolean | undefined;
}

/** What an evidence bundle proves. */
export interface ProvenClause {
  /** Whose codex it is. */
  readonly tenant: string;
  readonly codex: string;
  /** The origin of the checkpoint. */
  readonly origin: string;
  /** How many events the checkpoint speaks of. */
  readonly size: number;
  readonly codex_root: Hex;
  readonly clause: string;
  /** The clause's text; null if it is not disclosed, or was erased. */
  readonly text: string | null;
  /** Its notes, oldest first. */
  readonly notes: readonly (string | null)[];
  /** The event that gave it its text, and those that gave it its notes, by position. */
  readonly origins: readonly ProvenOrigin[];
  /** What the policy calls the witnesses that cosigned. */
  readonly witnesses: readonly string[];
}

/** An event that gave a clause a text or a note. */
export interface ProvenOrigin {
  /** Its position. */
  readonly sequence: number;
  readonly change: ChangeKind;
  readonly directive_path: readonly string[];
  /** Who made it; null if that is not disclosed. */
  readonly actor: string | null;
  /** Why; null if that is not disclosed. */
  readonly reason: string | null;
  readonly recorded_at: string;
}
