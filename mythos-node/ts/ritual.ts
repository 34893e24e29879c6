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

/** How the payload of an entry is stored at present. */
export interface StoredFrame {
  /** As it is, as a zstd frame, or as what makes it out of the payload of the next newer entry. */
  readonly encoding: 'raw' | 'zstd' | 'patch';
  /** The length of the payload. */
  readonly raw_bytes: number;
  /** The length of all that is stored of it: the whole payload, the patch, or both. */
  readonly stored_bytes: number;
  /** The number of the dictionary that the frame needs. */
  readonly dictionary: number | null;
  /** The id of the key that it is sealed under. */
  readonly key: string | null;
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
  /** How the payload is stored at present. */
  readonly compressed_ritual_data: StoredFrame;
  /** A salted commitment to the payload. */
  readonly payload_commitment: Hex;
  /** Binds tenant, assistant, ritual, sequence, parent, entry, time, scores, payload and intent; never changes. */
  readonly symbolic_signature_hash: Hex;
  /** Shannon entropy of the payload's bytes, 0 to 1. */
  readonly entropy_score: number;
  /** The information in the payload that its parent's lacks, 0 to 1; see {@link noveltyScore}. */
  readonly novelty_score: number;
  /** ISO 8601 in UTC, with microseconds; never before its parent. */
  readonly created_at: string;
}

/** An entry and its payload, verified. */
export interface RestoredRitual {
  readonly entry: CompressedRitual;
  /** The state, byte for byte as it was saved, or what `PayloadFormats` made of it. */
  readonly payload: Buffer;
  /** The format that the payload is in now. */
  readonly format: string | null;
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
  /** With a payload of at least so many bytes. */
  readonly min_raw_bytes?: number | null | undefined;
  /** With a payload of at most so many bytes. */
  readonly max_raw_bytes?: number | null | undefined;
  /** Those that the last scrub found sound, or the others. */
  readonly verified?: boolean | null | undefined;
}

/** Which rituals to list; all conditions hold together. */
export interface RitualHeadFilter {
  readonly assistant?: string | null | undefined;
  /** Saved to at this moment, in ISO 8601, or later. */
  readonly since?: string | null | undefined;
  /** Last saved to before this moment. */
  readonly before?: string | null | undefined;
}

/** The head of a ritual: what is kept of all its entries together. What says nothing is left out. */
export interface RitualHead {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly assistant: string;
  readonly ritual: string;
  /** What the ids of its entries derive from: the id of position 0, where no entry is. */
  readonly root: string;
  readonly seed: Hex;
  /** The highest position that was given to an entry. */
  readonly sequence: number;
  /** The positions of the newest entries, which are whole: at most two, the newest first. */
  readonly newest: readonly number[];
  /** The first bytes of the newest entry's signature. */
  readonly signature: Hex;
  /** What the newest entry is for. */
  readonly intent?: SymbolicIntent;
  readonly entries: number;
  /** The length of all payloads together. */
  readonly raw_bytes: number;
  /** The length of all that is stored of them. */
  readonly stored_bytes: number;
  /** Every label of its entries; `*` stands for those that were too many. */
  readonly labels?: readonly string[];
  /** The dictionaries that its frames need. */
  readonly dictionaries?: readonly number[];
  /** The state in which it was compacted, if nothing changed since. */
  readonly compacted?: {
    readonly sequence: number;
    readonly dictionary: number | null;
    readonly key: string | null;
  };
  /** What the last scrub found, up to a position: the positions of at most 100 damaged entries. */
  readonly scrubbed?: { readonly at: string; readonly sequence: number; readonly damaged: readonly number[] };
  /** When its oldest entry was saved. */
  readonly first_at: string;
  /** When its newest entry was saved. */
  readonly updated_at: string;
}

/** One dictionary of an assistant. */
export interface RitualDictionary {
  /** Its number, from 1; never given again. */
  readonly number: number;
  /** Whether it was trained by zstd, rather than put together from whole states. */
  readonly is_trained_by_zstd: boolean;
  readonly bytes: number;
  /** What its copies take in the store. */
  readonly stored_bytes: number;
  /** The key that it is sealed under. */
  readonly key: string | null;
  readonly trained_at: string;
  /** When another took its place. It is deleted once no entry needs it. */
  readonly retired_at: string | null;
}

/** The dictionaries of an assistant. */
export interface RitualDictionaries {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly assistant: string;
  /** The highest number that was given to a dictionary. */
  readonly highest: number;
  /** The dictionary that new states are compressed with. */
  readonly active: number | null;
  /** All that are stored, oldest first. */
  readonly dictionaries: readonly RitualDictionary[];
  readonly updated_at: string;
}

/** What a training came to. */
export interface TrainingReport {
  /** The number of the new dictionary; null if none would have earned its bytes. */
  readonly trained: number | null;
  /** How many states it was tried on. */
  readonly states: number;
  /** What the assistant's whole payloads take without a dictionary, estimated from these. */
  readonly bytes_without: number;
  /** What they take with the best one, its copies counted. */
  readonly bytes_with: number;
}

/** How much one call does; always something. */
export interface RitualBudget {
  /** It stops once it has worked on so many bytes of payloads; by default 64 MiB. */
  readonly max_bytes?: number | undefined;
  /** It stops once so much time has passed. */
  readonly max_milliseconds?: number | null | undefined;
}

/** Where work on all rituals goes on. */
export interface RitualProgress {
  readonly ritual: Hex;
  readonly sequence: number;
}

/** What to compact. */
export interface CompactRituals {
  /** The rituals of this assistant; of all, if none is named. */
  readonly assistant?: string | null | undefined;
  /** Only rituals that were not saved to for so many seconds. */
  readonly cold_for_seconds?: number | undefined;
  /** How much to do. */
  readonly budget?: RitualBudget | undefined;
  /** Where the call before stopped: its `next`. */
  readonly after?: RitualProgress | null | undefined;
}

/** What a compaction did. */
export interface CompactionReport {
  /** How many rituals were looked at to their end. */
  readonly rituals: number;
  /** How many entries are encoded anew. */
  readonly entries: number;
  /** By how much the stored bytes of payloads have shrunk; negative if they have grown. */
  readonly saved_bytes: number;
  /** How many dictionaries were deleted since no entry needs them. */
  readonly dictionaries_deleted: number;
  /** The rituals of which something had to be left as it is, as far as their heads still say which, and why. */
  readonly skipped: readonly {
    readonly assistant: string | null;
    readonly ritual: string | null;
    readonly finding: string;
  }[];
  /** Where the next call goes on; null when all is done. */
  readonly next: RitualProgress | null;
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

  /**
   * Restores the newest entry of a ritual; null if there is none. `Corrupt` if it is not what was saved; `NotFound` with
   * the field `key` if its key was destroyed.
   */
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

  /** Lists rituals by their heads, the last saved to first. No entry is read. */
  rituals(filter: RitualHeadFilter = {}, page: PageRequest = {}): Promise<Page<RitualHead>> {
    return call(() => this.#native.rituals(filter, page));
  }

  /**
   * Trains a dictionary from the newest states of an assistant's rituals, and lets new states be compressed with it if it
   * earns its bytes. It takes seconds; no save waits for it. What is stored already changes over with {@link compact}.
   */
  train(assistant: string): Promise<TrainingReport> {
    return call(() => this.#native.train(assistant));
  }

  /** The dictionaries of an assistant; null if it never had one. */
  dictionaries(assistant: string): Promise<RitualDictionaries | null> {
    return call(() => this.#native.dictionaries(assistant));
  }

  /**
   * Makes what is stored as small as it can be, under the present dictionary and the active key, and deletes dictionaries
   * that no entry needs. Restored payloads do not change. It may be interrupted at any point: call it again with the
   * `next` of its report as `after` until that is null.
   */
  compact(request: CompactRituals = {}): Promise<CompactionReport> {
    return call(() => this.#native.compact(request));
  }
}
