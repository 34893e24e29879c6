import type { NativeRestartView } from '../native/index.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type { Cursor } from './protocol.js';
import { type AssistantDeploymentAutoRestarter, nativeRestartView } from './restart.js';
import type {
  Action,
  DeploymentRestart,
  FallbackStep,
  Incident,
  State,
  StateName,
  StepTaken,
  Visit,
} from './restart_types.js';

/** A deployment at a glance. */
export interface DeploymentStatus {
  readonly supervisor: string;
  readonly assistant: string;
  /** Where it stands. */
  readonly state: State;
  /** The timer that leads on, if one is set. */
  readonly timer: TimerStatus | null;
  /** The effect that waits for its answer, if one does. */
  readonly effect: PendingEffect | null;
  /** The current run: the number of the last launch. */
  readonly run: number;
  /** How many restarts in a row count for the backoff. */
  readonly attempts: number;
  /** The incident that is open or was the last. */
  readonly incident: Incident | null;
  /** When anything was decided about it last. */
  readonly updated_at: string;
  /** When this was read. */
  readonly read_at: string;
}

/** A timer that is set. */
export interface TimerStatus {
  readonly set_at: string;
  readonly due_at: string;
  /** How long it runs still, rounded up; 0 if it is due. */
  readonly remaining_ms: number;
}

/** An effect that waits for its answer, without the epoch, which only the supervisor that hands it out knows. */
export interface PendingEffect {
  /** What an answer names. */
  readonly id: string;
  readonly run: number;
  readonly issued_at: string;
  readonly action: Action;
}

/** Which incidents of an assistant to show. */
export interface IncidentFilter {
  /** Of this supervisor; of all if not given. */
  readonly supervisor?: string | null | undefined;
}

/** What was tried to bring an assistant back, and what came of it. */
export interface FallbackHistory {
  /** How many incidents were looked at. */
  readonly incidents: number;
  /** The steps of their paths, newest incident first, within an incident in order. */
  readonly steps: readonly FallbackTaken[];
  /** How often each step was tried, in the order in which they first stand there. */
  readonly tallies: readonly FallbackTally[];
  /** Where older incidents go on; null at the end. */
  readonly next: Cursor | null;
}

/** A step that was tried. */
export interface FallbackTaken {
  readonly supervisor: string;
  /** The incident, counted from 1 in the deployment's life. */
  readonly incident: number;
  readonly opened_at: string;
  readonly restart_trigger_reason: string;
  readonly taken: StepTaken;
}

/** How often a step was tried and with what success; the rest is underway or was overtaken. */
export interface FallbackTally {
  readonly step: FallbackStep;
  readonly tried: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** What leads from one state to another. */
export type TransitionCause = 'recovery' | 'late_exit' | 'request' | 'group';

/** A step between two states. */
export interface DiagramEdge {
  readonly from: StateName;
  readonly to: StateName;
  /** What leads to it; null if this version of the library takes no such step. */
  readonly by: TransitionCause | null;
  /** The numbers of the visits that it led to, ascending; empty if the incident did not take it. */
  readonly taken: readonly number[];
}

/**
 * The states of a deployment's machine, the steps between them, and which of them its incident took: visits are numbered from
 * 1 in the order of `path`.
 */
export interface RestartDiagram {
  readonly supervisor: string;
  readonly assistant: string;
  /** Where the deployment stands. */
  readonly state: StateName;
  /** The incident that is open or was the last; null if there was none. */
  readonly incident: number | null;
  /** The states that the incident passed through; the first and the last of very many. */
  readonly path: readonly Visit[];
  /** The number of the visit after which visits were left out, if any were. */
  readonly gap_after: number | null;
  readonly edges: readonly DiagramEdge[];
  /** For Mermaid, of the kind `stateDiagram-v2`. */
  readonly mermaid: string;
  /** A document that needs nothing else. */
  readonly svg: string;
}

/**
 * What a page at `/assistants/:id/restart` shows of one assistant: where its deployments stand, what happened to them, and
 * what was tried to bring them back. Every answer is bounded.
 *
 * @example
 * const view = new AssistantRestartView(mythos.deployments());
 * const { items } = await view.deployments('ana');
 * const { svg } = await view.diagram('support', 'ana');
 */
export class AssistantRestartView {
  readonly #native: NativeRestartView;

  /** The view of a restarter, for one tenant. */
  constructor(deployments: AssistantDeploymentAutoRestarter) {
    this.#native = nativeRestartView(deployments);
    bindMethods(this);
  }

  /** The deployments of an assistant, one for each of its supervisors, with what each waits for. */
  deployments(assistant: string, page: PageRequest = {}): Promise<Page<DeploymentStatus>> {
    return call(() => this.#native.deployments(assistant, page));
  }

  /** Lists an assistant's incidents, newest first: see `history` of `AssistantDeploymentAutoRestarter`. */
  history(
    assistant: string,
    filter: IncidentFilter = {},
    page: PageRequest = {},
  ): Promise<Page<DeploymentRestart>> {
    return call(() => this.#native.history(assistant, filter, page));
  }

  /** What was tried in the newest incidents, at most 1,000 for a page, and how often it helped. */
  fallbacks(assistant: string, filter: IncidentFilter = {}, page: PageRequest = {}): Promise<FallbackHistory> {
    return call(() => this.#native.fallbacks(assistant, filter, page));
  }

  /** The state diagram of a deployment, with the path of the incident that is open or was the last. */
  diagram(supervisor: string, assistant: string): Promise<RestartDiagram> {
    return call(() => this.#native.diagram(supervisor, assistant));
  }
}
