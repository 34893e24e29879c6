import type { NativeRituals } from '../native/index.js';
import { bindMethods, call } from './native.js';
import type { Hex } from './protocol.js';

/** What a payload is for; bound into its signature. */
export interface SymbolicIntent {
  /** Labels to find the entry by: at most 64 of 1 to 150 characters. */
  readonly labels?: readonly string[] | undefined;
  readonly procedure?: string | null | undefined;
  /** The format of the payload, such as `application/json;v=2`. */
  readonly payload_format?: string | null | undefined;
  readonly codex?: string | null | undefined;
  readonly codex_root?: Hex | null | undefined;
}

/** Which entry must be the newest; a save that another writer outran is a `Conflict`. */
export type ParentExpectation =
  | { readonly kind: 'latest' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'entry'; readonly entry: string };

/** What to save, and under which conditions. */
export interface SaveRitual {
  readonly assistant: string;
  readonly ritual: string;
  /** The state, at most 64 MiB; kept as given, byte for byte. */
  readonly payload: Uint8Array;
  readonly intent?: SymbolicIntent | undefined;
  readonly parent?: ParentExpectation | undefined;
  /** A UUID that names this save, so that repeating it is harmless. */
  readonly operation?: string | undefined;
}

/** One checkpoint of a ritual. */
export interface CompressedRitual {
  readonly format: number;
  readonly tenant: string;
  readonly entry: string;
  readonly assistant: string;
  readonly ritual: string;
  /** The position in the ritual's history, from 1. */
  readonly sequence: number;
  readonly parent: string | null;
  readonly labels: readonly string[];
  readonly procedure: string | null;
  readonly payload_format: string | null;
  readonly codex: string | null;
  readonly codex_root: Hex | null;
  readonly compressed_ritual_data: {
    readonly encoding: 'raw' | 'zstd';
    readonly cell: Hex;
    readonly raw_bytes: number;
    readonly stored_bytes: number;
    readonly frame_digest: Hex;
  };
  readonly payload_commitment: Hex;
  readonly symbolic_signature_hash: Hex;
  /** 0 to 1. */
  readonly entropy_score: number;
  /** ISO 8601 in UTC, with microseconds. */
  readonly created_at: string;
}

/** An entry and its payload, verified. */
export interface RestoredRitual {
  readonly entry: CompressedRitual;
  readonly payload: Buffer;
}

/** The checkpoints of assistants' state. */
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

  /** Appends an entry to a ritual. Once this fulfilled, the state survives what the store promises. */
  save(request: SaveRitual): Promise<CompressedRitual> {
    return call(() => this.#native.save(request));
  }

  /** The newest entry of a ritual with its payload, verified; null if there is none. */
  latest(assistant: string, ritual: string): Promise<RestoredRitual | null> {
    return call(() => this.#native.latest(assistant, ritual));
  }
}
