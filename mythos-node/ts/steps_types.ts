import type { Page } from './page.js';

/** In which life of an assistant something is done; a higher epoch is newer, and of equal epochs the higher run. */
export interface StepRun {
  /** The epoch of its supervisor, from 1. */
  readonly epoch: number;
  /** The run of the deployment, as an effect says; or numbers of the host's own. */
  readonly run: number;
}

/** A step is about to be done. */
export interface BeginStep {
  readonly assistant: string;
  readonly ritual: string;
  /** The name of the effect within the ritual: 1 to 200 bytes of UTF-8 without U+0000. */
  readonly key: string;
  /** What is to be done: at most 64 KiB, and the same whenever the step is begun again. */
  readonly intent: Uint8Array;
  /** In which life of the assistant; not fenced if not given. */
  readonly run?: StepRun | null | undefined;
  /**
   * A UUID that repeats a call whose outcome is not known. It must be new for each try: one that is derived from the key
   * would make a crash look like a repetition.
   */
  readonly operation?: string | null | undefined;
}

/** A step was done. */
export interface CompleteStep {
  readonly assistant: string;
  readonly ritual: string;
  readonly key: string;
  /** What came of it: at most 64 KiB. */
  readonly outcome: Uint8Array;
  /** Which attempt, as `begin` told; the current one if not given. */
  readonly attempt?: number | null | undefined;
}

/** The host looked at the outside world, and says what came of a step in doubt. */
export interface ResolveStep {
  readonly assistant: string;
  readonly ritual: string;
  readonly key: string;
  /** The attempt that was in doubt. */
  readonly attempt: number;
  readonly resolution: Resolution;
}

/**
 * What came of a step in doubt.
 *
 * - `did_not_happen`: nor will it, since whoever began it is gone. It may be begun again.
 * - `compensated`: it happened, or may have, and was undone. It may be begun again.
 * - `happened`: it is completed.
 */
export type Resolution =
  | { readonly kind: 'did_not_happen' }
  | { readonly kind: 'compensated' }
  | { readonly kind: 'happened'; readonly outcome: Uint8Array };

/**
 * What the journal says to a begin.
 *
 * - `begun`: it is the caller's to do, now.
 * - `in_doubt`: it was begun before, and nobody said how it ended. Look at the outside world, and resolve it.
 * - `completed`: do not do it again.
 */
export type Beginning =
  | { readonly kind: 'begun'; readonly attempt: number }
  | { readonly kind: 'in_doubt'; readonly attempt: number; readonly begun_at: string; readonly run: StepRun | null }
  | { readonly kind: 'completed'; readonly attempt: number; readonly outcome: Buffer; readonly settled_at: string };

/** What is known of a step. */
export type StepState = 'in_doubt' | 'completed' | 'did_not_happen' | 'compensated';

/** A step as it stands. */
export interface Step {
  readonly tenant: string;
  readonly assistant: string;
  readonly ritual: string;
  readonly key: string;
  /** Its place in the order in which the ritual's steps were first begun, from 1. */
  readonly number: number;
  readonly state: StepState;
  /** The current attempt, from 1. */
  readonly attempt: number;
  /** In which life of the assistant that was begun, if it was said. */
  readonly run: StepRun | null;
  /** What is to be done; null if the key that it was sealed under is not known. */
  readonly intent: Buffer | null;
  /** What came of it; null unless it is completed, or if the key that it was sealed under is not known. */
  readonly outcome: Buffer | null;
  /** The newest entry of the ritual when the attempt was begun. */
  readonly begun_entry: string | null;
  /** The newest entry of the ritual when it was settled. */
  readonly settled_entry: string | null;
  /** When it was first begun. */
  readonly created_at: string;
  /** When the attempt was begun. */
  readonly begun_at: string;
  /** When it was settled. */
  readonly settled_at: string | null;
}

/** Which steps of a ritual to list; all conditions hold together. */
export interface StepFilter {
  readonly assistant: string;
  readonly ritual: string;
  readonly state?: StepState | null | undefined;
  /** Settled when this entry was the newest of the ritual, or a later one. */
  readonly settled_since?: string | null | undefined;
}

/** An assistant was restored, and asks what it did that its state does not know of. */
export interface RestoreSteps {
  readonly assistant: string;
  readonly ritual: string;
  /** The entry that was restored; none if it begins anew. */
  readonly entry?: string | null | undefined;
  /** The life that begins now: earlier ones begin nothing any more. */
  readonly run?: StepRun | null | undefined;
  /** At most so many steps of each kind: 1 to 256, by default 256. */
  readonly limit?: number | undefined;
}

/** What an assistant did that its restored state does not know of, each in the order of beginning. */
export interface RestoredSteps {
  /** Completed when the restored entry was the newest, or a later one. */
  readonly completed: Page<Step>;
  /** Begun and never completed: look at the outside world, and resolve them. */
  readonly in_doubt: Page<Step>;
}

/** Settled steps are not needed any more; without conditions, all of them. A key that is forgotten is new again. */
export interface ForgetSteps {
  readonly assistant: string;
  readonly ritual: string;
  /** Settled when an entry before this one was the newest of the ritual. */
  readonly before_entry?: string | null | undefined;
  /** Settled before this moment. */
  readonly before?: string | null | undefined;
  /** At most so many: 1 to 1,000, by default 1,000. */
  readonly limit?: number | undefined;
}

/** What was forgotten. */
export interface ForgottenSteps {
  readonly forgotten: number;
  /** Whether none is left that the conditions hold for. */
  readonly done: boolean;
}
