/**
 * What the restarts of deployments are described by.
 *
 * @module
 */

import type { ClauseChange } from './codex_proofs.js';
import type { Hex } from './protocol.js';
import type { Membership } from './restart_groups.js';
import type { RestoredRitual } from './ritual_types.js';

/** What a deployment is restored to, and how. */
export interface DeploymentSpec {
  /** The ritual whose newest entry is restored. Save an entry before deploying. */
  readonly ritual: string;
  /** The codex that it must be aligned with, if any. */
  readonly codex?: string | null | undefined;
  /** How it is brought back. */
  readonly policy?: RestartPolicy | undefined;
}

/** How a deployment is brought back after a failure. What is left out has its default. */
export interface RestartPolicy {
  /** More restarts within the period, and the deployment is given up; by default 10 within ten minutes. */
  readonly window?: RestartWindow | undefined;
  /** Which ends of a run are followed by a restart; by default all. */
  readonly exits?: ExitRules | undefined;
  /** The delay before each restart in a row; by default 1 s, doubled up to 60 s. */
  readonly backoff?: Backoff | undefined;
  /**
   * How the delays are spread: not at all; `full`, as by default, from nothing to the delay; `equal`, from half of the delay
   * to all of it; `decorrelated`, from the first delay to `factor` times the delay before, at most the cap.
   */
  readonly jitter?: 'none' | 'full' | 'equal' | 'decorrelated' | undefined;
  /** At most so many restarts in a row, however long they take; by default any number. */
  readonly max_retries?: number | null | undefined;
  /** Restarts begin at most so long after the failure, or after someone asked for them since; by default at any time. */
  readonly deadline_ms?: number | null | undefined;
  /** So many restarts in a row come without a delay; by default none. */
  readonly free_restarts?: number | undefined;
  /** After so long up without a failure, earlier restarts no longer count; by default ten minutes. */
  readonly quiet_period_ms?: number | undefined;
  /** From when the quiet period counts: from when the assistant came up, as by default, or from the failure before. */
  readonly quiet_since?: 'up' | 'last_failure' | undefined;
  /** An entry whose launches failed so often, within the quiet period, is passed over; by default 5. */
  readonly launches_per_entry?: number | undefined;
  /** What to try, in order, when the newest entry cannot be brought back; by default `older_entry`. */
  readonly symbolic_fallback_path?: readonly FallbackStep[] | undefined;
  /** What to do when an entry ran under another codex root than the one in force; by default `adopt_current`. */
  readonly alignment?: AlignmentPolicy | undefined;
  /** How long each step of the path may take; then the next is taken. By default as long as it takes. */
  readonly step_deadline_ms?: number | null | undefined;
  /** How long an operator may take to answer a question; then it is answered by no. By default as long as it takes. */
  readonly operator_deadline_ms?: number | null | undefined;
  /** How long a launched assistant has to pass its readiness probe; by default 30 s. */
  readonly probe_deadline_ms?: number | undefined;
  /** The seed of the jitter, by default 0. Deployments differ also under the same seed. */
  readonly seed?: number | undefined;
}

/**
 * What to do when an entry ran under another codex root than the one in force:
 *
 * - `same_root`: the step fails.
 * - `compatible`: the assistant resumes under the codex in force if the codex's own log leads there from the entry's root,
 *   and since then clauses were only added, annotated or moved; the difference is reported. Otherwise the step fails.
 * - `audited`: the assistant resumes under the codex in force if the log leads there, and every event since that changes what
 *   a clause says names evidence, such as an audit, whatever that says; the difference is reported. Otherwise the step fails.
 * - `adopt_current`: the assistant resumes under the codex in force, and the difference is reported.
 * - `ask_operator`: an operator is asked: approved, it resumes under the codex in force; declined, the step fails.
 */
export type AlignmentPolicy = 'same_root' | 'compatible' | 'audited' | 'adopt_current' | 'ask_operator';

/** How many restarts within which period; more, and the deployment is given up, or the group ends. */
export interface RestartWindow {
  /** The most restarts; with `tumbling`, the most starts. */
  readonly max_restarts: number;
  readonly period_ms: number;
  /**
   * `sliding`, as by default, counts the restarts of the period that ends now; `tumbling` counts starts, the deployment's own
   * included, in periods that begin with a start.
   */
  readonly kind?: 'sliding' | 'tumbling' | undefined;
}

/** How a run ended: it did what it was to do, was told to end and did, failed, or was killed. */
export type ExitKind = 'completed' | 'shut_down' | 'failed' | 'killed';

/** How a run of an assistant ended. */
export interface Exit {
  readonly kind: ExitKind;
  /** The exit status of its process, if it has one. */
  readonly status?: number | null | undefined;
  /** The class of the failure, in 1 to 100 bytes. */
  readonly class?: string | null | undefined;
  /** Whether whoever failed says that to repeat cannot help. */
  readonly non_retryable?: boolean | undefined;
  /** Why it ended; the first 100 characters are kept. */
  readonly reason: string;
}

/** Ends of a run that are alike. */
export type ExitMatch =
  | { readonly by: 'kind'; readonly kind: ExitKind }
  | { readonly by: 'status'; readonly status: number }
  | { readonly by: 'class'; readonly class: string };

/** `permanent`: a restart follows every end; `transient`: those in which something went wrong; `temporary`: none. */
export type RestartClass = 'permanent' | 'transient' | 'temporary';

/**
 * Which ends of a run are followed by a restart. What is asked first decides: never after an end that is `non_retryable` or
 * in `prevent`; never after completion if `is_one_shot`; always after an end in `force`; otherwise by class.
 */
export interface ExitRules {
  /** By default `permanent`. */
  readonly restart?: RestartClass | undefined;
  /** Never after these; at most 64. */
  readonly prevent?: readonly ExitMatch[] | undefined;
  /** After these whatever the class; at most 64. */
  readonly force?: readonly ExitMatch[] | undefined;
  /** An assistant that has one thing to do: once completed, it is done. */
  readonly is_one_shot?: boolean | undefined;
}

/** How long a deployment waits before its n-th restart in a row. */
export type Backoff =
  | { readonly kind: 'constant'; readonly delay_ms: number }
  | {
      /** The smaller of the cap and `initial_ms` times `factor` to the power n - 1. */
      readonly kind: 'exponential';
      readonly initial_ms: number;
      /** 1.1 to 100. */
      readonly factor: number;
      readonly cap_ms: number;
    }
  | {
      /** Equal ratios, in so many steps from the first delay to the cap. */
      readonly kind: 'geometric_steps';
      readonly initial_ms: number;
      readonly cap_ms: number;
      readonly steps: number;
    };

/** One way to bring an assistant back. */
export type FallbackStep =
  | {
      /** The newest entry of the deployment's ritual. Always the first step; a fallback path does not name it. */
      readonly kind: 'latest';
    }
  | {
      /** The newest verifiable entry older than the one tried before. */
      readonly kind: 'older_entry';
    }
  | {
      /** The newest entry of another ritual of the assistant. */
      readonly kind: 'named_ritual';
      readonly ritual: string;
    }
  | {
      /** The newest entry, resumed under the state of the codex that it ran under, as far as the codex's log proves it. */
      readonly kind: 'older_codex';
    }
  | {
      /** The newest entry of a ritual of another assistant, which takes the place of this one. */
      readonly kind: 'substitute';
      readonly assistant: string;
      readonly ritual: string;
    }
  | {
      /** Asks an operator and waits, instead of giving up. Only as the last step. */
      readonly kind: 'escalate';
    };

/** What every request of a supervisor about an assistant says. */
export interface SupervisorRequest {
  /** The assistant. */
  readonly assistant: string;
  /** A UUID that names this write, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** The host launched an assistant, or launched it anew; from now on it is supervised. */
export interface DeployAssistant extends SupervisorRequest {
  /** What it is restored to, and how. */
  readonly spec: DeploymentSpec;
}

/** An assistant failed. */
export interface ReportFailure extends SupervisorRequest {
  /** Which run of it, from a decision or an effect; the current one if not given. */
  readonly run?: number | null | undefined;
  /** What kind of failure it is. */
  readonly kind: FailureKind;
  /** Why; the first 100 characters are kept. */
  readonly reason: string;
}

/** A run of an assistant ended; what follows is a matter of {@link ExitRules}. */
export interface ReportExit extends SupervisorRequest {
  /** Which run of it, from a decision or an effect; the current one if not given. */
  readonly run?: number | null | undefined;
  /** How it ended. */
  readonly exit: Exit;
}

/** An assistant is to rest: no restart follows until it is asked for. The host ends the assistant itself. */
export type StopAssistant = SupervisorRequest;

/** An assistant is to be restarted at once, and earlier restarts no longer count. */
export interface RestartAssistant extends SupervisorRequest {
  /** Why, in 1 to 100 characters. */
  readonly reason: string;
}

/**
 * What kind of failure was reported: it ended, lives without progress, does not work as it should, sends no heartbeat any
 * more, did not become ready, or did not fail but was to be restarted, or ended although its policy keeps it running, or was
 * stopped or started by its group. The last three no host reports.
 */
export type FailureKind =
  | 'crashed'
  | 'stalled'
  | 'unhealthy'
  | 'unresponsive'
  | 'unready'
  | 'requested'
  | 'ended'
  | 'group';

/**
 * Why a deployment was given up. `group_window_exceeded`: the restarts of all members of its group together were more than the
 * group's window allows; `group_ended`: its group had ended before.
 */
export type GiveUp =
  | 'window_exceeded'
  | 'path_exhausted'
  | 'declined'
  | 'retries_exhausted'
  | 'deadline_exceeded'
  | 'not_restarted'
  | 'group_window_exceeded'
  | 'group_ended';

/** A checkpoint whose bytes were restored and verified. */
export interface RestoredEntry {
  readonly entry: string;
  readonly ritual: string;
  readonly sequence: number;
  readonly symbolic_signature_hash: Hex;
  /** The assistant that it is of, if that is a substitute for the deployment's own. */
  readonly substitute?: string;
  /** The codex that it ran under, if it says so. */
  readonly codex: string | null;
  /** The root of that codex at the time, if it says so. */
  readonly codex_root: Hex | null;
}

/** How a restored entry compares with the codex in force; the same if both roots are equal. */
export interface Alignment {
  /** The codex in force. */
  readonly codex: string;
  /** Its root, proven from its whole trail. */
  readonly proven_root: Hex;
  /** The root of the same codex that the entry ran under; null if it ran under another codex or none. */
  readonly entry_root: Hex | null;
  /** The position of the last event of the codex's log that left that root; absent if none did, or the roots are equal. */
  readonly since?: number;
  /** The clauses that differ since, at most 100 of them; absent if none does. */
  readonly changes?: readonly ClauseChange[];
  /** How many more differ; absent if none does. */
  readonly more_changes?: number;
  /** Whether the log leads from the entry's root to the proven one, and no clause was replaced or removed. */
  readonly is_compatible: boolean;
  /**
   * Whether the log leads there, and every event since that changes what a clause says names evidence that it was examined;
   * absent if not.
   */
  readonly is_audited?: boolean;
  /** Whether the assistant resumes under the entry's root, and not under the one in force; absent if it does not. */
  readonly is_older_codex?: boolean;
}

/** Where a deployment stands. */
export type State =
  | {
      /** The host deployed the assistant, and it has not failed since. */
      readonly kind: 'running';
      readonly since: string;
    }
  | {
      /** It failed; a restart follows when the timer fires. */
      readonly kind: 'backing_off';
      readonly set_at: string;
      readonly until: string;
      readonly generation: number;
    }
  | {
      /** An entry is to be restored and verified. */
      readonly kind: 'restoring';
      /** The step of the path, where 0 is the newest entry. */
      readonly step: number;
      /** The sequence of the entry that failed before, if any did and it is known. */
      readonly older_than: number | null;
    }
  | {
      /** The restored entry is to be compared with the codex in force. */
      readonly kind: 'aligning';
      readonly step: number;
      readonly older_than: number | null;
      readonly entry: RestoredEntry;
    }
  | {
      /** An operator was asked. */
      readonly kind: 'awaiting_operator';
      readonly question: Question;
    }
  | {
      /** The host launches the assistant from the restored entry and probes its readiness. */
      readonly kind: 'verifying';
      readonly entry: RestoredEntry;
      readonly alignment: Alignment | null;
      readonly set_at: string;
      readonly deadline: string;
      readonly generation: number;
    }
  | {
      /** Restored from a verified entry, aligned, probed, and not failed since. */
      readonly kind: 'mythpath_ready';
      readonly entry: RestoredEntry;
      readonly alignment: Alignment | null;
      readonly since: string;
    }
  | {
      /** No restart follows until someone asks for one. */
      readonly kind: 'given_up';
      readonly why: GiveUp;
    }
  | {
      /** Its group stops it, or someone asked for that; the host ends it. */
      readonly kind: 'stopping';
      /** What follows. */
      readonly stop: Stop;
      /** Until when it may end by itself; then it is killed. Null for as long as it takes, or if it is killed already. */
      readonly deadline: string | null;
      readonly set_at: string;
      readonly generation: number;
    }
  | {
      /** Down, until its group starts it. */
      readonly kind: 'waiting';
      /** How long its start is delayed. */
      readonly delay_ms: number;
    }
  | {
      /** It ended as it may, and its policy lets it rest. */
      readonly kind: 'completed';
      readonly since: string;
    }
  | {
      /** Stopped by request. */
      readonly kind: 'stopped';
    };

/** How a deployment is stopped. */
export interface Stop {
  /** How long its next start is delayed. */
  readonly delay_ms: number;
  /** Whether it is to be killed. */
  readonly is_killed: boolean;
  /** Whether it rests then, or waits for its group to start it. */
  readonly for_good: boolean;
  /** Whether someone asked for that, so that it stays down until someone asks for it. */
  readonly is_requested: boolean;
  /** Why it had been given up, if it had. */
  readonly given_up: GiveUp | null;
  /** Whether an operator knows of that. */
  readonly is_known: boolean;
}

/** The name of a state, and of `failed`, which a deployment passes through without resting in it. */
export type StateName = State['kind'] | 'failed';

/** What an operator is asked. */
export type Question =
  | {
      /** Whether the assistant may resume under the codex in force. */
      readonly kind: 'misaligned';
      readonly step: number;
      readonly older_than: number | null;
      readonly entry: RestoredEntry;
      readonly alignment: Alignment;
    }
  | {
      /** Whether to try the whole path once more, after something was mended. */
      readonly kind: 'path_exhausted';
    };

/** Something to be carried out for a deployment. */
export interface Effect {
  /** What an answer names; the same whenever it is handed out. */
  readonly id: string;
  /** The epoch of the supervisor that hands it out: pass it on to whatever should refuse an older one. */
  readonly epoch: number;
  readonly assistant: string;
  /** The run that it belongs to: the launch that a probe makes, or the last one before it. */
  readonly run: number;
  /** When it was decided. */
  readonly issued_at: string;
  /** What to do. */
  readonly action: Action;
}

/** What an effect asks for. `carryOut` does the first two, the host the others. */
export type Action =
  | {
      /** Restore an entry of a ritual and verify its bytes. */
      readonly kind: 'restore';
      /** The assistant whose ritual it is, if it is a substitute for the deployment's own. */
      readonly substitute?: string;
      readonly ritual: string;
      readonly which:
        | { readonly kind: 'latest' }
        | {
            readonly kind: 'older_than';
            /** Null stands for the newest, whose sequence could not be read. */
            readonly sequence: number | null;
          };
    }
  | {
      /** Prove the codex and compare its root with the entry's. */
      readonly kind: 'align';
      readonly codex: string;
      readonly entry: RestoredEntry;
    }
  | {
      /**
       * End whatever still runs of the assistant, launch it from `entry`, and probe its readiness. Answered with
       * `ready` or `not_ready`; past the deadline the launch counts as failed.
       */
      readonly kind: 'probe';
      readonly entry: RestoredEntry;
      /** The root of the codex that it is to run under, if the deployment has one. */
      readonly codex_root?: Hex;
      readonly deadline: string;
    }
  | {
      /** End the assistant, as its group or someone wants. Answered with `stopped` once nothing of it runs. */
      readonly kind: 'stop';
      /** Until when it may end by itself; after it, a `kill` follows. Null for as long as it takes. */
      readonly deadline: string | null;
    }
  | {
      /** Kill the assistant. Answered with `stopped` once nothing of it runs. */
      readonly kind: 'kill';
    }
  | {
      /** Tell an operator. A question is answered with `approved` or `declined`, a notice with `acknowledged`. */
      readonly kind: 'escalate';
      readonly escalation: Escalation;
    };

/** What an operator is told. */
export type Escalation =
  | {
      /** A question: may the assistant resume from `entry` under the codex in force, which is another? */
      readonly kind: 'misaligned';
      readonly entry: RestoredEntry;
      readonly alignment: Alignment;
    }
  | {
      /** A question: every step of the path failed; try again, now that something was mended? */
      readonly kind: 'path_exhausted';
    }
  | {
      /** A notice: the deployment was given up. */
      readonly kind: 'given_up';
      readonly why: GiveUp;
    };

/** What came of an effect that the host carries out. */
export type Outcome =
  | {
      /** Of a probe: the assistant runs and is ready. */
      readonly kind: 'ready';
    }
  | {
      /** Of a probe: it could not be launched or is not ready. */
      readonly kind: 'not_ready';
      /** Why; the first 100 characters are kept. */
      readonly reason: string;
    }
  | {
      /** Of a question: yes. */
      readonly kind: 'approved';
    }
  | {
      /** Of a question: no. */
      readonly kind: 'declined';
    }
  | {
      /** Of a notice: an operator knows. */
      readonly kind: 'acknowledged';
    }
  | {
      /** Of a stop and a kill: nothing of the assistant runs. */
      readonly kind: 'stopped';
    };

/** What was decided about a deployment. */
export interface Decision {
  readonly assistant: string;
  /** Whether anything changed. What comes late or twice changes nothing. */
  readonly changed: boolean;
  /** Where the deployment stands after it. */
  readonly state: State;
  /** The current run. */
  readonly run: number;
  /** The incident that is open or was the last; 0 if there was none. */
  readonly incident: number;
  /** The id of the effect that is pending after it. */
  readonly effect: string | null;
  readonly decided_at: string;
}

/** What `carryOut` did. */
export interface CarriedOut {
  /** What was decided. */
  readonly decision: Decision;
  /** What was restored and verified, if anything was. */
  readonly restored: RestoredRitual | null;
  /** How the entry compares with the codex in force, if it was compared. */
  readonly alignment: Alignment | null;
  /** What is to be carried out next; `pollEffects` does not hand it out again. */
  readonly next: Effect | null;
}

/** How an incident ended. */
export type Ending = 'ready' | 'given_up' | 'stopped' | 'redeployed' | 'completed';

/** What came of a step. */
export type StepResult =
  | {
      readonly kind:
        | 'underway'
        | 'interrupted'
        | 'passed_over'
        | 'misaligned'
        | 'timed_out'
        | 'ready'
        | 'completed'
        | 'approved'
        | 'declined';
    }
  | { readonly kind: 'not_restored' | 'not_aligned' | 'not_ready'; readonly reason: string };

/** One step of the path that was tried. */
export interface StepTaken {
  /** Which beginning of the path it belongs to, from 1. */
  readonly restart: number;
  readonly step: FallbackStep;
  /** What it restored, if it came so far. */
  readonly entry: RestoredEntry | null;
  readonly result: StepResult;
}

/** A state that was passed through. */
export interface Visit {
  readonly state: StateName;
  readonly at: string;
}

/** What the machine of a deployment and the listing of its incidents both say about one. */
interface IncidentCourse {
  /** How often the path was begun. */
  readonly restarts: number;
  /** How long restarts were delayed, in all. */
  readonly waited_ms: number;
  /** The steps that were tried; the first and the last of very many. */
  readonly steps: readonly StepTaken[];
  /** The states that were passed through; the first and the last of very many. */
  readonly path: readonly Visit[];
  /** How many steps and states were left out. */
  readonly left_out: number;
  /** The entry that was restored last. */
  readonly entry: RestoredEntry | null;
  /** How it compared with the codex in force. */
  readonly alignment: Alignment | null;
  /** How the incident ended; null while it is open. */
  readonly ending: Ending | null;
  readonly ended_at: string | null;
  /** The operation that reported the failure. */
  readonly operation: string;
}

/** What happened to a deployment from a failure until it was ready again, given up, stopped or deployed anew. */
export interface Incident extends IncidentCourse {
  /** Counted from 1 in the deployment's life. */
  readonly number: number;
  readonly kind: FailureKind;
  readonly reason: string;
  readonly opened_at: string;
}

/** One incident, as it is listed. */
export interface DeploymentRestart extends IncidentCourse {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly supervisor: string;
  readonly assistant: string;
  /** Counted from 1 in the deployment's life. */
  readonly incident: number;
  /** The entry that the assistant was last restored from, as text; `none` while nothing was restored. */
  readonly last_known_state: string;
  /** The steps that were tried, in order, with what came of them, as text. */
  readonly symbolic_fallback_path: string;
  readonly restart_trigger_reason: string;
  /** Whether the assistant became mythpath-ready. */
  readonly successful_redeploy_flag: boolean;
  /** When the failure was reported. */
  readonly created_at: string;
  readonly failure_kind: FailureKind;
  readonly ready_at: string | null;
}

/** What decides about one deployment. */
export interface Machine {
  readonly state: State;
  /** The open incident, or the last one. */
  readonly incident: Incident | null;
  /** How many launches there were; the last one is the current run. */
  readonly run: number;
  /** How many timers were set. */
  readonly generation: number;
  /** How many effects were issued. */
  readonly effects: number;
  /** The effect that waits for its answer. */
  readonly pending: { readonly number: number; readonly issued_at: string } | null;
  /** When the restarts were that count for the window. */
  readonly history: readonly string[];
  /** The restarts in a row that count for the backoff. */
  readonly attempts: number;
  /** Failed launches by the entry they were made from and the root of the codex that they ran under, if they had one. */
  readonly failed_launches: readonly { readonly entry: string; readonly root?: string; readonly count: number }[];
  /** The last delay in a row. */
  readonly delay_ms: number;
  /** When a run failed last. */
  readonly failed_at: string | null;
  /** From when the policy's deadline counts. */
  readonly begun_at: string | null;
  /** The timer of the step of the path that is underway, or of a question to an operator. */
  readonly step_timer: {
    readonly deadline: string;
    readonly set_at: string;
    readonly generation: number;
  } | null;
  /** Whether it is known that nothing of the assistant runs. */
  readonly is_gone: boolean;
  /** Whether it was up since it was deployed or joined its group. */
  readonly was_up: boolean;
  /** What an operator is still to be told of although the deployment does not stand there any more. */
  readonly notice?: GiveUp;
}

/** A deployment as it stands. */
export interface Deployment {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly supervisor: string;
  readonly assistant: string;
  readonly state: StateName;
  /** When its timer is due, if one is set. */
  readonly timer_at: string | null;
  /** When the timer was set; null without a timer. */
  readonly timer_set_at: string | null;
  /** When its pending effect was issued, if one is pending. */
  readonly effect_at: string | null;
  /** By what it is found among the members of its group; absent if it is no member of one. */
  readonly place?: string;
  /** How it is a member of a group; absent if it is none. */
  readonly member?: Membership;
  readonly spec: DeploymentSpec;
  readonly machine: Machine;
  /** How often the record of the machine's incident was written; 0 if there was none. */
  readonly incident_version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Which deployments to list; all conditions hold together. */
export interface DeploymentFilter {
  readonly supervisor?: string | null | undefined;
  readonly assistant?: string | null | undefined;
  readonly state?: StateName | null | undefined;
}

/** Which incidents to list; all conditions hold together. */
export interface RestartFilter {
  readonly assistant?: string | null | undefined;
  readonly supervisor?: string | null | undefined;
  /** Opened at this moment, in ISO 8601, or later. */
  readonly since?: string | null | undefined;
  /** Opened before this moment. */
  readonly before?: string | null | undefined;
}

/** How the deployments of a supervisor are, all together; those whose records cannot be read count nowhere. */
export interface SupervisionTotals {
  /** How many deployments there are. */
  readonly deployments: number;
  /** How many of them have an open incident. */
  readonly incidents: number;
  /** How many effects wait for an answer. */
  readonly pending: number;
}
