import { NativeFormats } from '../native/index.js';
import { MythosError } from './errors.js';
import { answer, DEFAULT_TIMEOUT_MS } from './host.js';
import { bindMethods, unwrap } from './native.js';

/** Brings a payload from one format to the next. */
export type Upcast = (payload: Buffer) => Uint8Array | Promise<Uint8Array>;

/** The native half of declarations; assigned by {@link PayloadFormats} alone, so that no host can reach it. */
let halfOf: (formats: PayloadFormats) => NativeFormats;

/**
 * The formats of payloads that a host can read, and the steps that lead from old ones to them.
 *
 * Without any declaration every payload is handed out as it is. With one, an entry that is restored is brought up step
 * by step to a format that is declared current, and an unknown format is refused, at a save too. What is stored never
 * changes. A declaration counts for what `withRituals` makes of it afterwards.
 *
 * @example
 * const formats = new PayloadFormats()
 *   .current('notes;v=2')
 *   .upcast('notes;v=1', 'notes;v=2', (payload) => Buffer.concat([Buffer.from('v2:'), payload]));
 */
export class PayloadFormats {
  readonly #native: NativeFormats = NativeFormats.empty();

  static {
    halfOf = (formats) => formats.#native;
  }

  /** No declarations. */
  constructor() {
    bindMethods(this);
  }

  /** Declares a format that the host reads as it is. Gives itself, to declare further ones. */
  current(format: string): PayloadFormats {
    unwrap(this.#native.current(format));
    return this;
  }

  /**
   * Declares how a payload of the format `source` becomes one of the format `to`, within 30 seconds. Gives itself. What
   * the function throws is the cause of the `Invalid` of the restore.
   */
  upcast(source: string, to: string, upcast: Upcast): PayloadFormats {
    if (typeof upcast !== 'function') {
      throw new MythosError('Invalid', 'the upcast is no function', { field: 'upcast' });
    }
    unwrap(
      this.#native.upcast(source, to, DEFAULT_TIMEOUT_MS, (id, method, payload) => {
        // The native half gives bytes as a Buffer.
        void answer(id, `the host's ${method}()`, () => upcast(payload as Buffer));
      }),
    );
    return this;
  }
}

/** What the native half takes. @internal */
export function nativeFormats(formats: PayloadFormats): NativeFormats {
  if (formats instanceof PayloadFormats) return halfOf(formats);
  throw new MythosError('Invalid', 'the formats are no PayloadFormats', { field: 'options.formats' });
}
