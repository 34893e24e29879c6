import { noveltyScore as nativeScore, stall as nativeStall } from '../native/index.js';
import { call, unwrap } from './native.js';

/** An entry as far as stalls go; every `CompressedRitual` is one. */
export interface ScoredEntry {
  /** The entry's place in its ritual. */
  readonly sequence: number;
  /** What the entry added to the one before: 0 to 1. */
  readonly novelty_score: number;
}

/** When a run of entries with little new in them is a stall. */
export interface StallPolicy {
  /** The shortest run that is one: 2 to 10,000 entries, by default 10. */
  readonly min_length?: number | undefined;
  /** The novelty below which an entry continues a run: between 0 and 1, by default 0.3. */
  readonly threshold?: number | undefined;
}

/** A run of entries that say hardly anything new: the assistant is probably going round in circles. */
export interface Stall {
  /** The sequence of the run's first entry. The state before it is the last that went ahead. */
  readonly since_sequence: number;
  /** The number of entries of the run so far. */
  readonly length: number;
  /** The mean novelty of these entries. */
  readonly mean_novelty: number;
}

/**
 * How much information `payload` adds to `previous`, the payload before it: 0 for nothing, 0.5 for 256 novel bytes, 1 if
 * there is no predecessor.
 */
export function noveltyScore(previous: Uint8Array | null, payload: Uint8Array): Promise<number> {
  return call(() => nativeScore(previous, payload));
}

/** The stall that `entries`, of one ritual and oldest first, end in; null if they do not. */
export function stall(entries: readonly ScoredEntry[], policy: StallPolicy = {}): Stall | null {
  // The native half gives what the declared type says; the tests hold it.
  return unwrap(nativeStall(entries, policy)) as Stall | null;
}
