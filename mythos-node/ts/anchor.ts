import type { NativeAnchors, NativeAnchorTree } from '../native/index.js';
import type {
  AnchorCursor,
  AnchoredName,
  AnchorHead,
  AnchorPage,
  AnchorPageRequest,
  AnchorPartRequest,
  AnchorReport,
  AnchorRequest,
  AnchorStatement,
  AnchorVerification,
  PinnedAnchorVerification,
} from './anchor_types.js';
import type { StoredCheckpoint } from './codex.js';
import type { ConsistencyProof, InclusionProof } from './codex_proofs.js';
import { bindMethods, call, unwrap } from './native.js';
import type { Base64 } from './protocol.js';
import { type NoteSigner, nativeSigners, type Signer } from './signers.js';

/**
 * The super-log of a tenant: statements about the heads of codices, rituals and deployments. It finds that something is
 * gone, or older than it was.
 *
 * What happened to a head between two runs of {@link anchor} is not seen: run it as often as you could bear to lose what
 * is newer. A checkpoint of it, kept elsewhere, vouches for the whole store.
 *
 * @example
 * const anchors = mythos.anchors();
 * await anchors.anchor();
 * const { findings } = await anchors.verify(); // such as { kind: 'missing', name: { kind: 'ritual', ... }, ... }
 */
export class AnchorLog {
  readonly #native: NativeAnchors;

  private constructor(native: NativeAnchors) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeAnchors): AnchorLog {
    return new AnchorLog(native);
  }

  /**
   * The same log, whose head is written and read with a code that only who knows these 32 secret bytes can make: for
   * stores that others can write. Without the key, nobody can make statements up or take them away, other than by putting
   * back an older state of the whole log, which {@link verifyAgainst} finds.
   *
   * A log is begun with the key, and used by all with the same: a head without a code, or with another's, is `Corrupt`,
   * field `mac`, and who has no key cannot write on.
   */
  withMacKey(key: Uint8Array): AnchorLog {
    return new AnchorLog(unwrap(this.#native.withMacKey(key)));
  }

  /**
   * States every head that changed since the last run. A head that is what the log says already is not stated again; one
   * that contradicts the log is a finding until {@link retire} says that it was meant. Runs may be concurrent, and may be
   * ended at any time: what was committed counts. `Unknown` if it cannot be told whether a commit was made: call it again.
   */
  anchor(request: AnchorRequest = {}): Promise<AnchorReport> {
    return call(() => this.#native.anchor(request));
  }

  /** Goes on with a run that its limit ended; looks at `limit` heads, 1 to 100,000, by default 100,000. */
  anchorOn(cursor: AnchorCursor, limit?: number): Promise<AnchorReport> {
    return call(() => this.#native.anchorOn(cursor, limit));
  }

  /**
   * The head of the log; null if nothing was ever anchored. `Corrupt` if it is damaged, or gone while the rest of the log
   * is there; field `mac` if it was not written with the key.
   */
  head(): Promise<AnchorHead | null> {
    return call(() => this.#native.head());
  }

  /** The statements, oldest first. */
  statements(page: AnchorPageRequest = {}): Promise<AnchorPage> {
    return call(() => this.#native.statements(page));
  }

  /** The last statement about `name`; null if there is none. */
  lastStatement(name: AnchoredName): Promise<AnchorStatement | null> {
    return call(() => this.#native.lastStatement(name));
  }

  /** The Merkle tree over the statements, as the head is now. `NotFound` if nothing was ever anchored. */
  async tree(): Promise<AnchorTree> {
    return AnchorTree.over(await call<NativeAnchorTree>(() => this.#native.tree()));
  }

  /**
   * States that what `name` names was deleted, or written anew, on purpose: what the log stated of it counts no more. The
   * next run states what is there, if anything; a `full` one, if that did not change lately. Gives the statement; that of
   * before, if it was stated already. `NotFound` if nothing was ever stated of it.
   */
  retire(name: AnchoredName): Promise<AnchorStatement> {
    return call(() => this.#native.retire(name));
  }

  /**
   * Lets a key sign checkpoints of this log from this statement on. As soon as the log names keys, only they may.
   * `Invalid`, field `key`, if it is no verifier key; else it fails as {@link retire} does.
   */
  authorize(key: string): Promise<AnchorStatement> {
    return call(() => this.#native.authorize(key));
  }

  /** Takes {@link authorize} back. */
  revoke(key: string): Promise<AnchorStatement> {
    return call(() => this.#native.revoke(key));
  }

  /**
   * The origin of the log's checkpoints, which is also the name of the keys that sign them: the option `origin` of
   * codices, the tenant, percent-encoded, and `@anchors`, joined by `/`.
   */
  origin(): string {
    return this.#native.origin();
  }

  /**
   * Signs a checkpoint of all statements, stores it, and gives it as a signed note (C2SP tlog-checkpoint). One of the
   * signers is called as the log's {@link origin}.
   *
   * `NotFound` if nothing was ever anchored; `Invalid`, field `signers`, if no signer is called so, or if the log names
   * keys and this is none of them; `Conflict` if a checkpoint of this size is stored that speaks of another log.
   */
  async checkpoint(signers: readonly (Signer | NoteSigner)[]): Promise<string> {
    const native = nativeSigners(signers);
    return call(() => this.#native.checkpoint(native));
  }

  /**
   * Stores a checkpoint that came from elsewhere, such as one with the cosignatures of witnesses, if it is of this log.
   * `Conflict` if it speaks of other statements: keep it, it is evidence.
   */
  addCheckpoint(checkpoint: string): Promise<StoredCheckpoint> {
    return call(() => this.#native.addCheckpoint(checkpoint));
  }

  /** The stored checkpoints, the newest first; at most `limit`, 1 to 1,000, by default 100. */
  checkpoints(limit?: number): Promise<readonly string[]> {
    return call(() => this.#native.checkpoints(limit));
  }

  /**
   * Verifies all: replays the log, compares every stored cell of it with what the replay derives, and every head with what
   * is stated of it; of codices, with all that was ever stated. Damage is a finding, not an error.
   *
   * That heads agree with the log says nothing of what lies under them: each service verifies that. A writer of the
   * database who puts an older state of everything back, also of this log, cannot be seen from inside: see
   * {@link verifyAgainst}.
   */
  verify(): Promise<AnchorVerification> {
    return call(() => this.#native.verify());
  }

  /** As {@link verify}, in parts, while there is a `next`. The counts and findings are the part's own. */
  verifyPart(part: AnchorPartRequest = {}): Promise<AnchorVerification> {
    return call(() => this.#native.verifyPart(part));
  }

  /**
   * Verifies the log and all heads, and compares the log with checkpoints: those that are stored, and those that the
   * caller `pinned` elsewhere, out of reach of who can write the store. `policy`, a policy file of C2SP, says whose
   * signatures count.
   *
   * The verdict is `forked` if one that the log signed speaks of other statements, also of more than there are: then the
   * whole store was rolled back, or the log written anew. It is `unanchored` if none is signed as the policy asks.
   * `Invalid`, field `pinned`, if a pinned one is of another origin or not signed as the policy asks.
   */
  verifyAgainst(policy: string, pinned: readonly string[] = []): Promise<PinnedAnchorVerification> {
    return call(() => this.#native.verifyAgainst(policy, pinned));
  }
}

/**
 * The Merkle tree over the statements of a super-log, as its head was when this was made. The leaf of a statement is
 * `SHA-256(0x00 || digest)`, with the digest that the next statement calls `previous` (RFC 6962).
 */
export class AnchorTree {
  readonly #native: NativeAnchorTree;

  private constructor(native: NativeAnchorTree) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeAnchorTree): AnchorTree {
    return new AnchorTree(native);
  }

  /** The head that it is of. */
  head(): AnchorHead {
    // The native half gives what the declared type says; the tests hold it.
    return unwrap(this.#native.head()) as AnchorHead;
  }

  /** Proves that the statement at position `index` is in the log of the first `size` statements; of all if not given. */
  inclusion(index: number, size?: number): Promise<InclusionProof> {
    return call(() => this.#native.inclusion(index, size));
  }

  /** Proves that the log of `oldSize` statements is the beginning of that of `newSize`; of all if not given. */
  consistency(oldSize: number, newSize?: number): Promise<ConsistencyProof> {
    return call(() => this.#native.consistency(oldSize, newSize));
  }

  /** The root of the tree over the first `size` statements. */
  root(size: number): Promise<Base64> {
    return call(() => this.#native.root(size));
  }
}
