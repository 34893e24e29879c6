import { NativeMythos } from '../native/index.js';
import { bindMethods, call } from './native.js';
import type { Budget, Maintained } from './protocol.js';
import { RitualCompressionCache } from './ritual.js';
import { type AnyStore, nativeStore } from './store.js';

/**
 * A store and the services on it.
 *
 * @example
 * const mythos = await Mythos.open('mythos.db');
 * await mythos.rituals().save({ assistant: 'ana', ritual: 'refund', payload: Buffer.from('state') });
 */
export class Mythos {
  readonly #native: NativeMythos;

  private constructor(native: NativeMythos) {
    this.#native = native;
    bindMethods(this);
  }

  /** Opens or creates a SQLite store at `path`. */
  static async open(path: string): Promise<Mythos> {
    return new Mythos(await call<NativeMythos>(() => NativeMythos.open(path)));
  }

  /** Uses any store, built-in or a host's own. */
  static async withStore(store: AnyStore): Promise<Mythos> {
    return new Mythos(NativeMythos.withStore(await nativeStore(store)));
  }

  /** The checkpoints of assistants' state. */
  rituals(): RitualCompressionCache {
    return RitualCompressionCache.over(this.#native.rituals());
  }

  /** Lets the store do housekeeping within `budget`, by default 16 MiB. */
  maintain(budget?: Budget): Promise<Maintained> {
    return call(() => this.#native.maintain(budget));
  }
}
