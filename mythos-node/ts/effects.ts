import { setTimeout as pauseFor } from 'node:timers/promises';

import { MythosError } from './errors.js';
import type { Supervisor } from './restart.js';
import type { Action, Decision, Effect, Outcome } from './restart_types.js';

const DEFAULT_FIRST_PAUSE_MS = 500;
const DEFAULT_LONGEST_PAUSE_MS = 60_000;
const DEFAULT_LONGEST_SLEEP_MS = 60_000;
/** How many effects one poll asks for. */
const PAGE = 100;
/** Moments are told to the microsecond, and timers to the millisecond: one that is cut off would come too early. */
const ROUNDING_MS = 1;

/** How effects are handed on; what is left out has its default. */
export interface EffectOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
  /** What fails is tried again after so long, doubled with each failure of an assistant in a row; by default 500 ms. */
  readonly first_pause_ms?: number | undefined;
  /** The longest such pause; by default a minute. */
  readonly longest_pause_ms?: number | undefined;
  /** The longest sleep, by default a minute: a clock that was set, or a supervisor that took over, is noticed after it. */
  readonly longest_sleep_ms?: number | undefined;
}

/** What is up to the host: all but what `carryOut` does. */
export type HostAction = Exclude<Action, { readonly kind: 'restore' | 'align' }>;

/** An effect that is up to the host: it is answered, or given back. */
export interface HostEffect extends Effect {
  readonly action: HostAction;
  /**
   * Aborted once this effect is of no use any more: a later decision about the assistant overtook it, such as when a launch
   * is past its deadline, or the iteration ended. End what you do for it before you begin the effect that comes after it.
   */
  readonly signal: AbortSignal;
  /**
   * Says what came of it. An answer that comes late or twice changes nothing. If the store cannot take it now, it is
   * repeated after growing pauses, for as long as the iteration goes on.
   */
  answer(outcome: Outcome): Promise<Decision>;
  /** Says that it could not be carried out: it comes again after a pause, which grows, unless it was overtaken. */
  giveBack(): void;
}

/** Effects as they come up; what {@link effects} gives. */
export interface EffectStream extends AsyncIterableIterator<HostEffect> {
  /** Looks at once what there is to do. Call it after a report, such as of a failure. */
  wake(): void;
  /** Ends the iteration, as leaving the loop does. */
  return(): Promise<IteratorResult<HostEffect>>;
}

/**
 * The effects of a supervisor that are up to the host, as they come up.
 *
 * Beside it, timers are fired when they are due, and what `carryOut` does is done. It sleeps until the supervisor's next
 * timeout or a {@link EffectStream.wake wake}, and at most `longest_sleep_ms`. So that other assistants need not wait, begin
 * what an effect asks for in the body of the loop, and do not await it there. What you do must be harmless to do again:
 * an effect comes again if its process died in the middle of it.
 *
 * It goes on until `signal` is aborted or the loop is left. Once another supervisor took over, it throws that `Conflict`,
 * whose field is `epoch`; so it does with an error of the store that cannot go away by itself. However it ends, effects that
 * are not answered are given back: who supervises next gets them again.
 *
 * An option out of its bounds, at least 1 ms each, is `Invalid`, and its name the field.
 *
 * @example
 * const stream = effects(supervisor, { signal });
 * for await (const effect of stream) {
 *   if (effect.action.kind === 'probe') {
 *     launch(effect.action.entry).then(
 *       () => effect.answer({ kind: 'ready' }),
 *       () => effect.answer({ kind: 'not_ready', reason: 'it did not start' }),
 *     );
 *   } else {
 *     effect.giveBack();
 *   }
 * }
 */
export function effects(supervisor: Supervisor, options: EffectOptions = {}): EffectStream {
  return new Effects(supervisor, options);
}

/** What is known of an assistant whose newest effect is not answered, or failed. */
interface Lane {
  /** The newest effect that was handed out; null once it is answered. */
  effect: string | null;
  /** Aborted when that effect is of no use any more. */
  use: AbortController;
  failures: number;
}

type Waiting = {
  readonly resolve: (result: IteratorResult<HostEffect>) => void;
  readonly reject: (error: unknown) => void;
};

class Effects implements EffectStream {
  readonly #supervisor: Supervisor;
  readonly #firstPause: number;
  readonly #longestPause: number;
  readonly #longestSleep: number;
  readonly #signal: AbortSignal | undefined;
  readonly #lanes = new Map<string, Lane>();
  /** At most one effect of each assistant, which no one asked for yet. */
  readonly #queue = new Map<string, HostEffect>();
  readonly #waiting: Waiting[] = [];
  /** Aborted when this ends; all that sleeps sleeps by it. */
  readonly #ending = new AbortController();
  readonly #carryingOut = new Set<Promise<void>>();
  #driving: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #isWoken = false;
  #stopSleeping = () => {};

  constructor(supervisor: Supervisor, options: EffectOptions) {
    const { signal, first_pause_ms, longest_pause_ms, longest_sleep_ms } = options;
    this.#supervisor = supervisor;
    this.#signal = signal;
    this.#firstPause = checked('first_pause_ms', first_pause_ms ?? DEFAULT_FIRST_PAUSE_MS, 1);
    const longest = longest_pause_ms ?? Math.max(DEFAULT_LONGEST_PAUSE_MS, this.#firstPause);
    this.#longestPause = checked('longest_pause_ms', longest, this.#firstPause);
    this.#longestSleep = checked('longest_sleep_ms', longest_sleep_ms ?? DEFAULT_LONGEST_SLEEP_MS, 1);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<HostEffect>> {
    // Nothing runs before someone asks for it, so that a stream that is never used costs nothing.
    this.#driving ??= this.#drive();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#hasEnded) this.#settle();
      else this.#serve();
    });
  }

  async return(): Promise<IteratorResult<HostEffect>> {
    this.#end();
    this.#driving ??= this.#drive();
    await this.#driving;
    return { done: true, value: undefined };
  }

  wake(): void {
    this.#isWoken = true;
    this.#stopSleeping();
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  #end(): void {
    this.#ending.abort();
    this.wake();
  }

  #fail(error: unknown): void {
    if (this.#isEnding) return;
    this.#failure = { error };
    this.#end();
  }

  /** Hands what is queued to those who wait for it. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      if (this.#isEnding) return;
      const [first] = this.#queue;
      if (first === undefined) return;
      this.#queue.delete(first[0]);
      this.#waiting.shift()?.resolve({ done: false, value: first[1] });
    }
  }

  /** Takes turns until this ends, and gives back then what is not answered. */
  async #drive(): Promise<void> {
    const end = (): void => this.#end();
    if (this.#signal?.aborted === true) end();
    this.#signal?.addEventListener('abort', end);
    let failures = 0;
    while (!this.#isEnding) {
      // What comes from here on is seen by this turn, or wakes the next one.
      this.#isWoken = false;
      try {
        await this.#supervisor.tick();
        await this.#take();
        await this.#sleepUntil(await this.#supervisor.nextTimeout());
        failures = 0;
      } catch (error) {
        if (isFinal(error)) this.#fail(error);
        failures += 1;
        // Not woken before: the store is no better for having more to do.
        await this.#pause(failures);
      }
    }
    this.#signal?.removeEventListener('abort', end);
    await Promise.all(this.#carryingOut);
    this.#queue.clear();
    for (const { effect, use } of this.#lanes.values()) {
      use.abort();
      if (effect !== null) await this.#supervisor.giveBack(effect).catch(() => {});
    }
    this.#lanes.clear();
    this.#hasEnded = true;
    this.#settle();
  }

  /** Tells the first who waits what this failed with, and all others that it has ended. */
  #settle(): void {
    const failure = this.#failure;
    const first = failure === undefined ? undefined : this.#waiting.shift();
    if (first !== undefined) {
      this.#failure = undefined;
      first.reject(failure?.error);
    }
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  async #take(): Promise<void> {
    for (;;) {
      const polled = await this.#supervisor.pollEffects(PAGE);
      for (const effect of polled) this.#begin(effect);
      if (polled.length < PAGE) return;
    }
  }

  /** Begins an effect, in the place of an earlier one of its assistant. */
  #begin(effect: Effect): void {
    const before = this.#lanes.get(effect.assistant);
    // A restore that failed is handed out again at once, but waits for its pause.
    if (before?.effect === effect.id) return;
    before?.use.abort();
    this.#queue.delete(effect.assistant);
    const lane: Lane = { effect: effect.id, use: new AbortController(), failures: before?.failures ?? 0 };
    this.#lanes.set(effect.assistant, lane);
    this.#go(lane, effect);
  }

  #go(lane: Lane, effect: Effect): void {
    const { action } = effect;
    if (action.kind === 'restore' || action.kind === 'align') {
      const done = this.#carryOut(lane, effect).finally(() => this.#carryingOut.delete(done));
      this.#carryingOut.add(done);
      return;
    }
    this.#queue.set(effect.assistant, this.#forHost(lane, { ...effect, action }));
    this.#serve();
  }

  async #carryOut(lane: Lane, effect: Effect): Promise<void> {
    try {
      const { next } = await this.#supervisor.carryOut(effect);
      // A launch has a deadline, which is the next timeout.
      this.wake();
      if (this.#lanes.get(effect.assistant) !== lane) {
        // Something newer than this effect was begun, and what follows is newer still: it comes with the next poll.
        if (next !== null) await this.#supervisor.giveBack(next.id);
        return;
      }
      lane.effect = next?.id ?? null;
      if (next === null) this.#leave(lane, effect);
      else if (!this.#isEnding) this.#go(lane, next);
    } catch (error) {
      if (isReplaced(error)) this.#fail(error);
      // Not awaited, so that an end need not wait for a pause.
      else void this.#giveBack(lane, effect);
    }
  }

  #forHost(lane: Lane, effect: Effect & { readonly action: HostAction }): HostEffect {
    return {
      ...effect,
      signal: lane.use.signal,
      answer: (outcome) => this.#answer(lane, effect, outcome),
      giveBack: () => void this.#giveBack(lane, effect),
    };
  }

  async #answer(lane: Lane, effect: Effect, outcome: Outcome): Promise<Decision> {
    for (let failures = 1; ; failures += 1) {
      try {
        const decision = await this.#supervisor.answer(effect.id, outcome);
        if (lane.effect === effect.id) {
          lane.effect = null;
          this.#leave(lane, effect);
        }
        this.wake();
        return decision;
      } catch (error) {
        if (isReplaced(error)) this.#fail(error);
        if (isFinal(error) || this.#isEnding) throw error;
      }
      await this.#pause(failures);
    }
  }

  /** Forgets an assistant of which nothing is pending. */
  #leave(lane: Lane, { assistant }: Effect): void {
    if (this.#lanes.get(assistant) === lane) this.#lanes.delete(assistant);
  }

  /** Gives an effect back after a pause. */
  async #giveBack(lane: Lane, effect: Effect): Promise<void> {
    if (lane.effect !== effect.id || lane.use.signal.aborted) return;
    lane.failures += 1;
    await this.#pause(lane.failures, lane.use.signal);
    // Overtaken meanwhile, or answered after all; at its end the stream gives back by itself.
    if (lane.effect !== effect.id || lane.use.signal.aborted || this.#isEnding) return;
    // From here on it may be begun again.
    lane.effect = null;
    await this.#supervisor.giveBack(effect.id).catch((error: unknown) => this.#fail(error));
    this.wake();
  }

  /** Pauses after so many failures in a row, unless `use` ends before. */
  async #pause(failures: number, use: AbortSignal = this.#ending.signal): Promise<void> {
    const delay = Math.min(this.#longestPause, this.#firstPause * 2 ** (failures - 1));
    // Only an abort can reject it.
    await pauseFor(delay, undefined, { signal: use }).catch(() => {});
  }

  async #sleepUntil(due: string | null): Promise<void> {
    const left = due === null ? this.#longestSleep : Date.parse(due) - Date.now() + ROUNDING_MS;
    if (this.#isWoken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.max(left, ROUNDING_MS), this.#longestSleep));
      this.#stopSleeping = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#stopSleeping = () => {};
  }
}

/** Whether another supervisor took over. */
function isReplaced(error: unknown): boolean {
  return error instanceof MythosError && error.code === 'Conflict' && error.field === 'epoch';
}

/** Whether the same call cannot succeed when made again. */
function isFinal(error: unknown): boolean {
  return isReplaced(error) || !(error instanceof MythosError && error.retryable);
}

/** The longest delay of a timer. */
const MAX_DELAY_MS = 2 ** 31 - 1;

function checked(field: string, value: number, least: number): number {
  if (typeof value === 'number' && value >= least && value <= MAX_DELAY_MS) return value;
  throw new MythosError('Invalid', `${field} is ${least} to ${MAX_DELAY_MS} milliseconds`, { field });
}
