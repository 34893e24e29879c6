import type { NativeCompressionView, NativeRituals } from '../native/index.js';
import { MythosError } from './errors.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';
import type {
  CompactionReport,
  CompactRituals,
  CompressedRitual,
  CopyRitual,
  DeletionReport,
  ForkRitual,
  PruneReport,
  PruneRituals,
  RestoredRitual,
  RetentionPolicy,
  RetentionStatus,
  RitualBudget,
  RitualCopyReport,
  RitualDictionaries,
  RitualFilter,
  RitualHead,
  RitualHeadFilter,
  RitualPoint,
  RitualTotals,
  RitualVerification,
  SaveRitual,
  ScrubReport,
  ScrubRituals,
  TotalRituals,
  TrainingReport,
  VerifiableRitual,
} from './ritual_types.js';
import type { Stall, StallPolicy } from './scores.js';

/** The native half of a view; assigned by {@link RitualCompressionCache} alone, so that no host can reach it. */
let viewOf: (rituals: RitualCompressionCache) => NativeCompressionView;

/**
 * The checkpoint store of assistants' state.
 *
 * @example
 * const rituals = mythos.rituals();
 * await rituals.save({ assistant: 'ana', ritual: 'refund' }, Buffer.from('{"step":3}'));
 * const restored = await rituals.latest('ana', 'refund');
 * console.log(restored?.payload.toString());
 */
export class RitualCompressionCache {
  readonly #native: NativeRituals;

  static {
    viewOf = (rituals) => rituals.#native.compressionView();
  }

  private constructor(native: NativeRituals) {
    this.#native = native;
    bindMethods(this);
  }

  /** @internal */
  static over(native: NativeRituals): RitualCompressionCache {
    return new RitualCompressionCache(native);
  }

  /**
   * Appends an entry with `payload` to a ritual. Once this fulfilled, the state survives what the store promises.
   *
   * `payload` is at most 64 MiB and kept as given, byte for byte. `Conflict` if the parent is not the expected one;
   * `Unknown` if it cannot be told whether the entry was saved: save again with the same operation.
   */
  save(request: SaveRitual, payload: Uint8Array): Promise<CompressedRitual> {
    return call(() => this.#native.save(request, payload));
  }

  /**
   * Restores the newest entry of a ritual; null if there is none. `Corrupt` if it is not what was saved; `NotFound` with
   * the field `key` if its key was destroyed.
   */
  latest(assistant: string, ritual: string): Promise<RestoredRitual | null> {
    return call(() => this.#native.latest(assistant, ritual));
  }

  /** Restores one entry. `NotFound` if there is none; `Corrupt` if it is not what was saved. */
  restore(entry: string): Promise<RestoredRitual> {
    return call(() => this.#native.restore(entry));
  }

  /** The record of one entry, without its payload. `NotFound` if there is none. */
  entry(entry: string): Promise<CompressedRitual> {
    return call(() => this.#native.entry(entry));
  }

  /** Restores the newest entry that verifies, before position `before` if given; null if none does. */
  latestVerifiable(assistant: string, ritual: string, before?: number): Promise<VerifiableRitual | null> {
    return call(() => this.#native.latestVerifiable(assistant, ritual, before));
  }

  /** Lists entries, newest first: by position if one ritual of one assistant is named, otherwise by time. */
  list(filter: RitualFilter = {}, page: PageRequest = {}): Promise<Page<CompressedRitual>> {
    return call(() => this.#native.list(filter, page));
  }

  /**
   * Verifies one entry by every way that leads to it: also damage that another way still makes good is found. Damage is a
   * finding, not an error; `NotFound` if there is no such entry, or with the field `key` if its key was destroyed.
   */
  verify(entry: string): Promise<RitualVerification> {
    return call(() => this.#native.verify(entry));
  }

  /**
   * Lists rituals by their heads, the last saved to first. No entry is read. Rituals whose head is damaged are left out;
   * `scrub` names them.
   */
  rituals(filter: RitualHeadFilter = {}, page: PageRequest = {}): Promise<Page<RitualHead>> {
    return call(() => this.#native.rituals(filter, page));
  }

  /**
   * Trains a dictionary from the newest states of an assistant's rituals, and lets new states be compressed with it if it
   * earns its bytes. It takes seconds; no save waits for it. What is stored already changes over with {@link compact}.
   */
  train(assistant: string): Promise<TrainingReport> {
    return call(() => this.#native.train(assistant));
  }

  /** The dictionaries of an assistant; null if it never had one. */
  dictionaries(assistant: string): Promise<RitualDictionaries | null> {
    return call(() => this.#native.dictionaries(assistant));
  }

  /**
   * Makes what is stored as small as it can be, under the present dictionary and the active key, and deletes dictionaries
   * that no entry needs. Restored payloads do not change. It may be interrupted at any point: call it again with the
   * `next` of its report as `after` until that is null.
   */
  compact(request: CompactRituals = {}): Promise<CompactionReport> {
    return call(() => this.#native.compact(request));
  }

  /**
   * Deletes entries, at any position; every entry that stays restores as before, under the same id. Each commit deletes
   * what goes of 64 positions, so that it may be interrupted at any point: call it again with the `next` of its report as
   * `after` until that is null. The file gives the bytes back when the store is maintained.
   *
   * `Invalid` for a policy that bounds nothing, a ritual without an assistant, no entries, or entries of several rituals;
   * `NotFound` if the named ritual is not there; `Corrupt` if its head is damaged.
   */
  prune(request: PruneRituals): Promise<PruneReport> {
    return call(() => this.#native.prune(request));
  }

  /**
   * Deletes a ritual, damaged or not; deleting what is not there is no error. A long one goes in several commits: after a
   * failure, repeat the call. `Conflict` if writers kept changing it.
   */
  deleteRitual(assistant: string, ritual: string): Promise<DeletionReport> {
    return call(() => this.#native.deleteRitual(assistant, ritual));
  }

  /**
   * Deletes all that this cache holds of an assistant: its rituals, dictionaries and retention. Stop the assistant first,
   * and repeat the call until its report says `done`: each does about as much as `budget` allows.
   */
  deleteAssistant(assistant: string, budget: RitualBudget = {}): Promise<DeletionReport> {
    return call(() => this.#native.deleteAssistant(assistant, budget));
  }

  /**
   * Begins a new ritual with the state and intent of an entry, which is the parent of its first entry. Neither depends on
   * the other any further. `NotFound` if there is no such entry; `Corrupt` if it is damaged; `Conflict` if the new ritual
   * is there already.
   */
  fork(request: ForkRitual): Promise<CompressedRitual> {
    return call(() => this.#native.fork(request));
  }

  /**
   * Copies a ritual wholly, under new ids. Repeat the call until its report says `done`: it goes on where the call before
   * stopped, after a crash too. Until then the copy shows no entries, and can be deleted but not saved to.
   *
   * `NotFound` if there is no such ritual; `Conflict` if the target is there and no unfinished copy of this ritual;
   * `Corrupt` if a block of the origin's entries is damaged. Single damaged entries are reported.
   */
  copy(request: CopyRitual): Promise<RitualCopyReport> {
    return call(() => this.#native.copy(request));
  }

  /**
   * Sets what is kept of each ritual of an assistant, now and of rituals to come; null keeps everything. It runs by
   * itself: on a ritual with every 16th save, and on all rituals when the store is maintained.
   *
   * `Invalid` or `Limit` for a policy that bounds nothing or is out of its bounds.
   */
  async setRetention(assistant: string, policy: RetentionPolicy | null): Promise<void> {
    await call(() => this.#native.setRetention(assistant, policy));
  }

  /** What is kept of an assistant's rituals, and what that did so far; null if everything is kept. */
  retention(assistant: string): Promise<RetentionStatus | null> {
    return call(() => this.#native.retention(assistant));
  }

  /**
   * Verifies everything that is stored. Damage is a finding, not an error, and nothing is mended. What it saw of a ritual
   * is noted in its head, for the filter `verified` of {@link list}. Call it again with the `next` of its report as
   * `after` until that is null.
   */
  scrub(request: ScrubRituals = {}): Promise<ScrubReport> {
    return call(() => this.#native.scrub(request));
  }

  /**
   * Adds up what rituals take: at most 1,000 of them in one call. Call it again with `next` as `after`, and `addTotals`, until
   * that is null. What is damaged is left out and counted.
   */
  totals(request: TotalRituals = {}): Promise<RitualTotals> {
    return call(() => this.#native.totals(request));
  }

  /**
   * How the states of a ritual grow: at most `maxPoints` of its entries, 2 to 1,000, evenly over their positions, oldest
   * first, with the oldest and the newest. Empty if there is no such ritual. `Limit` for `maxPoints` out of bounds.
   */
  curve(assistant: string, ritual: string, maxPoints: number): Promise<readonly RitualPoint[]> {
    return call(() => this.#native.curve(assistant, ritual, maxPoints));
  }

  /** The stall that a ritual's newest entries end in; null if they do not. At most 20,000 entries are looked at. */
  stalled(assistant: string, ritual: string, policy: StallPolicy = {}): Promise<Stall | null> {
    return call(() => this.#native.stalled(assistant, ritual, policy));
  }
}

/** What the native half reads for a view. @internal */
export function nativeView(rituals: RitualCompressionCache): NativeCompressionView {
  if (rituals instanceof RitualCompressionCache) return viewOf(rituals);
  throw new MythosError('Invalid', 'the rituals are no RitualCompressionCache', { field: 'rituals' });
}
