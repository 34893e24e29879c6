import type { NativeSteps } from '../native/index.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type {
  Beginning,
  BeginStep,
  CompleteStep,
  ForgetSteps,
  ForgottenSteps,
  ResolveStep,
  RestoredSteps,
  RestoreSteps,
  Step,
  StepFilter,
} from './steps_types.js';

/**
 * The journal of what assistants do to the outside world, so that nothing is done twice after a restart.
 *
 * @example
 * const steps = mythos.steps();
 * const step = { assistant: 'ana', ritual: 'refund', key: 'payment of order 4711' };
 * const begun = await steps.begin({ ...step, intent: Buffer.from('50 EUR') });
 * if (begun.kind === 'begun') {
 *   const receipt = await pay();
 *   await steps.complete({ ...step, outcome: Buffer.from(receipt), attempt: begun.attempt });
 * }
 */
export class StepJournal {
  readonly #native: NativeSteps;

  private constructor(native: NativeSteps) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeSteps): StepJournal {
    return new StepJournal(native);
  }

  /**
   * Asks whether a step is to be done, and records that it is begun if so. `Invalid` with the field `intent` if the key
   * was used for another intent; `Conflict` with the field `epoch` if a newer run was named in the ritual: the caller was
   * replaced. `Unknown` if it cannot be told whether it was begun: begin it again with the error's `operation`.
   */
  begin(request: BeginStep): Promise<Beginning> {
    return call(() => this.#native.begin(request));
  }

  /**
   * Records that a step was done, and what came of it. Saying it again, with the same outcome, is harmless; another outcome
   * is a `Conflict` with the field `outcome`. `NotFound` if it was never begun.
   */
  complete(request: CompleteStep): Promise<Step> {
    return call(() => this.#native.complete(request));
  }

  /**
   * Records what was found out about a step in doubt. Saying the same again is harmless. A step is resolved as undone only
   * by who knows that nobody is still doing it.
   */
  resolve(request: ResolveStep): Promise<Step> {
    return call(() => this.#native.resolve(request));
  }

  /** A step as it stands; null if it was never begun, or was forgotten. */
  step(assistant: string, ritual: string, key: string): Promise<Step | null> {
    return call(() => this.#native.step(assistant, ritual, key));
  }

  /** Lists steps of a ritual, in the order in which they were first begun; a page has at most 256. */
  steps(filter: StepFilter, page: PageRequest = {}): Promise<Page<Step>> {
    return call(() => this.#native.steps(filter, page));
  }

  /**
   * What a restored assistant has to know: the steps that were completed since its entry was saved, and those in doubt. If
   * a run is given, earlier ones are refused from here on.
   */
  afterRestore(request: RestoreSteps): Promise<RestoredSteps> {
    return call(() => this.#native.afterRestore(request));
  }

  /** Deletes settled steps, the first begun first; those in doubt stay. Repeat it until `done`. */
  forget(request: ForgetSteps): Promise<ForgottenSteps> {
    return call(() => this.#native.forget(request));
  }
}
