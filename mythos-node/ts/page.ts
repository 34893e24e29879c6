import type { Cursor } from './protocol.js';

/** Which part of a listing. */
export interface PageRequest {
  /** The place that the page begins behind: `next` of the page before. */
  readonly after?: Cursor | null | undefined;
  /** The most items: 1 to 10,000, by default 100. */
  readonly limit?: number | undefined;
}

/** A part of a listing. */
export interface Page<T> {
  /** The items, in the order of the listing. */
  readonly items: readonly T[];
  /** Where the next page begins; null when this was the last. */
  readonly next: Cursor | null;
}
