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
  /** The information in the payload that its parent's lacks, 0 to 1; see `noveltyScore`. */
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

/** A part of what is stored of rituals. */
export type RitualPart =
  /** The head record of a ritual. */
  | 'head'
  /** What is kept of an entry beside its payload, or the block of entries that it stands in. */
  | 'card'
  /** What entries are for. */
  | 'intent'
  /** A payload that needs no other. */
  | 'whole'
  /** What makes a payload out of the next newer one. */
  | 'patch'
  /** A dictionary of an assistant, or the record of them. */
  | 'dictionary'
  /** The position of the entry that an operation of the caller's saved. */
  | 'operation'
  /** A cell that nothing names. */
  | 'orphan';

/** Positions of entries that follow one another. */
export interface SequenceRange {
  /** The oldest. */
  readonly first: number;
  /** The newest. */
  readonly last: number;
}

/** One thing that is damaged. */
export interface ScrubFinding {
  /** The assistant, if it can still be told. */
  readonly assistant: string | null;
  /** The ritual, if it is one's and can still be told. */
  readonly ritual: string | null;
  /** The entry, if it is one's; of a block of entries the newest. */
  readonly entry: string | null;
  /** Its position. */
  readonly sequence: number | null;
  /** What is damaged. */
  readonly part: RitualPart;
  /** The digest that it should have, if digests were compared. */
  readonly expected: string | null;
  /** The digest that it has, if digests were compared. */
  readonly found: string | null;
  /** What is wrong, in words. */
  readonly message: string;
  /**
   * The entries that can no longer be restored by any way because of it, newest first: at most 1,000 ranges. They may
   * hold positions of entries that were pruned.
   */
  readonly lost: readonly SequenceRange[];
}

/** What the verification of one entry found. */
export interface RitualVerification {
  readonly entry: string;
  /** Whether all that is stored of it agrees: head, card, signature, intent, whole payload, patch. */
  readonly verified: boolean;
  /** Whether it can be restored all the same. */
  readonly restorable: boolean;
  /** What is damaged. */
  readonly findings: readonly ScrubFinding[];
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
  /** The positions of the newest entries, which are whole: at most two, the newest first; none if it has no entry. */
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
  /** What the last scrub found, if one was recorded. */
  readonly scrubbed?: Scrubbed;
  /** Of what it is a copy, until that is complete: until then it has no entries. */
  readonly copying?: UnfinishedCopy;
  /** When its oldest entry was saved. */
  readonly first_at: string;
  /** When its newest entry was saved. */
  readonly updated_at: string;
}

/** What a scrub found of a ritual. */
export interface Scrubbed {
  /** When. */
  readonly at: string;
  /** The highest position then: newer entries were not looked at. */
  readonly sequence: number;
  /** Nothing is told of entries at this position and below, which the scrub has not reached; 0 if it tells of all. */
  readonly above: number;
  /** The positions of entries that did not verify, newest first, at most 100. */
  readonly damaged: readonly number[];
}

/** A ritual that is being copied. */
export interface UnfinishedCopy {
  /** The `root` of the origin. */
  readonly of: string;
  /** How many entries were copied so far. */
  readonly entries: number;
}

/** One dictionary of an assistant. */
export interface RitualDictionary {
  /** Its number; never given again. */
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

/** A ritual that could not be worked on, or not wholly. */
export interface SkippedRitual {
  /** The assistant, if the head still says it. */
  readonly assistant: string | null;
  /** The ritual, if the head still says it. */
  readonly ritual: string | null;
  /** Why. */
  readonly finding: string;
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
  /** The rituals of which something had to be left as it is. */
  readonly skipped: readonly SkippedRitual[];
  /** Where the next call goes on; null when all is done. */
  readonly next: RitualProgress | null;
}

/**
 * What is kept of each ritual: an entry that any of the bounds excludes goes, unless one of its labels keeps it. The newest
 * entry always stays. At least one bound is given.
 */
export interface RetentionPolicy {
  /** Only so many entries, the newest; at least 1. */
  readonly max_entries?: number | null | undefined;
  /** Only entries that were saved within so many seconds. */
  readonly max_age_seconds?: number | null | undefined;
  /** Only as many entries, the newest, as together take at most so many stored bytes. */
  readonly max_stored_bytes?: number | null | undefined;
  /** Entries with one of these labels, at most 256, stay beside what the bounds keep. */
  readonly keep_labels?: readonly string[] | undefined;
}

/** An assistant's retention, and what it did so far. */
export interface RetentionStatus {
  /** What is kept of each of its rituals. */
  readonly policy: RetentionPolicy;
  /** When it last deleted something, got further in a long pass, or met an obstacle or no longer did. */
  readonly last_run_at: string | null;
  /** How many entries it has deleted since the policy was set. */
  readonly entries_deleted: number;
  /** By how much the stored bytes of payloads have shrunk by it; negative if they have grown. */
  readonly bytes_freed: number;
  /** What was in the way of the last run; null if nothing was. */
  readonly last_finding: string | null;
}

/** Which entries go. */
export type PruneWhat =
  /** What a policy does not keep: of a ritual, of all rituals of an assistant, or of all. */
  | {
      readonly kind: 'policy';
      readonly assistant?: string | null | undefined;
      /** Only with an assistant. */
      readonly ritual?: string | null | undefined;
      readonly policy: RetentionPolicy;
    }
  /** All entries of a ritual but these, the newest too; entries that are there no more are none of them. */
  | {
      readonly kind: 'keep';
      readonly assistant: string;
      readonly ritual: string;
      readonly entries: readonly string[];
    }
  /** Exactly these entries of one ritual, at least one, as far as they are there. */
  | { readonly kind: 'entries'; readonly entries: readonly string[] };

/** What to prune, and how much at once. */
export interface PruneRituals {
  /** Which entries go. */
  readonly what: PruneWhat;
  /** Only say what would go. */
  readonly dry_run?: boolean | undefined;
  /** How much to do. */
  readonly budget?: RitualBudget | undefined;
  /** Where the call before stopped: its `next`. */
  readonly after?: RitualProgress | null | undefined;
}

/** What was pruned. */
export interface PruneReport {
  /** How many rituals were looked at to their end. */
  readonly rituals: number;
  /** How many entries were deleted, or would be. */
  readonly entries: number;
  /** How many entries that stay were given another base, or would be. */
  readonly rerooted: number;
  /**
   * By how much the stored bytes of payloads have shrunk; negative if they have grown. Of a dry run, the stored bytes of
   * what would be deleted.
   */
  readonly bytes_freed: number;
  /** The rituals of which something had to be left as it is. */
  readonly skipped: readonly SkippedRitual[];
  /** Where the next call goes on; null when all is done. */
  readonly next: RitualProgress | null;
}

/** What was deleted. */
export interface DeletionReport {
  /** How many rituals are gone. */
  readonly rituals: number;
  /** How many entries are gone, as far as the rituals' heads could say it. */
  readonly entries: number;
  /** What was stored of their payloads, in bytes, as far as the rituals' heads could say it. */
  readonly bytes_freed: number;
  /** How many dictionaries are gone. */
  readonly dictionaries: number;
  /** The rituals that are still there, since writers kept changing them. */
  readonly skipped: readonly SkippedRitual[];
  /** Whether nothing is left; if not, repeat the call. */
  readonly done: boolean;
}

/** Where to fork a ritual, and what the new one is called. */
export interface ForkRitual {
  /** The entry that the new ritual begins with. */
  readonly entry: string;
  /** The assistant of the new ritual; that of the entry, if none is named. */
  readonly assistant?: string | null | undefined;
  /** The new ritual. */
  readonly ritual: string;
  /** A UUID that names this fork, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** What to copy, and where. */
export interface CopyRitual {
  /** The assistant whose ritual is copied. */
  readonly assistant: string;
  /** The ritual that is copied. */
  readonly ritual: string;
  /** The assistant of the copy; the same, if none is named. */
  readonly to_assistant?: string | null | undefined;
  /** The copy. */
  readonly to_ritual: string;
  /** How much to do. */
  readonly budget?: RitualBudget | undefined;
}

/** What was copied. */
export interface RitualCopyReport {
  /** How many entries this call copied. */
  readonly entries: number;
  /** How many bytes their payloads have. */
  readonly raw_bytes: number;
  /** The entries that this call could not copy, since they are damaged or their key was destroyed. */
  readonly skipped: readonly SkippedEntry[];
  /** Whether the copy is complete; if not, repeat the call. */
  readonly done: boolean;
}

/** What to scrub, and how much of it in one call. */
export interface ScrubRituals {
  /** The rituals and dictionaries of this assistant; of all, if none is named. */
  readonly assistant?: string | null | undefined;
  /** Only rituals of this name. With an assistant, a ritual whose head is gone is found too. */
  readonly ritual?: string | null | undefined;
  /** How much one call does: a host that waits between calls limits the rate by it. */
  readonly budget?: RitualBudget | undefined;
  /** Where the call before stopped: its `next`. */
  readonly after?: RitualProgress | null | undefined;
}

/** What a scrub saw and found. */
export interface ScrubReport {
  /** How many rituals were seen to their end. */
  readonly rituals: number;
  /** How many entries were seen. */
  readonly entries: number;
  /** The length of the payloads that verified. */
  readonly bytes: number;
  /** What is damaged, the first 1,000 findings. */
  readonly damaged: readonly ScrubFinding[];
  /** How many findings there were. */
  readonly findings: number;
  /** What could not be verified although nothing says that it is damaged: its key is not known, or writers kept changing it. */
  readonly skipped: readonly SkippedRitual[];
  /** Where the next call goes on; null when all is done. */
  readonly next: RitualProgress | null;
}

/** Which rituals to add up. */
export interface TotalRituals {
  /** Those of this assistant; of all, if none is named. */
  readonly assistant?: string | null | undefined;
  /** Those of this name. */
  readonly ritual?: string | null | undefined;
  /** Also by encoding, for which about 80 bytes are read for each entry. */
  readonly by_encoding?: boolean | undefined;
  /** Where the call before stopped: its `next`. */
  readonly after?: RitualProgress | null | undefined;
}

/** What the entries of one encoding take together. */
export interface EncodingTotals {
  readonly encoding: StoredFrame['encoding'];
  /** How many entries. */
  readonly entries: number;
  /** The length of their payloads. */
  readonly raw_bytes: number;
  /** The length of all that is stored of them; of a whole payload with a patch beside it, both. */
  readonly stored_bytes: number;
}

/** What rituals take together. */
export interface RitualTotals {
  /** How many rituals. */
  readonly rituals: number;
  /** How many entries. */
  readonly entries: number;
  /** The length of all payloads. */
  readonly raw_bytes: number;
  /** The length of all that is stored of them. */
  readonly stored_bytes: number;
  /** The same by encoding, if it was asked for. */
  readonly encodings: readonly EncodingTotals[];
  /** Heads and blocks of entries that cannot be read and are left out. */
  readonly damaged: number;
  /** Where the next call goes on; null when all are added up. */
  readonly next: RitualProgress | null;
}

/** One entry on the curve of a ritual. */
export interface RitualPoint {
  /** The position. */
  readonly sequence: number;
  /** The length of the payload. */
  readonly raw_bytes: number;
  /** The length of all that is stored of it. */
  readonly stored_bytes: number;
  /** Its entropy score, 0 to 1. */
  readonly entropy: number;
  /** Its novelty score against the entry before, 0 to 1. */
  readonly novelty: number;
  /** When it was saved. */
  readonly created_at: string;
}
