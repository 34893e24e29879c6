/**
 * What the service of the regression guard and its view take and answer, under the names of the core's members.
 *
 * @module
 */

import type { MutateCodex, SymbolProof } from './codex.js';
import type { Moment } from './codex_proofs.js';
import type { Hex } from './protocol.js';
import type { Assessment, GuardPolicy, GuardVerdict, Signal, Span } from './regression_types.js';

/** Two versions of a clause, a prompt or a file to compare, and to keep the outcome of. */
export interface AuditClause {
  /** The clause, or the name of a prompt or file. */
  readonly clause: string;
  /** The codex that the clause is of, under whose name it is listed; none for a prompt. Nothing of it is read. */
  readonly codex?: string | null | undefined;
  /** The text before, at most 8 MiB; empty for one that was not there. */
  readonly previous_version: string;
  /** The text after, at most 8 MiB; empty for one that is gone. */
  readonly new_version: string;
  /** The thresholds. */
  readonly policy?: GuardPolicy | undefined;
  /** A UUID that names this write, so that repeating it is harmless, and is the audit's id; made if not given. */
  readonly operation?: string | null | undefined;
}

/** A codex to compare between two moments of its log. */
export interface AuditCodex {
  readonly codex: string;
  /** The older moment. */
  readonly from: Moment;
  /** The newer moment. */
  readonly to: Moment;
  /** The thresholds. */
  readonly policy?: GuardPolicy | undefined;
  /** Whether an audit of each pair is kept; by default not. */
  readonly keep?: boolean | undefined;
  /** A UUID that names this write, so that repeating it makes no second audits; made if not given. */
  readonly operation?: string | null | undefined;
}

/** What a person decides about an audit. */
export type AuditDecision =
  | {
      /** The edit is taken, and the machine's flag is right; of an undecided edit, it is no regression. */
      readonly kind: 'accept';
    }
  | {
      /** The edit is a regression and is not taken. */
      readonly kind: 'reject';
    }
  | {
      /** The machine is wrong. */
      readonly kind: 'override';
      /** The flag instead. The edit is taken if it is false. */
      readonly flag: boolean;
    };

/** What a person says of an audit. */
export interface ReviewAudit {
  readonly audit: string;
  readonly decision: AuditDecision;
  /** Who decides: 1 to 150 characters. */
  readonly reviewer: string;
  /** Why; at most 4 KiB. */
  readonly reason?: string | null | undefined;
  /** A UUID that names this write, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** Where an audit stands: nothing to look at, waiting for a person, or what that person said. */
export type AuditStatus = 'passed' | 'awaiting_review' | 'accepted' | 'rejected';

/** Which audits; all conditions hold together. */
export interface AuditFilter {
  /** Of this clause, or of the prompt or file of this name. */
  readonly clause?: string | null | undefined;
  readonly codex?: string | null | undefined;
  /** With this flag in force. */
  readonly regression_flag?: boolean | null | undefined;
  /** With this verdict of the machine. */
  readonly verdict?: GuardVerdict | null | undefined;
  /** In which this signal found something. */
  readonly signal?: Signal | null | undefined;
  /** That stand so. */
  readonly status?: AuditStatus | null | undefined;
  /** Of which a person said something, or nobody did. */
  readonly is_reviewed?: boolean | null | undefined;
  /** Made at this moment or later. */
  readonly since?: string | null | undefined;
  /** Made before this moment. */
  readonly before?: string | null | undefined;
}

/** What a person said of an audit. */
export interface AuditReview {
  /** Its number, from 1: the highest is in force. */
  readonly number: number;
  /** The operation that made it. */
  readonly operation: string;
  readonly decision: AuditDecision;
  /** The flag that is in force by it. */
  readonly flag: boolean;
  readonly reviewer: string;
  /** Absent if none was given. */
  readonly reason?: string;
  readonly reviewed_at: string;
}

/** Two versions of a clause or a prompt, what the guard says of the edit, and what people said after it. */
export interface CodexClauseAudit {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  /** The operation that made it, which is its id. */
  readonly audit: string;
  /** The clause, or the name of a prompt or file. */
  readonly clause: string;
  /** The codex that the clause is of; absent for a prompt. */
  readonly codex?: string;
  /** The position of the event by which it entered the codex's log, if it did. */
  readonly event?: number;
  /** Absent if it is longer than 2,048 bytes, for which `get` brings it, or was erased. */
  readonly previous_version?: string;
  /** Absent as above. */
  readonly new_version?: string;
  readonly previous_bytes: number;
  readonly new_bytes: number;
  /** What opens the commitments; absent once the texts are erased. */
  readonly salt?: Hex;
  readonly previous_commitment: Hex;
  readonly new_commitment: Hex;
  /** The commitment to `prompt_delta` in canonical JSON. */
  readonly delta_commitment: Hex;
  /** What the machine said. No review changes it; erasing the texts empties the messages of its findings. */
  readonly prompt_delta: Assessment;
  /** The thresholds that it said so by. */
  readonly policy: GuardPolicy;
  /** The machine's verdict. */
  readonly verdict: GuardVerdict;
  /** The signals that found something. */
  readonly signals: readonly Signal[];
  /** The flag in force: the newest review's, or the machine's. */
  readonly regression_flag: boolean;
  readonly status: AuditStatus;
  /** Whether a person said something of it. */
  readonly is_reviewed: boolean;
  /** The newest review; absent if there is none. */
  readonly review?: AuditReview;
  /** How many reviews there are. */
  readonly reviews: number;
  /** What an event names as its evidence; neither a review nor erasing the texts changes it. */
  readonly digest: Hex;
  readonly created_at: string;
  readonly updated_at: string;
}

/** An audit with all that belongs to it. */
export interface AuditInFull {
  /** With both texts unless they were erased. */
  readonly audit: CodexClauseAudit;
  /** The oldest first. */
  readonly reviews: readonly AuditReview[];
}

/** How clauses of two states belong together. */
export type MatchKind = 'unchanged' | 'edited' | 'renamed' | 'renamed_and_edited' | 'split' | 'merged';

/** Clauses that belong together, compared. */
export interface AuditedPair {
  readonly kind: MatchKind;
  /** Whether it stands elsewhere. */
  readonly is_moved: boolean;
  /** The ids before: several if they were merged. */
  readonly old: readonly string[];
  /** The ids after: several if it was split. */
  readonly new: readonly string[];
  /** With at most 32 findings. */
  readonly assessment: Assessment;
  /** The audit, if it is kept. */
  readonly audit: string | null;
}

/** What became of a rule book. */
export interface CodexAudit {
  readonly codex: string;
  /** The position of the event that left the older state. */
  readonly from: number;
  /** The position of the event that left the newer state. */
  readonly to: number;
  /** What changed, in the order of the newer state. */
  readonly pairs: readonly AuditedPair[];
  /** How many clauses say the same under the same id. */
  readonly unchanged: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Clauses of either state whose text is erased: they are compared with nothing. */
  readonly erased: readonly string[];
}

/** What is required of the audit of a mutation. */
export type AuditRequirement =
  | {
      /** Nothing but that it is kept. */
      readonly kind: 'record_only';
    }
  | {
      /** That the machine finds no regression, and nobody rejected it. */
      readonly kind: 'passing';
      /** Whether the tone may change; by default not. */
      readonly allow_tone?: boolean | undefined;
    }
  | {
      /** That it passes, or that a person accepted it. */
      readonly kind: 'passing_or_reviewed';
      /** Whether the tone may change without a review; by default not. */
      readonly allow_tone?: boolean | undefined;
      /**
       * An audit of exactly these two texts, which no event has as its evidence yet. If not given, one is made, or the one that an
       * earlier try of the same operation left.
       */
      readonly audit?: string | null | undefined;
    };

/** A mutation of a codex, and what is required of the audit of its texts. */
export interface GuardedMutation {
  /** The mutation, without evidence: that is the audit's. Its operation is the id of the audit that is made of it. */
  readonly mutation: Omit<MutateCodex, 'evidence'>;
  /** What is required; by default that it passes or is reviewed. */
  readonly require?: AuditRequirement | undefined;
  /** The thresholds of an audit that is made of it. */
  readonly policy?: GuardPolicy | undefined;
}

/** What a guarded mutation made. */
export interface GuardedProof {
  readonly proof: SymbolProof;
  /** The audit that the event has as its evidence; null if the mutation changes no clause's text. */
  readonly audit: CodexClauseAudit | null;
}

/** Why an event's evidence does not speak for it. */
export type EvidenceFinding =
  | 'not_named'
  | 'no_audit'
  | 'damaged'
  | 'other_event'
  | 'other_clause'
  | 'other_texts'
  | 'erased';

/** What came of looking for the audit behind an event. */
export interface EvidenceVerification {
  /** What the event names as its evidence. */
  readonly evidence: Hex | null;
  /** The audit with that digest. */
  readonly audit: CodexClauseAudit | null;
  /** What does not agree; null if the audit is of this event, clause and texts. */
  readonly finding: EvidenceFinding | null;
}

/** A share, from 0 to 1, with its Wilson score interval at 95 %. */
export interface Proportion {
  readonly successes: number;
  readonly trials: number;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

/** How many of the audits with a verdict have the flag in force. */
export interface VerdictAgreement {
  readonly verdict: GuardVerdict;
  readonly regressions: Proportion;
}

/** How many of the audits in which a signal found something have the flag in force. */
export interface SignalAgreement {
  readonly signal: Signal;
  readonly regressions: Proportion;
}

/** What people said of audits, against what the machine said. */
export interface Agreement {
  /** How many reviewed audits there are. */
  readonly reviewed: number;
  /** How many of them the machine flagged. */
  readonly flagged: number;
  /** How many of these flags are in force. */
  readonly confirmed: number;
  /** How many of these flags are not. */
  readonly overturned: number;
  /** How many the machine passed. */
  readonly passed: number;
  /** How many of these are flagged by a person. */
  readonly missed: number;
  /** How many the machine left to a person. */
  readonly undecided: number;
  /** How many of these are flagged by that person. */
  readonly undecided_regressions: number;
  /** The share of flags that were confirmed. */
  readonly precision: Proportion | null;
  readonly by_verdict: readonly VerdictAgreement[];
  readonly by_signal: readonly SignalAgreement[];
  /** Whether there are more than were counted, which are the newest 100,000. */
  readonly is_capped: boolean;
}

/** What thresholds are to reach on the reviewed cases. */
export type RefitTarget =
  | {
      /** The highest precision of flags at which at least this share of regressions is flagged. */
      readonly kind: 'precision';
      /** The least recall, from 0 to 1. */
      readonly recall: number;
    }
  | {
      /** The highest harmonic mean of precision and recall. */
      readonly kind: 'f1';
    };

/** What thresholds do on reviewed cases. */
export interface RefitFigures {
  readonly flagged: number;
  readonly undecided: number;
  readonly precision: Proportion | null;
  readonly recall: Proportion | null;
  readonly f1: number;
}

/** Proposed thresholds, with what they would have done on the cases that they were chosen on. */
export interface Refit {
  readonly policy: Required<GuardPolicy>;
  readonly cases: number;
  readonly regressions: number;
  /** What the thresholds so far do. */
  readonly before: RefitFigures;
  /** What the proposed ones do. */
  readonly after: RefitFigures;
}

/** What became of a segment. */
export type DiffPartKind = 'equal' | 'removed' | 'added';

/** A part of a difference. */
export interface DiffPart {
  readonly kind: DiffPartKind;
  /** What it says, or how that begins. */
  readonly text: string;
  /** How many bytes are left out behind `text`. */
  readonly elided_bytes: number;
  /** How it ends, if something is left out. */
  readonly tail: string;
  readonly old: Span | null;
  readonly new: Span | null;
  /** The findings about it, by their place among those of the assessment. */
  readonly findings: readonly number[];
}

/** The difference of two versions word by word, in the order of reading. */
export interface RegressionDiff {
  readonly segments: readonly DiffPart[];
  /** Whether there are more. */
  readonly is_truncated: boolean;
}

/** One audit in the history of a clause. */
export interface ClauseAuditRow {
  readonly audit: CodexClauseAudit;
  /** What changed; null if the texts were erased. */
  readonly diff: RegressionDiff | null;
}

/** One audit with everything. */
export interface ClauseAuditDetail {
  /** With both texts unless they were erased. */
  readonly audit: CodexClauseAudit;
  /** The oldest first. */
  readonly reviews: readonly AuditReview[];
  /** What changed; null if the texts were erased. */
  readonly diff: RegressionDiff | null;
}
