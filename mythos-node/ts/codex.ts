import {
  type NativeCodexTree,
  type NativeCodices,
  type NativeProofView,
  verifyEvidence as nativeVerify,
} from '../native/index.js';
import type {
  AnchoredVerification,
  Blame,
  ClauseDifference,
  CodexAt,
  CodexVerification,
  ConsistencyProof,
  Disclosure,
  EventVerification,
  ExportOptions,
  InclusionProof,
  Moment,
  ProvenClause,
  VerifiedCodices,
} from './codex_proofs.js';
import { MythosError } from './errors.js';
import { bindMethods, call, unwrap } from './native.js';
import type { Page, PageRequest } from './page.js';
import type { Base64, Hex } from './protocol.js';
import { type NoteSigner, nativeSigners, type Signer } from './signers.js';

/** One rule of a codex. */
export interface Clause {
  /** Its id, unique in the codex. */
  readonly clause: string;
  /** What it says, at most 1 MiB. */
  readonly text: string;
}

/** What is said of every change. */
interface Directed {
  /** The directives that led to the change, outermost first, such as `['support', 'refunds', 'limit']`. */
  readonly directive_path: readonly string[];
  /** Who makes it. */
  readonly actor: string;
  /** Why. */
  readonly reason?: string | null | undefined;
  /** The digest of evidence that the change was examined, such as an audit. */
  readonly evidence?: Hex | null | undefined;
}

/** What both writes of one event to a codex's log say. */
interface CodexWrite extends Directed {
  /** The codex. */
  readonly codex: string;
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

/** One mutation of a batch. */
export interface DirectedMutation extends Directed {
  /** What to change. */
  readonly mutation: Mutation;
}

/** Mutations of the only head of a codex, each of which follows from the one before: all are appended, or none. */
export interface MutationBatch {
  readonly codex: string;
  /** What to change, in order; 1 to 4,096, with at most 64 MiB of text. */
  readonly mutations: readonly DirectedMutation[];
  /**
   * When the proofs are listed: with the events, or with the next `listPending` (but that of the first event, by which a
   * repetition is recognised). The log itself is complete either way. By default `now`.
   */
  readonly listing?: 'now' | 'later' | undefined;
  /** A UUID that names this write, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** What a batch of mutations appended. */
export interface AppendedMutations {
  /** The position of the first event. */
  readonly first: number;
  /** The digests of the events, in order. */
  readonly events: readonly Hex[];
  /** The head of the codex now; of a repetition, at least with these events. */
  readonly head: CodexHead;
}

/** A text, an actor or a reason that an event brought, which a redaction can erase. */
export interface ErasedOpening {
  /** The position of the event. */
  readonly sequence: number;
  /** Its number there: 0 for the actor, 1 for the reason, from 2 on for texts and notes. */
  readonly opening: number;
}

/** Texts, actors or reasons to erase. */
export interface RedactCodex {
  readonly codex: string;
  /** What to erase; each once. */
  readonly erase: readonly ErasedOpening[];
  /** The position of the event to follow from; the only head if not given. */
  readonly parent?: number | null | undefined;
  /** The directives that led to it. */
  readonly directive_path: readonly string[];
  /** Who erases it. */
  readonly actor: string;
  /** Why. */
  readonly reason?: string | null | undefined;
  /** A UUID that names this write, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
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
    }
  | {
      /** Lets a key sign checkpoints of this codex from here on. As soon as a log names keys, only they may. */
      readonly kind: 'authorize';
      /** A verifier key that is called as the codex's origin. */
      readonly key: string;
    }
  | {
      /** Takes that back: what the key signs of this event and later is worth nothing. */
      readonly kind: 'revoke';
      readonly key: string;
    };

/** A clause of a merge's result. */
export interface TakenClause {
  readonly clause: string;
  /** Which parent it is taken from: the first, or the other head. */
  readonly from: 'ours' | 'theirs';
}

/** What kind of change an event makes. */
export type ChangeKind = 'create' | 'redact' | Mutation['kind'];

/**
 * What is known of a proof:
 *
 * - `verified`: the log derives the state, every digest agrees, every text is there and opens its commitment, and every
 *   checkpoint that was compared is one of this log.
 * - `redacted`: as `verified`, but some texts, actors or reasons were erased, and the log says so.
 * - `unanchored`: as one of the two, but too few of the witnesses that were asked for vouch for it.
 * - `forked`: a checkpoint that is signed for this log speaks of another.
 * - `tampered`: something stored does not follow from the log.
 * - `unverifiable`: it cannot be told, such as for an unknown format.
 */
export type ProofVerificationStatus =
  | 'verified'
  | 'redacted'
  | 'unanchored'
  | 'forked'
  | 'tampered'
  | 'unverifiable';

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
  /** The same in one text, each directive followed by U+001F. */
  readonly directive_key: string;
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
  /** The root of the Merkle tree over all events (RFC 6962): what a checkpoint signs. */
  readonly tree_root: Base64;
  /** The events that no other follows from, ascending. More than one after a branch, until a merge. */
  readonly heads: readonly CodexHeadState[];
  /** How many events replay need not begin with, since a snapshot tells what they leave. */
  readonly snapshot: number;
  /** How many events, from the first on, have their proof listed. */
  readonly listed: number;
  /** The newest signed checkpoint that is stored; absent if there is none. */
  readonly checkpoint?: StoredCheckpoint;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Which signed checkpoint is stored. */
export interface StoredCheckpoint {
  /** How many events it speaks of. */
  readonly size: number;
  /** Its number among those of this size: a cosignature or a new key makes another. */
  readonly number: number;
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
  | { readonly kind: 'merge'; readonly take: readonly TakenClause[] }
  | { readonly kind: 'redact'; readonly erased: readonly ErasedOpening[] }
  | { readonly kind: 'authorize'; readonly key: string }
  | { readonly kind: 'revoke'; readonly key: string };

/** One entry of a codex's log: stored and hashed as deterministic CBOR. */
export interface Event {
  /** The version of this layout. */
  readonly format: number;
  readonly tenant: string;
  readonly codex: string;
  /** The position in the log, from 0. */
  readonly sequence: number;
  /** The digest of the event before it in the log; null for the first. */
  readonly previous: Hex | null;
  /** The positions of the events that it follows from: none for the first, two for a merge, else one. */
  readonly parents: readonly number[];
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
  readonly change?: ChangeKind | null | undefined;
  /** Whose directive path begins with these directives. */
  readonly directive_prefix?: readonly string[] | undefined;
  /** Listed with this status. */
  readonly status?: ProofVerificationStatus | null | undefined;
  /** Recorded at this moment, in ISO 8601, or later. */
  readonly since?: string | null | undefined;
  /** Recorded before this moment. */
  readonly before?: string | null | undefined;
}

/** The native half of a view; assigned by {@link CodexProofOfSymbolEngine} alone, so that no host can reach it. */
let viewOf: (codices: CodexProofOfSymbolEngine) => NativeProofView;

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

  static {
    viewOf = (codices) => codices.#native.proofView();
  }

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
   * Verifies a codex whole: replays every event, and compares every state, digest, text, tile, checkpoint and listed
   * proof with what the replay derives. Damage is a finding, not an error; `NotFound` if there is no such codex.
   *
   * A writer of the database who replaces the whole log with another that is consistent in itself, or rolls the whole
   * file back, cannot be seen from inside: see {@link verifyAgainst}.
   */
  verify(codex: string): Promise<CodexVerification> {
    return call(() => this.#native.verify(codex));
  }

  /**
   * Verifies the next codices, each whole, by id: at most `limit`, 1 to 1,000, by default 100. `total` and what was
   * verified so far tell how far it is. Damage is a finding, also of a head that cannot be read.
   */
  verifyAll(page: PageRequest = {}): Promise<VerifiedCodices> {
    return call(() => this.#native.verifyAll(page));
  }

  /**
   * Verifies one event with everything that speaks for it: its bytes, the event that it names as the one before it, the
   * derivation of its state, what is open of its texts, and its place in the Merkle tree. Damage is a step that does not
   * hold; `NotFound` if there is no such codex or event.
   *
   * The states that it is derived from come from the log before it; that those are what the events before derive is what
   * {@link verify} tells.
   */
  verifyEvent(codex: string, sequence: number): Promise<EventVerification> {
    return call(() => this.#native.verifyEvent(codex, sequence));
  }

  /** Appends many mutations in one commit: all of them, or none. It fails as {@link mutate} does. */
  mutateAll(batch: MutationBatch): Promise<AppendedMutations> {
    return call(() => this.#native.mutateAll(batch));
  }

  /**
   * Erases texts, actors or reasons for good, in one commit with the event that says so, and gives its proof. Every proof
   * stays valid: what is hashed are commitments. Backups, and bundles that were given away, are out of reach.
   *
   * `NotFound` if there is no such codex, event or text; else it fails as {@link mutate} does.
   */
  redact(request: RedactCodex): Promise<SymbolProof> {
    return call(() => this.#native.redact(request));
  }

  /** The texts and notes that a clause ever had, and that are not erased: what {@link redact} takes. */
  openingsOfClause(codex: string, clause: string): Promise<readonly ErasedOpening[]> {
    return call(() => this.#native.openingsOfClause(codex, clause));
  }

  /** Where a codex names this actor: what {@link redact} takes. */
  openingsOfActor(codex: string, actor: string): Promise<readonly ErasedOpening[]> {
    return call(() => this.#native.openingsOfActor(codex, actor));
  }

  /** Lists the proofs of the next events that have none yet, at most `limit` (1 to 10,000); gives how many are left. */
  listPending(codex: string, limit: number): Promise<number> {
    return call(() => this.#native.listPending(codex, limit));
  }

  /** What a codex said at a moment. `NotFound` if it had no event then. */
  stateAt(codex: string, moment: Moment): Promise<CodexAt> {
    return call(() => this.#native.stateAt(codex, moment));
  }

  /** What changed from one moment to another: clauses that are there after, in order, then those that are gone. */
  diff(codex: string, before: Moment, after: Moment): Promise<readonly ClauseDifference[]> {
    return call(() => this.#native.diff(codex, before, after));
  }

  /** Which events gave a clause what it says now, at the only head or at the head at position `head`. */
  blame(codex: string, clause: string, head?: number): Promise<Blame> {
    return call(() => this.#native.blame(codex, clause, head));
  }

  /**
   * The origin of a codex's checkpoints, which is also the name of the keys that sign them: the option `origin`, the
   * tenant and the codex, joined by `/`, the names percent-encoded.
   */
  origin(codex: string): string {
    return unwrap(this.#native.origin(codex));
  }

  /**
   * Signs a checkpoint of all events of a codex, stores it, and gives it as a signed note (C2SP tlog-checkpoint). One of
   * the signers is called as the codex's {@link origin}.
   *
   * `Invalid`, field `signers`, if none is, or if the log names keys and this is none of them; `Conflict` if a checkpoint
   * of this size is stored that speaks of another log.
   */
  async checkpoint(codex: string, signers: readonly (Signer | NoteSigner)[]): Promise<string> {
    const native = nativeSigners(signers);
    return call(() => this.#native.checkpoint(codex, native));
  }

  /**
   * Stores a checkpoint that came from elsewhere, such as one with the cosignatures of witnesses, if it is of this log.
   * `Conflict` if it speaks of other events: keep it, it is evidence.
   */
  addCheckpoint(codex: string, checkpoint: string): Promise<StoredCheckpoint> {
    return call(() => this.#native.addCheckpoint(codex, checkpoint));
  }

  /** The stored checkpoints, the newest first; at most `limit`, 1 to 1,000, by default 100. */
  checkpoints(codex: string, limit?: number): Promise<readonly string[]> {
    return call(() => this.#native.checkpoints(codex, limit));
  }

  /**
   * Verifies a codex whole, and compares it with checkpoints: those that are stored, and those that the caller `pinned`
   * elsewhere, out of reach of who can write the store. `policy`, a policy file of C2SP, says whose signatures count.
   *
   * The verdict is `forked` if one that the log signed speaks of other events, also of more than there are, and
   * `unanchored` if none is signed as the policy asks. `Invalid`, field `pinned`, if a pinned one is of another origin or
   * not signed as the policy asks.
   */
  verifyAgainst(codex: string, policy: string, pinned: readonly string[] = []): Promise<AnchoredVerification> {
    return call(() => this.#native.verifyAgainst(codex, policy, pinned));
  }

  /** The Merkle tree over a codex's events, as its head is now: for many proofs at once. */
  async tree(codex: string): Promise<CodexTree> {
    return CodexTree.over(await call<NativeCodexTree>(() => this.#native.tree(codex)));
  }

  /**
   * Writes a codex's log into `directory` as static files (C2SP tlog-tiles), last the checkpoint, which tells clients that
   * the rest is there; gives how many were written. The entries are the digests of the events; the events themselves
   * stand in `events/POSITION` if asked for. `Unavailable` if a file cannot be written.
   */
  export(codex: string, checkpoint: string, directory: string, options: ExportOptions = {}): Promise<number> {
    return call(() => this.#native.export(codex, checkpoint, directory, options));
  }

  /**
   * Proves what a clause says after the last event of a checkpoint, with its text and notes as far as they are not
   * erased. What it gives is the text form, JSON: `verifyEvidence` of this package verifies it, and that of
   * `mythos/evidence` does in browsers.
   */
  evidence(codex: string, clause: string, checkpoint: string, disclosure: Disclosure = {}): Promise<string> {
    return call(() => this.#native.evidence(codex, clause, checkpoint, disclosure));
  }
}

/**
 * The Merkle tree over the events of a codex, as its head was when this was made. The leaf of an event is
 * `SHA-256(0x00 || digest)`, so that standard verifiers of RFC 6962 accept the proofs.
 */
export class CodexTree {
  readonly #native: NativeCodexTree;

  private constructor(native: NativeCodexTree) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeCodexTree): CodexTree {
    return new CodexTree(native);
  }

  /** The head that it is of. */
  head(): CodexHead {
    // The native half gives what the declared type says; the tests hold it.
    return unwrap(this.#native.head()) as CodexHead;
  }

  /** Proves that the event at position `index` is in the log of the first `size` events; of all if not given. */
  inclusion(index: number, size?: number): Promise<InclusionProof> {
    return call(() => this.#native.inclusion(index, size));
  }

  /** Proves that the log of `oldSize` events is the beginning of that of `newSize`; of all events if not given. */
  consistency(oldSize: number, newSize?: number): Promise<ConsistencyProof> {
    return call(() => this.#native.consistency(oldSize, newSize));
  }

  /**
   * The proof that the event at `index` is in the log of a checkpoint, as one file (C2SP tlog-proof), with at most 64 KiB of
   * bytes of the caller's beside it. `Invalid`, field `checkpoint`, if the checkpoint is not of this log.
   */
  logProof(index: number, checkpoint: string, extra?: Uint8Array): Promise<string> {
    return call(() => this.#native.logProof(index, checkpoint, extra));
  }

  /** The root of the tree over the first `size` events. */
  root(size: number): Promise<Base64> {
    return call(() => this.#native.root(size));
  }
}

/** What the native half reads for a view. @internal */
export function nativeProofView(codices: CodexProofOfSymbolEngine): NativeProofView {
  if (codices instanceof CodexProofOfSymbolEngine) return viewOf(codices);
  throw new MythosError('Invalid', 'the codices are no CodexProofOfSymbolEngine', { field: 'codices' });
}

/**
 * Verifies an evidence bundle against a policy file of C2SP, and gives what it proves. No store is needed. `Corrupt` if
 * anything does not follow from the checkpoint, or that is not signed as the policy asks; the message says what.
 */
export function verifyEvidence(bundle: string, policy: string): Promise<ProvenClause> {
  return call(() => nativeVerify(bundle, policy));
}
