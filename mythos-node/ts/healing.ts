import type { NativeHealer, NativeHealing, NativeRecoveryView } from '../native/index.js';
import type { SymbolProof } from './codex.js';
import { MythosError } from './errors.js';
import type {
  ApproveMerge,
  HandedOut,
  HealingEffectId,
  HealingEvent,
  HealingEventFilter,
  HealingOutcome,
  HealingProtocol,
  HealingStatus,
  HealingTarget,
  HealingTargetFilter,
  HealthTotals,
  MergeProposal,
  Observation,
  ObservedCodices,
  PlanEntry,
} from './healing_types.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';

/** How many effects or proposals one call gives if the caller does not say. */
const DEFAULT_COUNT = 100;

/** The native half of a view; assigned by {@link SelfHealingProtocolEngine} alone, so that no host can reach it. */
let viewOf: (healing: SelfHealingProtocolEngine) => NativeRecoveryView;

/**
 * Finds ill assistants by rules, plans repairs within budgets, and measures what they did.
 *
 * What changes anything goes through the {@link Healer} that {@link engage} gives; what only looks needs none.
 */
export class SelfHealingProtocolEngine {
  readonly #native: NativeHealing;

  static {
    viewOf = (healing) => healing.#native.recoveryView();
  }

  private constructor(native: NativeHealing) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeHealing): SelfHealingProtocolEngine {
    return new SelfHealingProtocolEngine(native);
  }

  /**
   * Takes a scope over and puts a protocol in force: from now on only what the returned healer decides counts, and one that
   * held it before, perhaps in a process that only seemed dead, is refused by the store. After `Unknown`, call it again.
   */
  async engage(scope: string, protocol: HealingProtocol): Promise<Healer> {
    return Healer.over(await call(() => this.#native.engage(scope, protocol)));
  }

  /** A scope as it stands. Reads all its targets. `NotFound` if nobody ever engaged in it. */
  status(scope: string): Promise<HealingStatus> {
    return call(() => this.#native.status(scope));
  }

  /** Lists incidents, newest first. */
  events(filter: HealingEventFilter = {}, page: PageRequest = {}): Promise<Page<HealingEvent>> {
    return call(() => this.#native.events(filter, page));
  }

  /** Lists targets by assistant. */
  targets(filter: HealingTargetFilter = {}, page: PageRequest = {}): Promise<Page<HealingTarget>> {
    return call(() => this.#native.targets(filter, page));
  }

  /**
   * Lists the merges of a scope that wait for a person or an audit, oldest first, with what their codices say now: the codex of
   * each is verified whole. `limit` is 1 to 256.
   */
  mergeProposals(scope: string, limit: number = DEFAULT_COUNT): Promise<readonly MergeProposal[]> {
    return call(() => this.#native.mergeProposals(scope, limit));
  }
}

/** What the native half reads for a view. @internal */
export function nativeRecoveryView(healing: SelfHealingProtocolEngine): NativeRecoveryView {
  if (healing instanceof SelfHealingProtocolEngine) return viewOf(healing);
  throw new MythosError('Invalid', 'healing is no SelfHealingProtocolEngine', { field: 'healing' });
}

/**
 * The holder of a scope: takes observations, plans, and hands out effects.
 *
 * Nothing here calls the host or waits. If this healer's process dies, the next call of `engage` gives one that goes on where
 * it was. Once another took over, every method fails with `Conflict` and the field `epoch`: stop using this one.
 *
 * @example
 * const healer = await mythos.healing().engage('support', protocol);
 * // In a loop, until the next timeout or observation:
 * await healer.observe([{ target, at: new Date().toISOString(), readings: { stall_ms: 90_000 } }]);
 * await healer.plan();
 * for (const { effect } of await healer.pollEffects()) {
 *   // Carry effect.action out, once for each effect.idempotency_key, then:
 *   await healer.answer(effect.id, { kind: 'done' });
 * }
 */
export class Healer {
  readonly #native: NativeHealer;

  private constructor(native: NativeHealer) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeHealer): Healer {
    return new Healer(native);
  }

  /** The scope. */
  get scope(): string {
    return this.#native.scope;
  }

  /** Its epoch: higher than that of every healer that held the scope before. */
  get epoch(): number {
    return this.#native.epoch;
  }

  /** Takes observations, at most 10,000, and opens, measures and ends incidents by them. How many told anything new. */
  observe(observations: readonly Observation[]): Promise<number> {
    return call(() => this.#native.observe(observations));
  }

  /**
   * As {@link observe}, with the reading `codex_heads` of each target that names a codex: how many heads its codex has. A codex
   * is verified whole when this healer sees it first and whenever its head is another since; one that does not verify, or is
   * not there, gives no reading. A merge that was approved and made, but not answered before its process died, is answered
   * first.
   */
  observeCodices(observations: readonly Observation[]): Promise<ObservedCodices> {
    return call(() => this.#native.observeCodices(observations));
  }

  /** Lets due timers fire and decides about every open incident. */
  plan(): Promise<readonly PlanEntry[]> {
    return call(() => this.#native.plan());
  }

  /** What {@link plan} would decide now, without deciding it. */
  dryRun(): Promise<readonly PlanEntry[]> {
    return call(() => this.#native.dryRun());
  }

  /**
   * Hands out at most `limit` pending effects, oldest first, each once until it is {@link giveBack given back}; a healer that
   * takes over hands all of them out again.
   */
  pollEffects(limit: number = DEFAULT_COUNT): Promise<readonly HandedOut[]> {
    return call(() => this.#native.pollEffects(limit));
  }

  /** Takes an effect back that could not be carried out: it is handed out again, if it is still pending. */
  async giveBack(effect: HealingEffectId): Promise<void> {
    await call(() => this.#native.giveBack(effect));
  }

  /**
   * Which of these effects, by their ids and at most 1,000, are pending still, in their order. One that is not was answered,
   * withdrawn or timed out: whoever carries it out stops doing so.
   */
  stillPending(effects: readonly HealingEffectId[]): Promise<readonly HealingEffectId[]> {
    return call(() => this.#native.stillPending(effects));
  }

  /** Takes what came of an effect, by its id. Whether it changed anything: only the first answer counts. */
  answer(effect: HealingEffectId, outcome: HealingOutcome): Promise<boolean> {
    return call(() => this.#native.answer(effect, outcome));
  }

  /**
   * Makes a merge that a person or an audit approved, once, answers its effect, and gives the proof of the merge. If the two
   * are not both heads any more, it is `Invalid` with the field `theirs`, and nothing is merged.
   */
  approveMerge(request: ApproveMerge): Promise<SymbolProof> {
    return call(() => this.#native.approveMerge(request));
  }

  /** Takes a target out: its incidents end, and it counts no more until it is observed again. Whether anything changed. */
  retire(assistant: string): Promise<boolean> {
    return call(() => this.#native.retire(assistant));
  }

  /** When to {@link plan} again if nothing is observed or answered; null if nothing will be due. */
  nextTimeout(): Promise<string | null> {
    return call(() => this.#native.nextTimeout());
  }

  /** How the targets are, all together. */
  totals(): Promise<HealthTotals> {
    return call(() => this.#native.totals());
  }
}
