import { setTimeout as pauseFor } from 'node:timers/promises';

import type { HostEffect } from './effects.js';
import { MythosError } from './errors.js';

const DEFAULT_FIRST_PAUSE_MS = 500;
const DEFAULT_LONGEST_PAUSE_MS = 60_000;
const DEFAULT_LONGEST_SLEEP_MS = 60_000;
/** How many effects one poll asks for. */
const PAGE = 100;
/** Of how many effects one call asks whether they are pending: as many as the library takes. */
const MAX_ASKED = 1_000;
/** Moments are told to the microsecond, and timers to the millisecond: one that is cut off would come too early. */
const ROUNDING_MS = 1;
/**
 * After so many turns in a row in which a timer was due and did not fire, a warning is emitted. The shortest sleep is doubled
 * with each of them, and not after: about a second, since timers behind that one may be due.
 */
const STUCK_TURNS = 10;

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

/** What a host is given to do with an effect: it is answered, or given back. */
export interface Handle<Outcome, Answered> {
  /**
   * Aborted once this effect is of no use any more: a later decision overtook it, such as when a launch is past its deadline or
   * its assistant was stopped, or the iteration ended. The stream sees that when it looks next: {@link EffectStream.wake wake}
   * it after what you decide. End what you do for it before you begin the effect that comes after it.
   */
  readonly signal: AbortSignal;
  /**
   * Says what came of it. An answer that comes late or twice changes nothing; one that is none to this effect is `Invalid`,
   * and the effect stays open. If the store cannot take it now, it is repeated after growing pauses, for as long as the
   * iteration goes on.
   */
  answer(outcome: Outcome): Promise<Answered>;
  /** Says that it could not be carried out: it comes again after a pause, which grows, unless it was overtaken. */
  giveBack(): void;
}

/** Effects as they come up. Each is pending when it is given. */
export interface EffectStream<Given = HostEffect> extends AsyncIterableIterator<Given> {
  /** Looks at once what there is to do. Call it after a report, such as of a failure, and after all that decides anything. */
  wake(): void;
  /** Ends the iteration, as leaving the loop does. */
  return(): Promise<IteratorResult<Given>>;
}

/** Who decides: what one kind of stream is about. */
export interface Source<Effect, Outcome, Answered> {
  /** Fires the timers that are due. Whether that decided anything. */
  fire(): Promise<boolean>;
  poll(limit: number): Promise<readonly Effect[]>;
  nextTimeout(): Promise<string | null>;
  /** The identities of those that are pending still. */
  stillPending(effects: readonly Effect[]): Promise<readonly string[]>;
  giveBack(effect: Effect): Promise<void>;
  answer(effect: Effect, outcome: Outcome): Promise<Answered>;
  /** Whether {@link carryOut} does it. */
  isOwn(effect: Effect): boolean;
  /** Does it, and gives what comes next, if that is known. */
  carryOut(effect: Effect): Promise<Effect | null>;
  /** What effects that follow one another have in common. */
  lane(effect: Effect): string;
  /** What is the same whenever an effect is handed out. */
  identity(effect: Effect): string;
}

/** The effects of a source that are up to its host. `Invalid` for an option out of its bounds, which is the field. */
export function streamOf<Effect extends object, Outcome, Answered>(
  source: Source<Effect, Outcome, Answered>,
  options: EffectOptions,
): EffectStream<Effect & Handle<Outcome, Answered>> {
  return new Effects(source, options);
}

/** What is known of a lane whose newest effect is not answered, or failed. */
interface Lane<Effect> {
  /** The newest effect that was handed out; null once it is answered. */
  effect: Effect | null;
  /** Whether the host has it. */
  isGiven: boolean;
  /** Aborted when that effect is of no use any more. */
  use: AbortController;
  failures: number;
}

type Waiting<Given> = {
  readonly resolve: (result: IteratorResult<Given>) => void;
  readonly reject: (error: unknown) => void;
};

class Effects<Effect extends object, Outcome, Answered> implements EffectStream<Effect & Handle<Outcome, Answered>> {
  readonly #source: Source<Effect, Outcome, Answered>;
  readonly #firstPause: number;
  readonly #longestPause: number;
  readonly #longestSleep: number;
  readonly #signal: AbortSignal | undefined;
  readonly #lanes = new Map<string, Lane<Effect>>();
  /** At most one effect of each lane, which no one asked for yet. */
  readonly #queue = new Map<string, Effect>();
  readonly #waiting: Waiting<Effect & Handle<Outcome, Answered>>[] = [];
  /** Aborted when this ends; all that sleeps sleeps by it. */
  readonly #ending = new AbortController();
  readonly #underway = new Set<Promise<void>>();
  #isServing = false;
  #driving: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #isWoken = false;
  /** In how many turns in a row a timer was due and did not fire. */
  #stuck = 0;
  #stopSleeping = () => {};

  constructor(source: Source<Effect, Outcome, Answered>, options: EffectOptions) {
    const { signal, first_pause_ms, longest_pause_ms, longest_sleep_ms } = options;
    this.#source = source;
    this.#signal = signal;
    this.#firstPause = checked('first_pause_ms', first_pause_ms ?? DEFAULT_FIRST_PAUSE_MS, 1);
    const longest = longest_pause_ms ?? Math.max(DEFAULT_LONGEST_PAUSE_MS, this.#firstPause);
    this.#longestPause = checked('longest_pause_ms', longest, this.#firstPause);
    this.#longestSleep = checked('longest_sleep_ms', longest_sleep_ms ?? DEFAULT_LONGEST_SLEEP_MS, 1);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Effect & Handle<Outcome, Answered>>> {
    // Nothing runs before someone asks for it, so that a stream that is never used costs nothing.
    this.#driving ??= this.#drive();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#hasEnded) this.#settle();
      else this.#follow(this.#serve());
    });
  }

  async return(): Promise<IteratorResult<Effect & Handle<Outcome, Answered>>> {
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

  /** Lets work go on beside the turns, to whose end the end of all waits. */
  #follow(work: Promise<void>): void {
    const done = work.finally(() => this.#underway.delete(done));
    this.#underway.add(done);
  }

  /** Hands what is queued to those who wait for it, unless it was overtaken while it was. */
  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    let failures = 0;
    while (this.#waiting.length > 0 && !this.#isEnding) {
      const [first] = this.#queue;
      if (first === undefined) break;
      const [key, effect] = first;
      let isPending = false;
      try {
        isPending = (await this.#source.stillPending([effect])).length > 0;
        failures = 0;
      } catch (error) {
        if (isFinal(error)) this.#fail(error);
        failures += 1;
        await this.#pause(failures);
        continue;
      }
      const lane = this.#lanes.get(key);
      // Another came in its place meanwhile, or all ended.
      if (lane === undefined || this.#queue.get(key) !== effect || this.#isEnding) continue;
      this.#queue.delete(key);
      if (isPending) {
        lane.isGiven = true;
        this.#waiting.shift()?.resolve({ done: false, value: this.#forHost(lane, effect) });
      } else {
        this.#drop(key, lane);
      }
    }
    // Nothing is awaited between the last look at both queues and this.
    this.#isServing = false;
  }

  /** Forgets what was overtaken. */
  #drop(key: string, lane: Lane<Effect>): void {
    lane.use.abort();
    lane.effect = null;
    if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
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
        const hasFired = await this.#source.fire();
        await this.#take();
        await this.#dropOvertaken();
        const due = await this.#source.nextTimeout();
        this.#countStuck(hasFired, due);
        await this.#sleepUntil(due);
        failures = 0;
      } catch (error) {
        if (isFinal(error)) this.#fail(error);
        failures += 1;
        // Not woken before: the store is no better for having more to do.
        await this.#pause(failures);
      }
    }
    this.#signal?.removeEventListener('abort', end);
    await Promise.all(this.#underway);
    this.#queue.clear();
    for (const { effect, use } of this.#lanes.values()) {
      use.abort();
      if (effect !== null) await this.#source.giveBack(effect).catch(() => {});
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
      const polled = await this.#source.poll(PAGE);
      for (const effect of polled) this.#begin(effect);
      if (polled.length < PAGE) return;
    }
  }

  /** Aborts what a later decision overtook without asking for anything instead: a stop, a launch by the host. */
  async #dropOvertaken(): Promise<void> {
    const given: [string, Lane<Effect>, Effect][] = [];
    for (const [key, lane] of this.#lanes) {
      if (lane.isGiven && lane.effect !== null) given.push([key, lane, lane.effect]);
    }
    for (let first = 0; first < given.length; first += MAX_ASKED) {
      const page = given.slice(first, first + MAX_ASKED);
      const pending = new Set(await this.#source.stillPending(page.map(([, , effect]) => effect)));
      for (const [key, lane, effect] of page) {
        // It may have been answered meanwhile.
        if (lane.effect === effect && !pending.has(this.#source.identity(effect))) this.#drop(key, lane);
      }
    }
  }

  /** Notices a timer that is due and does not fire, as that of a record that cannot be changed. */
  #countStuck(hasFired: boolean, due: string | null): void {
    if (hasFired || due === null || Date.parse(due) > Date.now()) {
      this.#stuck = 0;
      return;
    }
    this.#stuck += 1;
    if (this.#stuck !== STUCK_TURNS) return;
    const message = `a timer was due at ${due} and does not fire: a record may be damaged`;
    process.emitWarning(message, { type: 'MythosWarning', code: 'MYTHOS_STUCK_TIMER' });
  }

  /** Begins an effect, in the place of an earlier one of its lane. */
  #begin(effect: Effect): void {
    const key = this.#source.lane(effect);
    const before = this.#lanes.get(key);
    // A restore that failed is handed out again at once, but waits for its pause.
    if (before !== undefined && this.#isNewest(before, effect)) return;
    before?.use.abort();
    this.#queue.delete(key);
    const lane = { effect, isGiven: false, use: new AbortController(), failures: before?.failures ?? 0 };
    this.#lanes.set(key, lane);
    this.#go(lane, effect);
  }

  #isNewest(lane: Lane<Effect>, effect: Effect): boolean {
    return lane.effect !== null && this.#source.identity(lane.effect) === this.#source.identity(effect);
  }

  #go(lane: Lane<Effect>, effect: Effect): void {
    if (this.#source.isOwn(effect)) {
      this.#follow(this.#carryOut(lane, effect));
      return;
    }
    this.#queue.set(this.#source.lane(effect), effect);
    this.#follow(this.#serve());
  }

  async #carryOut(lane: Lane<Effect>, effect: Effect): Promise<void> {
    try {
      const next = await this.#source.carryOut(effect);
      // A launch has a deadline, which is the next timeout.
      this.wake();
      if (this.#lanes.get(this.#source.lane(effect)) !== lane) {
        // Something newer than this effect was begun, and what follows is newer still: it comes with the next poll.
        if (next !== null) await this.#source.giveBack(next);
        return;
      }
      lane.effect = next;
      if (next === null) this.#leave(lane, effect);
      else if (!this.#isEnding) this.#go(lane, next);
    } catch (error) {
      if (isReplaced(error)) this.#fail(error);
      // Not awaited, so that an end need not wait for a pause.
      else void this.#giveBack(lane, effect);
    }
  }

  #forHost(lane: Lane<Effect>, effect: Effect): Effect & Handle<Outcome, Answered> {
    return {
      ...effect,
      signal: lane.use.signal,
      answer: (outcome) => this.#answer(lane, effect, outcome),
      giveBack: () => void this.#giveBack(lane, effect),
    };
  }

  async #answer(lane: Lane<Effect>, effect: Effect, outcome: Outcome): Promise<Answered> {
    for (let failures = 1; ; failures += 1) {
      try {
        const answered = await this.#source.answer(effect, outcome);
        if (this.#isNewest(lane, effect)) {
          lane.effect = null;
          this.#leave(lane, effect);
        }
        this.wake();
        return answered;
      } catch (error) {
        if (isReplaced(error)) this.#fail(error);
        if (isFinal(error) || this.#isEnding) throw error;
      }
      await this.#pause(failures);
    }
  }

  /** Forgets a lane of which nothing is pending. */
  #leave(lane: Lane<Effect>, effect: Effect): void {
    const key = this.#source.lane(effect);
    if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
  }

  /** Gives an effect back after a pause. */
  async #giveBack(lane: Lane<Effect>, effect: Effect): Promise<void> {
    if (!this.#isNewest(lane, effect) || lane.use.signal.aborted) return;
    lane.failures += 1;
    await this.#pause(lane.failures, lane.use.signal);
    // Overtaken meanwhile, or answered after all; at its end the stream gives back by itself.
    if (!this.#isNewest(lane, effect) || lane.use.signal.aborted || this.#isEnding) return;
    // From here on it may be begun again.
    lane.effect = null;
    await this.#source.giveBack(effect).catch((error: unknown) => this.#fail(error));
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
      const shortest = ROUNDING_MS * 2 ** Math.min(this.#stuck, STUCK_TURNS);
      const timer = setTimeout(resolve, Math.min(Math.max(left, shortest), this.#longestSleep));
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
