import { NativeMythos } from '../native/index.js';
import { AnchorLog } from './anchor.js';
import { CodexProofOfSymbolEngine } from './codex.js';
import { nativeFormats, type PayloadFormats } from './formats.js';
import { CodexRegressionGuard } from './guard.js';
import { SelfHealingProtocolEngine } from './healing.js';
import { bindMethods, call, unwrap } from './native.js';
import type { Budget, Maintained } from './protocol.js';
import { AssistantDeploymentAutoRestarter } from './restart.js';
import { RitualCompressionCache } from './ritual.js';
import { type KeyProvider, type KeyRing, nativeKeys } from './seal.js';
import { StepJournal } from './steps.js';
import { type AnyStore, nativeStore, type SqliteOptions, SqliteStore } from './store.js';

/** What a ritual cache is set up with. */
export interface RitualOptions {
  /** Where the keys come from that payloads are sealed under; without one, nothing is sealed. */
  readonly keys?: KeyRing | KeyProvider | null | undefined;
  /** The formats of payloads that the host knows, and how it brings old ones up to date. */
  readonly formats?: PayloadFormats | null | undefined;
  /**
   * How many bytes are kept in memory of newest states and of what saves go on from (compressed beginnings, heads and
   * cards); by default 32 MiB, 0 for none. States of more than an eighth of it are not kept.
   */
  readonly hot_bytes?: number | null | undefined;
}

/** What a codex engine is set up with. */
export interface CodexOptions {
  /** How many bytes are kept in memory of the ends of logs: what the next event is derived from; by default 16 MiB. */
  readonly tail_bytes?: number | null | undefined;
  /** How many bytes are kept in memory of tiles of Merkle trees: what proofs are read from; by default 16 MiB. */
  readonly tile_bytes?: number | null | undefined;
  /**
   * What the origins of checkpoints begin with: a URL without its scheme, under the control of who runs the store, such
   * as `example.com/rules`; by default `mythos.invalid`.
   */
  readonly origin?: string | null | undefined;
}

/** How a store is opened, and what its codices are set up with. */
export interface OpenOptions extends SqliteOptions {
  /** What the origins of checkpoints begin with: see {@link CodexOptions}. */
  readonly origin?: string | null | undefined;
}

/**
 * A store and the services on it.
 *
 * @example
 * const mythos = await Mythos.open('mythos.db');
 * await mythos.rituals().save({ assistant: 'ana', ritual: 'refund' }, Buffer.from('state'));
 */
export class Mythos {
  readonly #native: NativeMythos;

  private constructor(native: NativeMythos) {
    this.#native = native;
    bindMethods(this);
  }

  /** Opens or creates a SQLite store at `path`. */
  static async open(path: string, options: OpenOptions = {}): Promise<Mythos> {
    const { origin, ...sqlite } = options;
    const mythos = new Mythos(await call<NativeMythos>(() => NativeMythos.open(path, sqlite)));
    return origin == null ? mythos : mythos.withCodices({ origin });
  }

  /** A store in memory, gone with its last user. */
  static inMemory(): Mythos {
    return new Mythos(NativeMythos.inMemory());
  }

  /** Uses any store, built-in or a host's own. */
  static async withStore(store: AnyStore): Promise<Mythos> {
    return new Mythos(NativeMythos.withStore(await nativeStore(store)));
  }

  /** The same store for another tenant; what one tenant stores no other sees. */
  tenant(tenant: string): Mythos {
    return new Mythos(unwrap(this.#native.tenant(tenant)));
  }

  /**
   * The same store with other options for its rituals. What is not given has its default, also if this was made with
   * other options before.
   */
  withRituals(options: RitualOptions = {}): Mythos {
    const { keys, formats, hot_bytes } = options;
    const native = this.#native.withRituals(
      keys == null ? null : nativeKeys(keys),
      formats == null ? null : nativeFormats(formats),
      hot_bytes,
    );
    return new Mythos(unwrap(native));
  }

  /**
   * The same store with other options for its codices. What is not given has its default, also if this was made with
   * other options before.
   */
  withCodices(options: CodexOptions = {}): Mythos {
    return new Mythos(unwrap(this.#native.withCodices(options)));
  }

  /** The checkpoints of assistants' state. */
  rituals(): RitualCompressionCache {
    return RitualCompressionCache.over(this.#native.rituals());
  }

  /** The journal of what assistants do to the outside world. */
  steps(): StepJournal {
    return StepJournal.over(this.#native.steps());
  }

  /** The rule books and their logs. */
  codices(): CodexProofOfSymbolEngine {
    return CodexProofOfSymbolEngine.over(this.#native.codices());
  }

  /** The deployments of assistants, and their restarts. */
  deployments(): AssistantDeploymentAutoRestarter {
    return AssistantDeploymentAutoRestarter.over(this.#native.deployments());
  }

  /** What finds ill assistants by rules, plans repairs within budgets, and measures what they did. */
  healing(): SelfHealingProtocolEngine {
    return SelfHealingProtocolEngine.over(this.#native.healing());
  }

  /** What compares edits of rules and prompts, keeps what it found, asks people, and learns how often they agree. */
  regressions(): CodexRegressionGuard {
    return CodexRegressionGuard.over(this.#native.regressions());
  }

  /** The log over everything that this tenant stores: what finds that something is gone, or older than it was. */
  anchors(): AnchorLog {
    return AnchorLog.over(this.#native.anchors());
  }

  /** The SQLite store that {@link open} opened, for backups and statistics; null on a store of the host's. */
  sqlite(): SqliteStore | null {
    const native = this.#native.sqlite();
    return native === null ? null : SqliteStore.over(native);
  }

  /** Lets the store do housekeeping within `budget`, by default 16 MiB. */
  maintain(budget?: Budget): Promise<Maintained> {
    return call(() => this.#native.maintain(budget));
  }

  /**
   * Closes the file that {@link open} opened, for all tenants and services: every later call is `Unavailable`. A store
   * that the host brought is the host's to close.
   */
  async close(): Promise<void> {
    await call(() => this.#native.close());
  }
}
