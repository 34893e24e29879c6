import { type EffectOptions, type EffectStream, type Handle, type Source, streamOf } from './effect_stream.js';
import type { Supervisor } from './restart.js';
import type { Action, Decision, Effect, Outcome } from './restart_types.js';

/** What is up to the host: all but what `carryOut` does. */
export type HostAction = Exclude<Action, { readonly kind: 'restore' | 'align' }>;

/** An effect that is up to the host: it is answered, or given back. */
export interface HostEffect extends Effect, Handle<Outcome, Decision> {
  readonly action: HostAction;
}

/**
 * The effects of a supervisor that are up to the host, as they come up.
 *
 * Beside it, timers are fired when they are due, and what `carryOut` does is done. It sleeps until the supervisor's next
 * timeout or a {@link EffectStream.wake wake}, and at most `longest_sleep_ms`. So that other assistants need not wait, begin
 * what an effect asks for in the body of the loop, and do not await it there. What you do must be harmless to do again:
 * an effect comes again if its process died in the middle of it.
 *
 * It goes on until `signal` is aborted or the loop is left. Once another supervisor took over, it throws that `Conflict`,
 * whose field is `epoch`; so it does with an error of the store that cannot go away by itself. However it ends, effects that
 * are not answered are given back: who supervises next gets them again. A timer that is due and does not fire is told as a
 * process warning `MYTHOS_STUCK_TIMER`, and the stream then looks for it about once a second.
 *
 * An option out of its bounds, at least 1 ms each, is `Invalid`, and its name the field.
 *
 * @example
 * const stream = effects(supervisor, { signal });
 * for await (const effect of stream) {
 *   // Not awaited, so that other assistants need not wait. What fails comes again after a pause.
 *   carryOut(effect).catch(() => effect.giveBack());
 * }
 *
 * async function carryOut({ action, assistant, run, signal, answer }) {
 *   switch (action.kind) {
 *     case 'probe': // Ends what still runs of it, launches it from the entry, and sees that it is ready.
 *       return answer(await launch(assistant, run, action.entry, signal));
 *     case 'stop':
 *     case 'kill': // Returns once nothing of it runs.
 *       await end(assistant, action.kind, signal);
 *       return answer({ kind: 'stopped' });
 *     case 'escalate': // A notice is acknowledged; a question is answered when an operator has said yes or no.
 *       await tellOperator(assistant, action.escalation);
 *       if (action.escalation.kind === 'given_up') return answer({ kind: 'acknowledged' });
 *       return answer({ kind: (await hearOperator(assistant, signal)) ? 'approved' : 'declined' });
 *   }
 * }
 */
export function effects(supervisor: Supervisor, options: EffectOptions = {}): EffectStream<HostEffect> {
  // What the source does not carry out itself is up to the host.
  return streamOf(sourceOf(supervisor), options) as EffectStream<HostEffect>;
}

function sourceOf(supervisor: Supervisor): Source<Effect, Outcome, Decision> {
  return {
    fire: async () => (await supervisor.tick()).length > 0,
    poll: (limit) => supervisor.pollEffects(limit),
    nextTimeout: () => supervisor.nextTimeout(),
    stillPending: (asked) => supervisor.stillPending(asked.map(({ id }) => id)),
    giveBack: ({ id }) => supervisor.giveBack(id),
    answer: ({ id }, outcome) => supervisor.answer(id, outcome),
    isOwn: ({ action }) => action.kind === 'restore' || action.kind === 'align',
    carryOut: async (effect) => (await supervisor.carryOut(effect)).next,
    lane: ({ assistant }) => assistant,
    identity: ({ id }) => id,
  };
}
