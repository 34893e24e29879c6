/**
 * What groups of deployments are described by.
 *
 * @module
 */

import type { DeploymentSpec, RestartClass, RestartWindow, StateName, SupervisorRequest } from './restart_types.js';

/**
 * Which members of a group are restarted when one fails:
 *
 * - `one_for_one`: only that one.
 * - `one_for_all`: all; they are stopped in reverse order, and started in order.
 * - `rest_for_one`: that one and those that were added after it.
 * - `simple_one_for_one`: only that one. Its members are many and alike: they are stopped together, and one that ended, or
 *   that the group stopped, is no member any more.
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';

/**
 * Whether a group ends by itself: it does not; as soon as a significant member ended that is not restarted; as soon as the
 * last of them did.
 */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';

/** What becomes of a group of which a member is given up that was up before: it ends, or goes on with the others. */
export type WhenGivenUp = 'end_group' | 'rest';

/** How a group brings its members back. What is left out has its default. */
export interface GroupPolicy {
  /** Which members are restarted when one fails; by default `one_for_one`. */
  readonly strategy?: Strategy | undefined;
  /**
   * More restarts of all members together within the period, and the group ends; by default 10 within ten minutes. It
   * slides. Each failed attempt to bring a member back is one; a restart that takes others along is one.
   */
  readonly window?: RestartWindow | undefined;
  /** Whether the group ends by itself once members that matter have ended; by default `never`. */
  readonly auto_shutdown?: AutoShutdown | undefined;
  /**
   * What becomes of the group when a member is given up; by default `end_group`. A member that was never up since it was
   * added rests, given up, whatever this says.
   */
  readonly when_given_up?: WhenGivenUp | undefined;
  /** Whether the group that holds this one starts it again when it ended by itself; by default `permanent`. */
  readonly restart?: RestartClass | undefined;
}

/** How a group stops a member. */
export type Shutdown =
  | {
      /** It is killed. */
      readonly kind: 'kill';
    }
  | {
      /** It is asked to end, and killed if it does not within so many milliseconds; above 0. */
      readonly kind: 'within';
      readonly milliseconds: number;
    }
  | {
      /** It is asked to end, however long that takes. */
      readonly kind: 'unlimited';
    };

/** What every request about a group says. */
interface GroupRequest {
  /** The group. */
  readonly group: string;
  /** A UUID that names this write, so that repeating it is harmless; made if not given. */
  readonly operation?: string | null | undefined;
}

/** A group is to be made, or its policy replaced. */
export interface CreateGroup extends GroupRequest {
  /** How it brings its members back. */
  readonly policy?: GroupPolicy | undefined;
  /** The group that holds it, if one does. A group that exists already stays where it is. */
  readonly within?: string | null | undefined;
  /** Whether its end can end the group that holds it; by default not. */
  readonly is_significant?: boolean | undefined;
}

/** An assistant is to be a member of a group, behind all others, and to be started by its group unless it runs. */
export interface StartChild extends GroupRequest {
  /** The assistant. */
  readonly assistant: string;
  /** What it is restored to, and how. */
  readonly spec: DeploymentSpec;
  /** Whether its end can end the group; by default not. */
  readonly is_significant?: boolean | undefined;
  /** How the group stops it; by default within five seconds. */
  readonly shutdown?: Shutdown | undefined;
  /** Whether the host launched it already; otherwise the group starts it, from the newest entry of its ritual. */
  readonly is_running?: boolean | undefined;
}

/** A member of a group that is down is to be started. */
export interface RestartChild extends SupervisorRequest {
  /** Why, in 1 to 100 characters. */
  readonly reason: string;
}

/** A member of a group that is down is to be no member any more; its deployment stays, at rest. */
export type DeleteChild = SupervisorRequest;

/** All members of a group are to be started in order, or stopped for good in reverse order. */
export interface ChangeGroup extends GroupRequest {
  /** Why, in 1 to 100 characters. */
  readonly reason: string;
}

/**
 * Why a group ended: its members needed more restarts than its window allows, one that was to be restarted was given up, its
 * significant members ended, it was stopped by request, or the group that holds it stopped it.
 */
export type GroupEnd = 'window_exceeded' | 'member_given_up' | 'auto_shutdown' | 'requested' | 'parent';

/** Where a group stands. */
export type GroupState =
  | {
      /** Its members are started; one that restarts alone does not change that. */
      readonly kind: 'up';
      readonly since: string;
    }
  | {
      /** It stops members in order to start them again. */
      readonly kind: 'stopping';
      /** The position down to which it stops, 0 for all. */
      readonly floor: number;
      /** The position of the member that is being stopped; those above it are down. */
      readonly at: number;
    }
  | {
      /** It starts members. */
      readonly kind: 'starting';
      /** The position of the member that is being started; those above it are down. */
      readonly at: number;
    }
  | {
      /** It stops all members for good. */
      readonly kind: 'ending';
      readonly why: GroupEnd;
      /** The position of the member that was asked to end last; those above it were as well. */
      readonly at: number;
      /** How many were asked and are not down. */
      readonly in_flight: number;
    }
  | {
      /** Its members are down. */
      readonly kind: 'ended';
      readonly why: GroupEnd;
      readonly since: string;
    };

/** The name of a group's state. */
export type GroupStateName = GroupState['kind'];

/** What was decided about a group. */
export interface GroupDecision {
  readonly group: string;
  /** Whether anything changed. What comes twice changes nothing. */
  readonly changed: boolean;
  /** Where it stands after it. */
  readonly state: GroupState;
  /** How many members it has. */
  readonly members: number;
  readonly decided_at: string;
}

/** How a deployment or a group is a member of a group. */
export interface Membership {
  readonly group: string;
  /** Counted from 1 in the order in which members were added. */
  readonly position: number;
  /** Whether its end can end the group. */
  readonly is_significant: boolean;
  /** Whether it has not ended by itself, and nobody stopped it. */
  readonly is_active: boolean;
  /** How the group stops it. */
  readonly shutdown: Shutdown;
}

/** What a member of a group is. */
export type MemberNode =
  | { readonly kind: 'deployment'; readonly assistant: string; readonly state: StateName }
  | { readonly kind: 'group'; readonly group: string; readonly state: GroupStateName };

/** A member of a group, as it is listed. */
export interface GroupMember {
  readonly position: number;
  /** Who it is, and where it stands. */
  readonly node: MemberNode;
  /** How it is a member. */
  readonly membership: Membership;
}

/** What decides about one group. */
export interface Group {
  readonly state: GroupState;
  /** Why it last began to restart members, or to end, and the operation that reported it. */
  readonly cause: { readonly reason: string; readonly operation: string } | null;
  /** The position of the member that it ended because of, if one was. */
  readonly ended_by?: number;
  /** When the restarts were that count for the window. */
  readonly history: readonly string[];
  /** The position of the member that was added last. */
  readonly last_position: number;
  /** How many members it has. */
  readonly members: number;
  /** How many of them are groups. */
  readonly groups: number;
  /** How many of them are significant. */
  readonly significant: number;
  /** How many significant members have not ended. */
  readonly active_significant: number;
}

/** A group as it stands. */
export interface SupervisionGroup {
  /** The version of this record's layout. */
  readonly format: number;
  readonly tenant: string;
  readonly supervisor: string;
  readonly group: string;
  readonly state: GroupStateName;
  /** By what it is found among the members of the group that holds it, if one does. */
  readonly place: string | null;
  /** How it is a member of that group. */
  readonly member: Membership | null;
  readonly policy: GroupPolicy;
  readonly machine: Group;
  readonly created_at: string;
  readonly updated_at: string;
}

/** Which groups to list; all conditions hold together. */
export interface GroupFilter {
  readonly supervisor?: string | null | undefined;
  readonly state?: GroupStateName | null | undefined;
}
