import { NativeCosigner, NativeSigner, NativeSigners } from '../native/index.js';
import { MythosError } from './errors.js';
import { answer, timeoutOf } from './host.js';
import { bindMethods, unwrap } from './native.js';

/**
 * What signs checkpoints: a key in a hardware module, or of a key service; an {@link Ed25519Signer} has its key in memory.
 * `sign` may return a value or a promise, and does not call this library back.
 *
 * Its signatures are verified before they are used. A `MythosError` keeps its code: `Unavailable` if the key cannot be
 * reached. Anything else that is thrown becomes an `Internal` error with the exception as its `cause`.
 */
export interface NoteSigner {
  /** How long a call may take; 30,000 if absent. After that the call that asked is `Unavailable`. */
  readonly timeout_ms?: number;
  /** The public half with the name, `NAME+ID+BASE64` (C2SP signed-note); always the same. */
  readonly verifierKey: string;
  /** Signs the text of a note, which ends in a newline: the 64 bytes of Ed25519, without the key's id. */
  sign(text: string): Uint8Array | Promise<Uint8Array>;
}

/** The native handle of a signer; assigned by {@link Ed25519Signer} alone, so that no host can reach it. */
let handleOf: (signer: Ed25519Signer) => NativeSigner;

/** Signs checkpoints with a key in memory, which is overwritten when it is no longer used, and printed by nothing. */
export class Ed25519Signer {
  readonly #native: NativeSigner;

  static {
    handleOf = (signer) => signer.#native;
  }

  private constructor(native: NativeSigner) {
    this.#native = native;
    bindMethods(this);
  }

  /** The key that belongs to 32 secret bytes (RFC 8032). Whoever has them can sign. */
  static fromSeed(name: string, seed: Uint8Array): Ed25519Signer {
    return new Ed25519Signer(unwrap(NativeSigner.ed25519(name, seed)));
  }

  /** The public half with the name, `NAME+ID+BASE64`: what verifiers need. */
  get verifierKey(): string {
    return this.#native.verifierKey();
  }
}

/** A signer whose key is in memory. */
export type Signer = Ed25519Signer;

/**
 * Cosigns checkpoints as a witness does (C2SP tlog-cosignature).
 *
 * A cosignature says that this is the largest consistent tree of its log that the cosigner has seen at that time. The
 * caller sees to it that this is true: it keeps the last checkpoint it cosigned for each log, and cosigns a next one only
 * after it verified a consistency proof.
 */
export class CosignatureSigner {
  readonly #native: NativeCosigner;

  private constructor(native: NativeCosigner) {
    this.#native = native;
    bindMethods(this);
  }

  /** The key that belongs to 32 secret bytes. Each cosigner needs bytes of its own. */
  static fromSeed(name: string, seed: Uint8Array): CosignatureSigner {
    return new CosignatureSigner(unwrap(NativeCosigner.fromSeed(name, seed)));
  }

  /** The public half with the name, `NAME+ID+BASE64`: what policies name. */
  get verifierKey(): string {
    return this.#native.verifierKey();
  }

  /**
   * A signed checkpoint with this witness's cosignature, which replaces an older one of it; the time is in seconds since
   * 1970, by default now.
   */
  cosign(checkpoint: string, unixSeconds: number = Math.floor(Date.now() / 1000)): string {
    return unwrap(this.#native.cosign(checkpoint, unixSeconds));
  }
}

/** What the native half takes. @internal */
export function nativeSigners(signers: readonly (Signer | NoteSigner)[]): NativeSigners {
  const native = NativeSigners.empty();
  if (!Array.isArray(signers)) throw new MythosError('Invalid', 'signers is not an array', { field: 'signers' });
  signers.forEach((signer: Signer | NoteSigner, index) => native.add(nativeSigner(signer, `signers[${index}]`)));
  return native;
}

function nativeSigner(signer: Signer | NoteSigner, field: string): NativeSigner {
  if (signer instanceof Ed25519Signer) return handleOf(signer);
  if (typeof (signer as Partial<NoteSigner> | null)?.sign !== 'function') {
    throw new MythosError('Invalid', `the signer ${field} has no method sign`, { field });
  }
  const native = NativeSigner.host(signer.verifierKey, timeoutOf(signer, field), (id, _method, text) => {
    // The native half gives the text of a note.
    void answer(id, "the signer's sign()", () => signer.sign(text as string));
  });
  return unwrap(native);
}
