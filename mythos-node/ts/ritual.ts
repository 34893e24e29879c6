import type { NativeRituals } from '../native/index.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type { Hex } from './protocol.js';

/** What a payload is for; bound into its signature. */
export interface SymbolicIntent {
  /** Labels to find the entry by: at most 64 of 1 to 150 characters. */
  readonly labels?: readonly string[] | undefined;
  /** The procedure that the state belongs to. */
  readonly procedure?: string | null | undefined;
  /** The format of the payload, such as `application/json;v=2`. */
  readonly payload_format?: string | null | undefined;
  /** The codex that the assistant ran under. */
  readonly codex?: string | null | undefined;
  /** The root of that codex then: `codex_root` of its head. */
  readonly codex_root?: Hex | null | undefined;
}

/** Which entry must be the newest; a save that another writer outran is a `Conflict`. */
export type ParentExpectation =
  | { readonly kind: 'latest' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'entry'; readonly entry: string };

/** Where to save a payload, what it is for, and under which conditions. */
export interface SaveRitual {
  /** The assistant whose state it is. */
  readonly assistant: string;
  /** The procedure that the state belongs to. */
  readonly ritual: string;
  /** What the payload is for. */
  readonly intent?: SymbolicIntent | undefined;
  /** Which entry must be the newest; by default any. */
  readonly parent?: ParentExpectation | undefined;
  /** A UUID that names this save, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** One checkpoint of a ritual. */
export interface CompressedRitual {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  /** The id of this entry, a UUID. */
  readonly entry: string;
  readonly assistant: string;
  readonly ritual: string;
  /** The position in the ritual's history, from 1. */
  readonly sequence: number;
  /** The entry before it. */
  readonly parent: string | null;
  readonly labels: readonly string[];
  readonly procedure: string | null;
  readonly payload_format: string | null;
  readonly codex: string | null;
  readonly codex_root: Hex | null;
  /** Where and how the payload is stored. */
  readonly compressed_ritual_data: {
    readonly encoding: 'raw' | 'zstd';
    readonly cell: Hex;
    readonly raw_bytes: number;
    readonly stored_bytes: number;
    readonly frame_digest: Hex;
  };
  /** A salted commitment to the payload; the salt is in the stored frame. */
  readonly payload_commitment: Hex;
  /** Binds tenant, assistant, ritual, sequence, parent, entry, time, payload and intent; never changes. */
  readonly symbolic_signature_hash: Hex;
  /** Shannon entropy of the payload's bytes, 0 to 1. */
  readonly entropy_score: number;
  /** ISO 8601 in UTC, with microseconds; never before its parent. */
  readonly created_at: string;
}

/** An entry and its payload, verified. */
export interface RestoredRitual {
  readonly entry: CompressedRitual;
  /** The state, byte for byte as it was saved. */
  readonly payload: Buffer;
}

/** The newest entry that verifies. */
export interface VerifiableRitual {
  readonly restored: RestoredRitual;
  /** The newer entries that did not verify, newest first. */
  readonly skipped: readonly SkippedEntry[];
}

/** Something that did not verify. */
export interface SkippedEntry {
  /** The entry, if its record still says it; null also for the ritual's head. */
  readonly entry: string | null;
  /** Its position, if its record still says it. */
  readonly sequence: number | null;
  /** What is wrong with it. */
  readonly finding: string;
}

/** What the verification of one entry found. */
export interface RitualVerification {
  readonly entry: string;
  /** Whether everything agrees: record, frame, payload. */
  readonly verified: boolean;
  /** What does not, with the expected and the found digest. */
  readonly finding: string | null;
}

/** Which entries to list; all conditions hold together. */
export interface RitualFilter {
  readonly assistant?: string | null | undefined;
  readonly ritual?: string | null | undefined;
  /** With all of these labels. */
  readonly labels?: readonly string[] | undefined;
  /** Saved at this moment, in ISO 8601, or later. */
  readonly since?: string | null | undefined;
  /** Saved before this moment. */
  readonly before?: string | null | undefined;
}

/**
 * The checkpoint store of assistants' state.
 *
 * @example
 * const rituals = mythos.rituals();
 * await rituals.save({ assistant: 'ana', ritual: 'refund' }, Buffer.from('{"step":3}'));
 * const restored = await rituals.latest('ana', 'refund');
 * console.log(restored?.payload.toString());
 */
export class RitualCompressionCache {
  readonly #native: NativeRituals;

  private constructor(native: NativeRituals) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeRituals): RitualCompressionCache {
    return new RitualCompressionCache(native);
  }

  /**
   * Appends an entry with `payload` to a ritual. Once this fulfilled, the state survives what the store promises.
   *
   * `payload` is at most 64 MiB and kept as given, byte for byte. `Conflict` if the parent is not the expected one;
   * `Unknown` if it cannot be told whether the entry was saved: save again with the same operation.
   */
  save(request: SaveRitual, payload: Uint8Array): Promise<CompressedRitual> {
    return call(() => this.#native.save(request, payload));
  }

  /** Restores the newest entry of a ritual; null if there is none. `Corrupt` if it is not what was saved. */
  latest(assistant: string, ritual: string): Promise<RestoredRitual | null> {
    return call(() => this.#native.latest(assistant, ritual));
  }

  /** Restores one entry. `NotFound` if there is none; `Corrupt` if it is not what was saved. */
  restore(entry: string): Promise<RestoredRitual> {
    return call(() => this.#native.restore(entry));
  }

  /** The record of one entry, without its payload. `NotFound` if there is none. */
  entry(entry: string): Promise<CompressedRitual> {
    return call(() => this.#native.entry(entry));
  }

  /** Restores the newest entry that verifies, before position `before` if given; null if none does. */
  latestVerifiable(assistant: string, ritual: string, before?: number): Promise<VerifiableRitual | null> {
    return call(() => this.#native.latestVerifiable(assistant, ritual, before));
  }

  /** Lists entries, newest first: by position if one ritual of one assistant is named, otherwise by time. */
  list(filter: RitualFilter = {}, page: PageRequest = {}): Promise<Page<CompressedRitual>> {
    return call(() => this.#native.list(filter, page));
  }

  /** Verifies one entry. Damage is a finding, not an error; `NotFound` if there is no such entry. */
  verify(entry: string): Promise<RitualVerification> {
    return call(() => this.#native.verify(entry));
  }
}
