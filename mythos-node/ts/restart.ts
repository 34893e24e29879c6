import type { NativeDeployments, NativeRestartView, NativeSupervisor } from '../native/index.js';
import { MythosError } from './errors.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type {
  ChangeGroup,
  CreateGroup,
  DeleteChild,
  GroupDecision,
  GroupFilter,
  GroupMember,
  RestartChild,
  StartChild,
  SupervisionGroup,
} from './restart_groups.js';
import type {
  CarriedOut,
  Decision,
  DeployAssistant,
  Deployment,
  DeploymentFilter,
  DeploymentRestart,
  Effect,
  Outcome,
  ReportExit,
  ReportFailure,
  RestartAssistant,
  RestartFilter,
  StopAssistant,
  SupervisionTotals,
} from './restart_types.js';

/** How many effects one poll hands out if the caller does not say. */
const DEFAULT_EFFECTS = 100;

let viewOf: (deployments: AssistantDeploymentAutoRestarter) => NativeRestartView;

/** How many members one call lists if the caller does not say. */
const DEFAULT_MEMBERS = 100;

/**
 * Brings failed deployments of assistants back to a verified, codex-aligned, ready state.
 *
 * What changes a deployment goes through the {@link Supervisor} that {@link supervise} gives; what only looks needs none.
 */
export class AssistantDeploymentAutoRestarter {
  readonly #native: NativeDeployments;

  static {
    viewOf = (deployments) => deployments.#native.restartView();
  }

  private constructor(native: NativeDeployments) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeDeployments): AssistantDeploymentAutoRestarter {
    return new AssistantDeploymentAutoRestarter(native);
  }

  /**
   * Takes the supervision over: from now on only what the returned supervisor decides counts, and one that held it
   * before, perhaps in a process that only seemed dead, is refused by the store.
   */
  async supervise(supervisor: string): Promise<Supervisor> {
    return Supervisor.over(await call(() => this.#native.supervise(supervisor)));
  }

  /** A deployment as it stands. `NotFound` if the supervisor has no such deployment. */
  deployment(supervisor: string, assistant: string): Promise<Deployment> {
    return call(() => this.#native.deployment(supervisor, assistant));
  }

  /** Lists deployments by assistant. */
  deployments(filter: DeploymentFilter = {}, page: PageRequest = {}): Promise<Page<Deployment>> {
    return call(() => this.#native.deployments(filter, page));
  }

  /** A group as it stands. `NotFound` with the field `group` if the supervisor has no such group. */
  group(supervisor: string, group: string): Promise<SupervisionGroup> {
    return call(() => this.#native.group(supervisor, group));
  }

  /** Lists groups by name. */
  groups(filter: GroupFilter = {}, page: PageRequest = {}): Promise<Page<SupervisionGroup>> {
    return call(() => this.#native.groups(filter, page));
  }

  /**
   * Lists at most `limit` members of a group in the order in which they are started, from the first behind the position
   * `after`, which is 0 for all. Another page may follow one that is full.
   */
  members(supervisor: string, group: string, after = 0, limit: number = DEFAULT_MEMBERS): Promise<readonly GroupMember[]> {
    return call(() => this.#native.members(supervisor, group, after, limit));
  }

  /** Lists incidents, newest first. */
  history(filter: RestartFilter = {}, page: PageRequest = {}): Promise<Page<DeploymentRestart>> {
    return call(() => this.#native.history(filter, page));
  }
}

/** What the native half reads for a view. @internal */
export function nativeRestartView(deployments: AssistantDeploymentAutoRestarter): NativeRestartView {
  if (deployments instanceof AssistantDeploymentAutoRestarter) return viewOf(deployments);
  const message = 'the deployments are no AssistantDeploymentAutoRestarter';
  throw new MythosError('Invalid', message, { field: 'deployments' });
}

/**
 * The holder of a supervision: decides about its deployments and hands out their effects.
 *
 * Nothing here calls the host or waits. If this supervisor's process dies, the next call of `supervise` gives one that
 * goes on where it was. Once another took over, every method fails with `Conflict` and the field `epoch`: stop using
 * this one.
 *
 * @example
 * const supervisor = await mythos.deployments().supervise('support');
 * await supervisor.deploy({ assistant: 'ana', spec: { ritual: 'refund' } });
 * // In a loop, until the next timeout or failure:
 * await supervisor.tick();
 * for (const effect of await supervisor.pollEffects()) {
 *   const { action } = effect;
 *   if (action.kind === 'restore' || action.kind === 'align') {
 *     const { restored, next } = await supervisor.carryOut(effect);
 *     // Launch the assistant from restored.payload, then:
 *     if (next?.action.kind === 'probe') await supervisor.answer(next.id, { kind: 'ready' });
 *   }
 * }
 */
export class Supervisor {
  readonly #native: NativeSupervisor;

  private constructor(native: NativeSupervisor) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeSupervisor): Supervisor {
    return new Supervisor(native);
  }

  /** Its id. */
  get id(): string {
    return this.#native.id;
  }

  /** Its epoch: higher than that of every supervisor that held the supervision before. */
  get epoch(): number {
    return this.#native.epoch;
  }

  /** Supervises an assistant that the host launched. If it was supervised already, it is deployed anew. */
  deploy(request: DeployAssistant): Promise<Decision> {
    return call(() => this.#native.deploy(request));
  }

  /**
   * Reports that an assistant failed: what follows is what follows a failed exit by the policy's `exits`. A report that comes
   * late or twice changes nothing.
   */
  reportFailure(request: ReportFailure): Promise<Decision> {
    return call(() => this.#native.reportFailure(request));
  }

  /**
   * Reports that a run of an assistant ended. What follows is a matter of the policy's `exits`: a restart, rest, or a notice
   * to an operator. A report that comes late or twice changes nothing.
   */
  reportExit(request: ReportExit): Promise<Decision> {
    return call(() => this.#native.reportExit(request));
  }

  /**
   * Lets a deployment rest: at once if nothing of the assistant runs, otherwise once the host has ended it. It is asked for
   * that by an effect `stop`, and by a `kill` once the time is over that the group gives the assistant, or five seconds.
   * What was pending before is overtaken.
   */
  stop(request: StopAssistant): Promise<Decision> {
    return call(() => this.#native.stop(request));
  }

  /** Restarts an assistant at once, whatever its state. */
  restartNow(request: RestartAssistant): Promise<Decision> {
    return call(() => this.#native.restartNow(request));
  }

  /** Makes a group without members, or replaces the policy of one that there is. */
  createGroup(request: CreateGroup): Promise<GroupDecision> {
    return call(() => this.#native.createGroup(request));
  }

  /**
   * Makes an assistant a member of a group, behind all others, and has it started, unless the host launched it already: at
   * once if the group is up, otherwise when its turn comes. One that is deployed already, is in no group and down, or
   * launched anew, is taken in with its history; `Invalid` with the field `assistant` otherwise.
   */
  startChild(request: StartChild): Promise<Decision> {
    return call(() => this.#native.startChild(request));
  }

  /**
   * Starts a member that is down: stopped, completed or given up; if its group is about to start members of which it is
   * one, when its turn comes. What happened before still counts; {@link restartNow} starts it from any state, and clears that.
   */
  restartChild(request: RestartChild): Promise<Decision> {
    return call(() => this.#native.restartChild(request));
  }

  /** Takes a member that is down out of its group. Its deployment stays, at rest. */
  deleteChild(request: DeleteChild): Promise<Decision> {
    return call(() => this.#native.deleteChild(request));
  }

  /**
   * Starts the members of a group that ended, in order; earlier restarts no longer count. A member that was stopped by
   * itself, by {@link stop}, stays down.
   */
  startGroup(request: ChangeGroup): Promise<GroupDecision> {
    return call(() => this.#native.startGroup(request));
  }

  /**
   * Stops the members of a group for good, in reverse order. The host ends each when an effect `stop` or `kill` asks for
   * it, and answers `stopped`.
   */
  stopGroup(request: ChangeGroup): Promise<GroupDecision> {
    return call(() => this.#native.stopGroup(request));
  }

  /** Deletes a group that has no members; `Invalid` with the field `group` if it has: delete them first. */
  async deleteGroup(group: string): Promise<void> {
    await call(() => this.#native.deleteGroup(group));
  }

  /**
   * Deletes a deployment that is down and in no group, or one whose record cannot be read: a group that waited for it goes on
   * without it. Its history stays. Runs and effects of a later deployment of the same assistant are counted from 1 again:
   * delete it once the host has nothing underway for it. `Invalid` with the field `assistant` if it is a member of a group,
   * runs, or is being restarted.
   */
  async deleteDeployment(assistant: string): Promise<void> {
    await call(() => this.#native.deleteDeployment(assistant));
  }

  /** Fires the timers that are due, and tells what was decided. */
  tick(): Promise<readonly Decision[]> {
    return call(() => this.#native.tick());
  }

  /** When the next timer is due; null if none is set. Every method that decides something may change the answer. */
  nextTimeout(): Promise<string | null> {
    return call(() => this.#native.nextTimeout());
  }

  /**
   * Hands out at most `limit` pending effects, oldest first, each once until it is {@link giveBack given back}; a
   * supervisor that takes over hands all of them out again.
   */
  pollEffects(limit: number = DEFAULT_EFFECTS): Promise<readonly Effect[]> {
    return call(() => this.#native.pollEffects(limit));
  }

  /** Takes an effect back that could not be carried out: it is handed out again, if it is still pending. */
  async giveBack(effect: string): Promise<void> {
    await call(() => this.#native.giveBack(effect));
  }

  /**
   * Which of these effects, by their ids and at most 1,000, are pending still, in their order. One that is not was answered,
   * or overtaken by a later decision: whoever carries it out stops doing so.
   */
  stillPending(effects: readonly string[]): Promise<readonly string[]> {
    return call(() => this.#native.stillPending(effects));
  }

  /**
   * Carries out a `restore` or an `align` through this library's own services: restores, verifies and aligns, step by
   * step of the path, until something is up to the host. A damaged or missing entry is no error: the next step is taken.
   */
  carryOut(effect: Effect): Promise<CarriedOut> {
    return call(() => this.#native.carryOut(effect));
  }

  /** Answers an effect, by its id, that the host carried out. Only the first answer counts; later ones change nothing. */
  answer(effect: string, outcome: Outcome): Promise<Decision> {
    return call(() => this.#native.answer(effect, outcome));
  }

  /** How the deployments are, all together. Reads all of them. */
  totals(): Promise<SupervisionTotals> {
    return call(() => this.#native.totals());
  }

  /** A deployment as it stands. `NotFound` if there is none. */
  deployment(assistant: string): Promise<Deployment> {
    return call(() => this.#native.deployment(assistant));
  }
}
