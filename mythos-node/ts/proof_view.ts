import type { NativeProofView } from '../native/index.js';
import {
  type ChangeKind,
  type CodexHead,
  type CodexProofOfSymbolEngine,
  nativeProofView,
  type ProofFilter,
  type SymbolProof,
  type TrailRequest,
} from './codex.js';
import type { CodexVerification, EventVerification, VerifiedCodices } from './codex_proofs.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type { Hex } from './protocol.js';

/** Which proofs to show; all conditions hold together. */
export interface CodexProofFilter {
  /** What is found by the listed proofs. */
  readonly proofs?: ProofFilter | undefined;
  /**
   * Made by this actor. Proofs name nobody, so that an actor can be erased: what the others let through is opened and
   * compared, at most 10,000 for a page.
   */
  readonly actor?: string | null | undefined;
}

/** A proof with what is open of its event. */
export interface CodexProofRow {
  readonly proof: SymbolProof;
  /** Who made the change; null if it was erased. */
  readonly actor: string | null;
  /** Why; null if no reason was given or it was erased. */
  readonly reason: string | null;
}

/** A part of the graph of a codex's events. */
export interface CodexLineage {
  /** The head of the codex. */
  readonly head: CodexHead;
  /** The events, oldest first. Each has an edge from every parent. */
  readonly nodes: readonly LineageNode[];
  /** The position of the next event; null at the end. */
  readonly next: number | null;
}

/** An event in the graph. */
export interface LineageNode {
  /** Its position. */
  readonly sequence: number;
  /** Its digest. */
  readonly event: Hex;
  /** The positions of the events that it follows from: two for a merge. */
  readonly parents: readonly number[];
  readonly change: ChangeKind;
  /** The clause that it is about, if it is one. */
  readonly clause: string | null;
  /** The directives that led to it. */
  readonly directive_path: readonly string[];
  /** The root that it leaves. */
  readonly codex_root: Hex;
  /** Whether no other event follows from it. */
  readonly is_head: boolean;
  readonly recorded_at: string;
}

/**
 * What a page at `/codex/proof` shows: the log of proofs, how a codex came to be, and whether it can be believed. Every
 * answer is bounded.
 *
 * @example
 * const view = new CodexProofView(mythos.codices());
 * const { items } = await view.log({ actor: 'ana' }, { limit: 10 });
 * const { steps } = await view.event('support', 0);
 */
export class CodexProofView {
  readonly #native: NativeProofView;

  /** The view of an engine, for one tenant. */
  constructor(codices: CodexProofOfSymbolEngine) {
    this.#native = nativeProofView(codices);
    bindMethods(this);
  }

  /**
   * One page of proofs, newest first, with their actors and reasons. With an actor, a page may have fewer items than its
   * limit although there are more: go on while there is a `next`.
   */
  log(filter: CodexProofFilter = {}, page: PageRequest = {}): Promise<Page<CodexProofRow>> {
    return call(() => this.#native.log(filter, page));
  }

  /** Lists codices by id: see `codices` of `CodexProofOfSymbolEngine`. */
  codices(page: PageRequest = {}): Promise<Page<CodexHead>> {
    return call(() => this.#native.codices(page));
  }

  /** The graph of a codex's events, with branches and merges. */
  lineage(codex: string, page: TrailRequest = {}): Promise<CodexLineage> {
    return call(() => this.#native.lineage(codex, page));
  }

  /** Everything that speaks for one event: see `verifyEvent` of `CodexProofOfSymbolEngine`. */
  event(codex: string, sequence: number): Promise<EventVerification> {
    return call(() => this.#native.event(codex, sequence));
  }

  /** Verifies one codex whole: see `verify` of `CodexProofOfSymbolEngine`. */
  verify(codex: string): Promise<CodexVerification> {
    return call(() => this.#native.verify(codex));
  }

  /** Verifies the next codices, with progress: see `verifyAll` of `CodexProofOfSymbolEngine`. */
  verifyAll(page: PageRequest = {}): Promise<VerifiedCodices> {
    return call(() => this.#native.verifyAll(page));
  }
}
