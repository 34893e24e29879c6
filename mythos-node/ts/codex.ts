import type { NativeCodices } from '../native/index.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type { Hex } from './protocol.js';

/** One rule of a codex. */
export interface Clause {
  /** Its id, unique in the codex. */
  readonly clause: string;
  /** What it says, at most 1 MiB. */
  readonly text: string;
}

/** What both writes to a codex's log say. */
interface CodexWrite {
  /** The codex. */
  readonly codex: string;
  /** The directives that led to the change, outermost first, such as `['support', 'refunds', 'limit']`. */
  readonly directive_path: readonly string[];
  /** Who makes it. */
  readonly actor: string;
  /** Why. */
  readonly reason?: string | null | undefined;
  /** The digest of evidence that the change was examined, such as an audit. */
  readonly evidence?: Hex | null | undefined;
  /** A UUID that names this write, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** A codex to begin. */
export interface CreateCodex extends CodexWrite {
  /** Its clauses, in order; at most 10,000. */
  readonly clauses: readonly Clause[];
}

/** A mutation to append to a codex's log. */
export interface MutateCodex extends CodexWrite {
  /** What to change. */
  readonly mutation: Mutation;
  /** The position of the event to follow from; the only head if not given. An older event begins a branch. */
  readonly parent?: number | null | undefined;
}

/** One change to the clauses of a codex. */
export type Mutation =
  | {
      /** Inserts a clause. */
      readonly kind: 'add';
      readonly clause: string;
      readonly text: string;
      /** Its place, from 0; behind all others if not given. */
      readonly position?: number | null | undefined;
    }
  | {
      /** Gives a clause another text. */
      readonly kind: 'replace';
      readonly clause: string;
      readonly text: string;
    }
  | {
      /** Takes a clause away. */
      readonly kind: 'remove';
      readonly clause: string;
    }
  | {
      /** Puts the clauses into another order. */
      readonly kind: 'reorder';
      /** All clauses, each once. */
      readonly order: readonly string[];
    }
  | {
      /** Adds a note to a clause. */
      readonly kind: 'annotate';
      readonly clause: string;
      readonly note: string;
    }
  | {
      /** Joins the parent with another head. */
      readonly kind: 'merge';
      /** The position of the other head's event. */
      readonly other: number;
      /** The clauses of the result, in order. */
      readonly take: readonly TakenClause[];
    };

/** A clause of a merge's result. */
export interface TakenClause {
  readonly clause: string;
  /** Which parent it is taken from: the first, or the other head. */
  readonly from: 'ours' | 'theirs';
}

/** What kind of change an event makes. */
export type ChangeKind = 'create' | Mutation['kind'];

/**
 * What is known of a proof:
 *
 * - `verified`: the log derives the state, every digest agrees, and every text is there and opens its commitment.
 * - `redacted`: as `verified`, but some texts, actors or reasons were erased.
 * - `tampered`: something stored does not follow from the log.
 * - `unverifiable`: it cannot be told, such as for an unknown format.
 */
export type ProofVerificationStatus = 'verified' | 'redacted' | 'tampered' | 'unverifiable';

/** What is listed of each mutation of a codex. */
export interface SymbolProof {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly codex: string;
  /** The operation that made the mutation. */
  readonly operation: string;
  /** The event's position in the log, from 0. */
  readonly sequence: number;
  /** The digest of the event. */
  readonly event: Hex;
  /** The positions of the events that it follows from. */
  readonly parents: readonly number[];
  readonly change: ChangeKind;
  /** The clause that it is about, if it is one. */
  readonly clause: string | null;
  /** 128 bytes over the state that the event leaves; the first 32 are the codex root. */
  readonly symbolic_checksum: Hex;
  /** The directives that led to the mutation, outermost first. */
  readonly directive_path_log: readonly string[];
  /** The head of the hash chain up to this event. */
  readonly mutation_trail_hash: Hex;
  /** The status when the record was written. */
  readonly proof_verification_status: ProofVerificationStatus;
  /** When the event was recorded; never before the one before it. */
  readonly created_at: string;
}

/** The head of a codex. */
export interface CodexHead {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly codex: string;
  /** The number of events. */
  readonly length: number;
  /** The head of the hash chain over all events. */
  readonly mutation_trail_hash: Hex;
  /** The events that no other follows from, ascending. More than one after a branch, until a merge. */
  readonly heads: readonly CodexHeadState[];
  readonly created_at: string;
  readonly updated_at: string;
}

/** One head of a codex. */
export interface CodexHeadState {
  /** The event's position in the log. */
  readonly sequence: number;
  /** The event's digest. */
  readonly event: Hex;
  /** The root of the state there: what an assistant is aligned with. */
  readonly codex_root: Hex;
  readonly symbolic_checksum: Hex;
}

/** A clause as it stands, with its text. */
export interface CodexClause {
  readonly clause: string;
  readonly digest: Hex;
  /** Its text; null if it was erased. */
  readonly text: string | null;
  /** Its notes, oldest first; null for an erased one. */
  readonly notes: readonly (string | null)[];
  /** The position of the event that gave it this text. */
  readonly since: number;
}

/** What an event does to the clauses; texts and notes are salted commitments. */
export type Change =
  | { readonly kind: 'create'; readonly clauses: readonly { readonly clause: string; readonly text: Hex }[] }
  | { readonly kind: 'add'; readonly clause: string; readonly text: Hex; readonly position: number }
  | { readonly kind: 'replace'; readonly clause: string; readonly text: Hex }
  | { readonly kind: 'remove'; readonly clause: string }
  | { readonly kind: 'reorder'; readonly order: readonly string[] }
  | { readonly kind: 'annotate'; readonly clause: string; readonly note: Hex }
  | { readonly kind: 'merge'; readonly take: readonly TakenClause[] };

/** One entry of a codex's log, as it is stored and hashed. */
export interface Event {
  /** The version of this layout. */
  readonly format: number;
  readonly tenant: string;
  readonly codex: string;
  /** The position in the log, from 0. */
  readonly sequence: number;
  /** The digests of the events it follows from: none for the first, two for a merge, else one. */
  readonly parents: readonly Hex[];
  readonly directive_path: readonly string[];
  readonly change: Change;
  /** The clauses whose digest it changes, by id, compared with the first parent; null where there is none. */
  readonly clauses: readonly { readonly clause: string; readonly before: Hex | null; readonly after: Hex | null }[];
  /** The codex root of the first parent. */
  readonly codex_before: Hex | null;
  /** The codex root that it leaves. */
  readonly codex_after: Hex;
  /** A commitment to who made the change. */
  readonly actor: Hex;
  /** A commitment to why. */
  readonly reason: Hex | null;
  readonly evidence: Hex | null;
  readonly operation: string;
  readonly recorded_at: string;
}

/** One entry of a codex's trail: an event and what opens its commitments. */
export interface TrailEntry {
  /** The event's digest. */
  readonly digest: Hex;
  readonly event: Event;
  /** Who made the change; null if it was erased. */
  readonly actor: string | null;
  /** Why; null if no reason was given or it was erased. */
  readonly reason: string | null;
  /** The texts or notes that the change brought, in its order; null for an erased one. */
  readonly texts: readonly (string | null)[];
}

/** Which part of a trail. */
export interface TrailRequest {
  /** The position of the first entry; by default 0. */
  readonly from?: number | undefined;
  /** The most entries: 1 to 1,000, by default 100. */
  readonly limit?: number | undefined;
}

/** A part of a codex's trail. */
export interface TrailPage {
  /** The entries, oldest first. */
  readonly items: readonly TrailEntry[];
  /** The position of the next entry; null at the end. */
  readonly next: number | null;
}

/** Which proofs to list; all conditions hold together. */
export interface ProofFilter {
  readonly codex?: string | null | undefined;
  readonly clause?: string | null | undefined;
  /** Recorded at this moment, in ISO 8601, or later. */
  readonly since?: string | null | undefined;
  /** Recorded before this moment. */
  readonly before?: string | null | undefined;
}

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

/**
 * The tamper-evident log of every change to the rules.
 *
 * @example
 * const codices = mythos.codices();
 * const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
 * await codices.create({ codex: 'support', clauses, directive_path: ['launch'], actor: 'ana' });
 * const mutation = { kind: 'replace', clause: 'limit', text: 'Refund at most 50 EUR.' } as const;
 * await codices.mutate({ codex: 'support', mutation, directive_path: ['support', 'refunds'], actor: 'bob' });
 * const { proof_verification_status } = await codices.verify('support'); // 'verified'
 */
export class CodexProofOfSymbolEngine {
  readonly #native: NativeCodices;

  private constructor(native: NativeCodices) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeCodices): CodexProofOfSymbolEngine {
    return new CodexProofOfSymbolEngine(native);
  }

  /** Begins a codex and gives the proof of its first event. `Conflict` if the codex exists. */
  create(request: CreateCodex): Promise<SymbolProof> {
    return call(() => this.#native.create(request));
  }

  /**
   * Appends a mutation to a codex's log and gives its proof. Nothing is changed if this fails.
   *
   * `NotFound` if there is no such codex or parent; `Invalid` if the mutation does not apply to the parent's clauses, or
   * if there are several heads and no parent is named; `Unknown` if it cannot be told whether it was made: repeat it
   * with the same operation.
   */
  mutate(request: MutateCodex): Promise<SymbolProof> {
    return call(() => this.#native.mutate(request));
  }

  /** The head of a codex: its length, its chain, and the root that assistants are aligned with. */
  codex(codex: string): Promise<CodexHead> {
    return call(() => this.#native.codex(codex));
  }

  /** Lists codices by id. */
  codices(page: PageRequest = {}): Promise<Page<CodexHead>> {
    return call(() => this.#native.codices(page));
  }

  /**
   * The clauses of a codex with their texts, as they stand at its only head, or at the head at position `head`.
   * `Corrupt` if a stored text is not the one that was committed to.
   */
  clauses(codex: string, head?: number): Promise<readonly CodexClause[]> {
    return call(() => this.#native.clauses(codex, head));
  }

  /** The trail of a codex, oldest first. */
  trail(codex: string, page: TrailRequest = {}): Promise<TrailPage> {
    return call(() => this.#native.trail(codex, page));
  }

  /** Lists proofs, newest first: by position if one codex is named, otherwise by time. */
  list(filter: ProofFilter = {}, page: PageRequest = {}): Promise<Page<SymbolProof>> {
    return call(() => this.#native.list(filter, page));
  }

  /**
   * Verifies a codex whole: replays every event, and compares every state, digest, text and listed proof with what the
   * replay derives. Damage is a finding, not an error; `NotFound` if there is no such codex.
   */
  verify(codex: string): Promise<CodexVerification> {
    return call(() => this.#native.verify(codex));
  }
}
