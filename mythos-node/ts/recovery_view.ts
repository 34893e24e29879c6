import type { NativeRecoveryView } from '../native/index.js';
import { nativeRecoveryView, type SelfHealingProtocolEngine } from './healing.js';
import type { HealingEvent, HealingEventFilter, RecoveryOverview } from './healing_types.js';
import { bindMethods, call } from './native.js';
import type { Page, PageRequest } from './page.js';

/** How many incidents of each kind an overview has if the caller does not say. */
const DEFAULT_COUNT = 100;

/**
 * What a page at `/system/health/recovery` shows: which assistants are ill, what is done about it, and whether it helped.
 *
 * @example
 * const view = new SystemHealthRecoveryView(mythos.healing());
 * const { totals, plan } = await view.overview('support', 10);
 */
export class SystemHealthRecoveryView {
  readonly #native: NativeRecoveryView;

  /** The view of an engine, for one tenant. */
  constructor(healing: SelfHealingProtocolEngine) {
    this.#native = nativeRecoveryView(healing);
    bindMethods(this);
  }

  /** One scope at a glance, with at most `limit` open and as many ended incidents. */
  overview(scope: string, limit: number = DEFAULT_COUNT): Promise<RecoveryOverview> {
    return call(() => this.#native.overview(scope, limit));
  }

  /** One page of incidents, newest first: see `events` of `SelfHealingProtocolEngine`. */
  events(filter: HealingEventFilter = {}, page: PageRequest = {}): Promise<Page<HealingEvent>> {
    return call(() => this.#native.events(filter, page));
  }
}
