import { type EffectOptions, type EffectStream, type Handle, type Source, streamOf } from './effect_stream.js';
import { MythosError } from './errors.js';
import type { Healer } from './healing.js';
import type { HandedOut, HealingEffectId, HealingOutcome } from './healing_types.js';

/** A repair that is up to the host: it is answered, or given back. An answer tells whether it changed anything. */
export interface HostRepair extends HandedOut, Handle<HealingOutcome, boolean> {}

/**
 * The effects of a healer, as they come up: repairs, their undoing (`effect.id.rollback`), and what waits for approval.
 *
 * It plans when something is due, and sleeps until the healer's next timeout or a {@link EffectStream.wake wake}, which follows
 * an observation. What has the same `effect.idempotency_key` is to be done once: an effect comes again if its process died in the
 * middle of it. All else is as with `effects` of a supervisor.
 *
 * @example
 * const stream = repairs(healer, { signal });
 * for await (const repair of stream) {
 *   const { action, id } = repair.effect;
 *   if (action.kind === 'propose_merge') {
 *     // It stays open until healer.approveMerge is called, or it is declined.
 *     tellAuditor(id);
 *   } else {
 *     // Not awaited, so that others need not wait. What fails comes again after a pause.
 *     (id.rollback ? undo(action) : carryOut(action)).then(
 *       () => repair.answer({ kind: 'done', reversible: true }),
 *     ).catch(() => repair.giveBack());
 *   }
 * }
 */
export function repairs(healer: Healer, options: EffectOptions = {}): EffectStream<HostRepair> {
  return streamOf(sourceOf(healer), options);
}

function sourceOf(healer: Healer): Source<HandedOut, HealingOutcome, boolean> {
  return {
    fire: async () => (await healer.plan()).some(({ decision }) => decision.kind !== 'hold'),
    poll: (limit) => healer.pollEffects(limit),
    nextTimeout: () => healer.nextTimeout(),
    stillPending: async (asked) => (await healer.stillPending(asked.map(({ effect }) => effect.id))).map(identity),
    giveBack: ({ effect }) => healer.giveBack(effect.id),
    answer: ({ effect }, outcome) => healer.answer(effect.id, outcome),
    isOwn: () => false,
    carryOut: () => Promise.reject(new MythosError('Internal', 'a healer carries nothing out itself')),
    lane: ({ effect }) => JSON.stringify([effect.id.assistant, effect.id.rule]),
    identity: ({ effect }) => identity(effect.id),
  };
}

function identity({ assistant, rule, incident, attempt, rollback }: HealingEffectId): string {
  return JSON.stringify([assistant, rule, incident, attempt, rollback ?? false]);
}
