import {
  addTotals as nativeAdd,
  compressionRatio as nativeRatio,
  type NativeCompressionView,
  ritualVerbs as nativeVerbs,
} from '../native/index.js';
import { bindMethods, call, unwrap } from './native.js';
import type { Page, PageRequest } from './page.js';
import { nativeView, type RitualCompressionCache } from './ritual.js';
import type {
  CompressedRitual,
  RitualFilter,
  RitualHead,
  RitualHeadFilter,
  RitualPoint,
  RitualTotals,
  TotalRituals,
} from './ritual_types.js';
import type { Stall } from './scores.js';

/** One ritual at a glance. */
export interface RitualOverview {
  /** How its states grow; empty if there is no such ritual. */
  readonly points: readonly RitualPoint[];
  /** The stall that it ends in by the default policy, if it does. */
  readonly stall: Stall | null;
}

/** What a user of the page may do; each is a method of `RitualCompressionCache`. */
export type RitualVerb = 'verify' | 'prune' | 'compact' | 'restore';

/** All verbs, in the order in which a page offers them. */
export function ritualVerbs(): readonly RitualVerb[] {
  // The native half gives what the declared type says; the tests hold it.
  return unwrap(nativeVerbs()) as readonly RitualVerb[];
}

/** `totals`, and those that the next call gave, together; `next` is that of the latter. */
export function addTotals(totals: RitualTotals, next: RitualTotals): RitualTotals {
  return unwrap(nativeAdd(totals, next)) as RitualTotals;
}

/** Stored bytes for one byte of payload: below 1 if compression gained anything; null without payloads. */
export function compressionRatio(totals: RitualTotals): number | null {
  return unwrap(nativeRatio(totals)) as number | null;
}

/**
 * What a page at `/ritual/compression` shows. Nothing of it touches a payload, and every answer is bounded.
 *
 * @example
 * const view = new RitualCompressionView(mythos.rituals());
 * const { entries, raw_bytes, stored_bytes } = await view.totals();
 */
export class RitualCompressionView {
  readonly #native: NativeCompressionView;

  /** The view of a cache, for one tenant. */
  constructor(rituals: RitualCompressionCache) {
    this.#native = nativeView(rituals);
    bindMethods(this);
  }

  /** What rituals take together, by encoding if asked: see `totals` of `RitualCompressionCache`. */
  totals(request: TotalRituals = {}): Promise<RitualTotals> {
    return call(() => this.#native.totals(request));
  }

  /** Lists rituals by their heads, the last saved to first. */
  rituals(filter: RitualHeadFilter = {}, page: PageRequest = {}): Promise<Page<RitualHead>> {
    return call(() => this.#native.rituals(filter, page));
  }

  /** Lists entries, the newest first: see `list` of `RitualCompressionCache`. */
  entries(filter: RitualFilter = {}, page: PageRequest = {}): Promise<Page<CompressedRitual>> {
    return call(() => this.#native.entries(filter, page));
  }

  /** How one ritual grows, in at most `maxPoints` points, 2 to 1,000, and whether it stalls. */
  overview(assistant: string, ritual: string, maxPoints: number): Promise<RitualOverview> {
    return call(() => this.#native.overview(assistant, ritual, maxPoints));
  }
}
