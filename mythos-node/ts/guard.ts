import type { NativeRegressions, NativeRegressionView } from '../native/index.js';
import { MythosError } from './errors.js';
import type {
  Agreement,
  AuditClause,
  AuditCodex,
  AuditFilter,
  AuditInFull,
  ClauseAuditDetail,
  ClauseAuditRow,
  CodexAudit,
  CodexClauseAudit,
  EvidenceVerification,
  GuardedMutation,
  GuardedProof,
  Refit,
  RefitTarget,
  ReviewAudit,
} from './guard_types.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import { type Embedder, nativeEmbedder } from './regression.js';
import type { GuardPolicy } from './regression_types.js';

/** The native half of a view; assigned by {@link CodexRegressionGuard} alone, so that no host can reach it. */
let viewOf: (regressions: CodexRegressionGuard) => NativeRegressionView;

/**
 * What stands between an edit of a rule or a prompt and production: compares, keeps what it found, asks people, and learns how
 * often they agree.
 *
 * @example
 * const guard = mythos.regressions();
 * const { audit, verdict } = await guard.audit({ clause: 'refunds', previous_version: old, new_version: edited });
 * if (verdict === 'accuracy') await guard.review({ audit, decision: { kind: 'accept' }, reviewer: 'ana' });
 */
export class CodexRegressionGuard {
  readonly #native: NativeRegressions;

  static {
    viewOf = (regressions) => regressions.#native.regressionView();
  }

  private constructor(native: NativeRegressions) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeRegressions): CodexRegressionGuard {
    return new CodexRegressionGuard(native);
  }

  /** The same guard, which also notes how alike `embedder` finds the versions. It decides nothing. */
  withEmbedder(embedder: Embedder): CodexRegressionGuard {
    return new CodexRegressionGuard(this.#native.withEmbedder(nativeEmbedder(embedder)));
  }

  /**
   * Compares two versions, stores what was found, and gives it. It waits in the {@link queue} if a person should look at it.
   * `Unknown` if it cannot be told whether it was stored: repeat it with the same operation.
   */
  audit(request: AuditClause): Promise<CodexClauseAudit> {
    return call(() => this.#native.audit(request));
  }

  /**
   * Compares a codex between two moments of its log: clauses are matched by id and by content, also when they were moved,
   * renamed, split or merged, and each pair that is not the same is assessed.
   */
  auditCodex(request: AuditCodex): Promise<CodexAudit> {
    return call(() => this.#native.auditCodex(request));
  }

  /** An audit with its texts, whatever their length, and all reviews. */
  get(audit: string): Promise<AuditInFull> {
    return call(() => this.#native.get(audit));
  }

  /** Lists audits, newest first; the limit is 1 to 256. */
  list(filter: AuditFilter = {}, page: PageRequest = {}): Promise<Page<CodexClauseAudit>> {
    return call(() => this.#native.list(filter, page));
  }

  /** Lists audits that wait for a person, oldest first; the limit is 1 to 256. The filter's `status` counts for nothing. */
  queue(filter: AuditFilter = {}, page: PageRequest = {}): Promise<Page<CodexClauseAudit>> {
    return call(() => this.#native.queue(filter, page));
  }

  /**
   * Stores what a person says of an audit, and gives the audit. A later review supersedes an earlier one, which stays readable;
   * the machine's verdict stays in any case.
   */
  review(request: ReviewAudit): Promise<CodexClauseAudit> {
    return call(() => this.#native.review(request));
  }

  /**
   * Erases the texts of an audit for good, and the excerpts in its findings, and gives what is left. Repeating it is harmless.
   * `maintain` of `Mythos` then drops what the store's file may still hold of them.
   */
  erase(audit: string): Promise<CodexClauseAudit> {
    return call(() => this.#native.erase(audit));
  }

  /**
   * Appends a mutation to a codex's log if the audit of its texts is as required. The event, its proof and the audit are one
   * commit, and the audit's digest is the event's evidence.
   *
   * One that is refused, `Invalid` with the field `audit` and the audit's id as `operation`, leaves the codex as it was, and its
   * audit in the {@link queue}: once a person accepted that, the same call under the same operation goes through, and so does one
   * that names the audit. Merges are not guarded; mutations that change no clause's text need no audit.
   */
  mutate(request: GuardedMutation): Promise<GuardedProof> {
    return call(() => this.#native.mutate(request));
  }

  /** Finds the audit that an event has as its evidence, and compares it with what the event did. */
  verifyEvidence(codex: string, sequence: number): Promise<EvidenceVerification> {
    return call(() => this.#native.verifyEvidence(codex, sequence));
  }

  /** How often people agree with the machine, over reviewed audits. The filter's `is_reviewed` counts for nothing. */
  agreement(filter: AuditFilter = {}): Promise<Agreement> {
    return call(() => this.#native.agreement(filter));
  }

  /**
   * Proposes thresholds for a target from reviewed audits: at least 50 in covered languages, with 10 regressions and 10 others
   * among them. Nothing is changed: `policy`, which they start from, is the caller's.
   */
  refit(target: RefitTarget, policy: GuardPolicy = {}, filter: AuditFilter = {}): Promise<Refit> {
    return call(() => this.#native.refit(target, policy, filter));
  }
}

/**
 * What a page at `/codex/regression/:clauseId` shows: the audits of a clause, what each edit changed, and what people said. Every
 * answer is bounded.
 *
 * @example
 * const view = new CodexRegressionView(mythos.regressions());
 * const { items } = await view.history('refunds');
 */
export class CodexRegressionView {
  readonly #native: NativeRegressionView;

  /** The view of a guard, for one tenant. */
  constructor(regressions: CodexRegressionGuard) {
    if (!(regressions instanceof CodexRegressionGuard)) {
      throw new MythosError('Invalid', 'regressions is no CodexRegressionGuard', { field: 'regressions' });
    }
    this.#native = viewOf(regressions);
    bindMethods(this);
  }

  /**
   * One page of the audits of a clause, newest first, each with what the edit changed; with a codex, only those of that codex. The
   * limit is 1 to 50, by default 50.
   */
  history(clause: string, codex?: string | null, page: PageRequest = {}): Promise<Page<ClauseAuditRow>> {
    return call(() => this.#native.history(clause, codex, page));
  }

  /** One audit with its texts, all reviews, and the whole difference, at most 10,000 segments of it. */
  audit(audit: string): Promise<ClauseAuditDetail> {
    return call(() => this.#native.audit(audit));
  }

  /** One page of the audits that wait for a person: see `queue` of {@link CodexRegressionGuard}. */
  queue(filter: AuditFilter = {}, page: PageRequest = {}): Promise<Page<CodexClauseAudit>> {
    return call(() => this.#native.queue(filter, page));
  }
}
