import { NativeKeyRing, NativeKeys } from '../native/index.js';
import { MythosError } from './errors.js';
import { answer, timeoutOf } from './host.js';
import { bindMethods, unwrap } from './native.js';

/**
 * Where keys come from: a key service, or a secrets manager; a {@link KeyRing} holds its keys in memory. Each method may
 * return a value or a promise, and is called many times at once, once or twice for each payload: a provider that asks a
 * service keeps its answers for a while. It does not call this library back.
 *
 * - An id stands for one key for ever. A key is replaced by a new one under a new id.
 * - Once `key` gives null, nothing that was sealed under the id can be read again. A key that merely cannot be had at the
 *   moment is a `MythosError` of code `Unavailable`, not null.
 * - `key` knows the id that `active` gives. A save that finds the active key missing is refused.
 * - A `MythosError` keeps its code; anything else that is thrown becomes an `Internal` error with the exception as its
 *   `cause`. Its text must not hold a secret.
 */
export interface KeyProvider {
  /** How long a call may take; 30,000 if absent. After that the call that asked is `Unavailable`. */
  readonly timeout_ms?: number;
  /** The id of the key that new payloads are sealed under; null to store them unsealed. */
  active(): string | null | Promise<string | null>;
  /** The 32 bytes of the key of this id; null if it was destroyed or never known. */
  key(id: string): Uint8Array | null | Promise<Uint8Array | null>;
}

/** The native handle of a ring; assigned by {@link KeyRing} alone, so that no host can reach it. */
let handleOf: (ring: KeyRing) => NativeKeys;

/**
 * Keys held in memory, for hosts that read them from a secrets manager at their start, and for tests. A change holds
 * from the next save or restore on.
 */
export class KeyRing {
  readonly #native: NativeKeyRing = NativeKeyRing.empty();

  static {
    handleOf = (ring) => ring.#native.handle();
  }

  /** A ring without keys, so that new payloads are stored unsealed. */
  constructor() {
    bindMethods(this);
  }

  /** A ring of one key of 32 bytes, under which new payloads are sealed. */
  static withActive(id: string, key: Uint8Array): KeyRing {
    const ring = new KeyRing();
    ring.insert(id, key);
    ring.activate(id);
    return ring;
  }

  /**
   * Adds a key of 32 bytes, which opens what was sealed under it; {@link activate} lets it seal. `Invalid` if the id
   * stands for another key.
   */
  insert(id: string, key: Uint8Array): void {
    unwrap(this.#native.insert(id, key));
  }

  /** Seals new payloads under this key from now on. `NotFound` if it is not known. */
  activate(id: string): void {
    unwrap(this.#native.activate(id));
  }

  /** Stores new payloads unsealed from now on. The keys stay known. */
  deactivate(): void {
    this.#native.deactivate();
  }

  /**
   * Forgets a key, and says whether it was known: all that was sealed under it is lost, unless the key is kept elsewhere.
   * If it was the active one, saves are refused until another is activated, or {@link deactivate} is called.
   */
  destroy(id: string): boolean {
    return unwrap(this.#native.destroy(id));
  }

  /** The id of the key that new payloads are sealed under; null if they are stored unsealed. */
  active(): string | null {
    return unwrap(this.#native.active()) ?? null;
  }
}

/** What the native half takes. @internal */
export function nativeKeys(keys: KeyRing | KeyProvider): NativeKeys {
  if (keys instanceof KeyRing) return handleOf(keys);
  for (const method of ['active', 'key'] as const) {
    if (typeof (keys as Partial<KeyProvider> | null)?.[method] !== 'function') {
      throw new MythosError('Invalid', `the key provider has no method ${method}`, { field: 'options.keys' });
    }
  }
  return NativeKeys.host(timeoutOf(keys, 'options.keys'), (id, method, argument) => {
    // The native half asks for these two, and gives `key` an id.
    void answer(id, `the key provider's ${method}()`, () =>
      method === 'active' ? keys.active() : keys.key(argument as string),
    );
  });
}
