/** Thrown when evidence does not follow, or cannot be read; the message says what does not follow. */
export class EvidenceError extends Error {
  readonly name: string;
}

/** Whom to believe. */
export interface EvidencePolicy {
  /** The log's verifier keys, as C2SP signed notes write them: `NAME+ID+BASE64`. One that is called as the log signed. */
  readonly keys: readonly string[];
  /** The verifier keys of witnesses; by default none. */
  readonly witnesses?: readonly string[] | undefined;
  /** How many of the witnesses must have cosigned; by default all. */
  readonly quorum?: number | undefined;
}

/** What a bundle proves. */
export interface ProvenClause {
  /** Whose codex it is. */
  readonly tenant: string;
  readonly codex: string;
  /** The origin of the checkpoint: the name of the log. */
  readonly origin: string;
  /** How many events the checkpoint speaks of. */
  readonly size: number;
  /** The root of the codex there, in hexadecimal. */
  readonly codex_root: string;
  readonly clause: string;
  /** The clause's text; null if it is not disclosed, or was erased. */
  readonly text: string | null;
  /** Its notes, oldest first. */
  readonly notes: readonly (string | null)[];
  /** The event that gave it its text, and those that gave it its notes, by position. */
  readonly origins: readonly ProvenOrigin[];
  /** The names of the witnesses' keys that cosigned, in the order of the policy. */
  readonly witnesses: readonly string[];
}

/** An event that gave a clause a text or a note. */
export interface ProvenOrigin {
  /** Its position in the log. */
  readonly sequence: number;
  readonly change: 'create' | 'add' | 'replace' | 'annotate';
  /** The directives that led to it, outermost first. */
  readonly directive_path: readonly string[];
  /** Who made it; null if that is not disclosed. */
  readonly actor: string | null;
  /** Why; null if that is not disclosed. */
  readonly reason: string | null;
  /** When, in ISO 8601 with microseconds. */
  readonly recorded_at: string;
}

/**
 * Verifies an evidence bundle offline, against keys that the caller knows, and gives what it proves. It needs no native
 * code, no store and no network, and runs in browsers too.
 *
 * It accepts what `EvidenceBundle::verify` of the core accepts, but for two bounds: counts and positions are at most
 * 2^53 - 1, and keys are of the two types that are verified, Ed25519 and `cosignature/v1`. Where a member stands twice
 * in JSON, the last counts; the core refuses that.
 *
 * @param bundle The bundle's JSON, or what `JSON.parse` makes of it.
 * @throws {EvidenceError} if anything does not follow from the checkpoint, or that is not signed as the policy asks.
 *
 * @example
 * const { clause, text } = verifyEvidence(bundle, { keys: ['mythos/default/support+1f2e3d4c+AQ...'] });
 */
export function verifyEvidence(bundle: string | object, policy: EvidencePolicy): ProvenClause;
