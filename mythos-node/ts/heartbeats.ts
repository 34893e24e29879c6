import { heartbeatMonitor, type NativeHeartbeatMonitor } from '../native/index.js';
import { bindMethods, unwrap } from './native.js';

/** When an assistant whose heartbeats stay out is suspected. What is left out has its default. */
export interface DetectorPolicy {
  /**
   * The phi from which an assistant is suspected: 0.5 to 100, by default 8, which is wrong about one interval in 10^8 of
   * those that follow the estimated distribution.
   */
  readonly threshold?: number | undefined;
  /** How many of the last intervals the distribution is estimated from: 2 to 1,000, by default 200. */
  readonly max_samples?: number | undefined;
  /** The least standard deviation that is estimated; above 0, by default 100 ms. */
  readonly min_std_deviation_ms?: number | undefined;
  /** How late a heartbeat may be before its lateness begins to count; by default 3 s. */
  readonly acceptable_pause_ms?: number | undefined;
  /** The interval at which assistants are told to send heartbeats; above 0, by default 1 s. */
  readonly first_interval_ms?: number | undefined;
}

/** An assistant whose heartbeats stay out. */
export interface Suspicion {
  readonly assistant: string;
  /** The run of it that the heartbeats came from. */
  readonly run: number;
  /** How strongly it is suspected: from the policy's threshold to 300. */
  readonly phi: number;
  /** When its last heartbeat came. */
  readonly last_heartbeat_at: string;
  /** From when on it is suspected. */
  readonly suspected_at: string;
  /** The same in words, for `reportFailure`. */
  readonly reason: string;
}

/**
 * Watches the heartbeats of many assistants, and says which of them are suspected to have failed: a phi-accrual failure
 * detector for each (Hayashibara et al., 2004).
 *
 * It reads no clock and calls nobody: it is told of heartbeats, says when to look again, and then whom to report. Every
 * `now` is an ISO 8601 string with an offset, such as `new Date().toISOString()`, of one clock.
 *
 * @example
 * const monitor = new HeartbeatMonitor();
 * // At the launch, and on every heartbeat:
 * monitor.heartbeat('ana', run, new Date().toISOString());
 * // At monitor.pollTimeout():
 * for (const { assistant, run, reason } of monitor.suspects(new Date().toISOString())) {
 *   await supervisor.reportFailure({ assistant, run, kind: 'unresponsive', reason });
 * }
 */
export class HeartbeatMonitor {
  readonly #native: NativeHeartbeatMonitor;

  /** A monitor that has heard of no assistant. */
  constructor(policy: DetectorPolicy = {}) {
    this.#native = unwrap(heartbeatMonitor(policy));
    bindMethods(this);
  }

  /** How many assistants are watched, those included that were reported. */
  get watched(): number {
    return this.#native.watched;
  }

  /**
   * Takes a heartbeat of run `run` of an assistant that came at `now`, and tells whether it counts: one of an older run
   * does not. From its first heartbeat on an assistant is watched; the launch is a good one. `Limit` for more than
   * 100,000 assistants.
   */
  heartbeat(assistant: string, run: number, now: string): boolean {
    // The native half gives what the declared type says, here and below; the tests hold it.
    return unwrap(this.#native.heartbeat(assistant, run, now)) as boolean;
  }

  /**
   * When the next assistant will be suspected if no heartbeat comes; null if none will. Call {@link suspects} then. Every
   * other method may change the answer.
   */
  pollTimeout(): string | null {
    return unwrap(this.#native.pollTimeout()) as string | null;
  }

  /**
   * The assistants that are suspected at `now`, in the order in which they began to be. Each is told of once, until its
   * next heartbeat.
   */
  suspects(now: string): readonly Suspicion[] {
    return unwrap(this.#native.suspects(now)) as readonly Suspicion[];
  }

  /**
   * How strongly an assistant is suspected at `now`: `-log10` of the probability that a heartbeat still comes, up to 300;
   * null if it is not watched.
   */
  phi(assistant: string, now: string): number | null {
    return unwrap(this.#native.phi(assistant, now)) as number | null;
  }

  /** Watches an assistant no longer, and tells whether it was watched. */
  forget(assistant: string): boolean {
    return unwrap(this.#native.forget(assistant)) as boolean;
  }
}
