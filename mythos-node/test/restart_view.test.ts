import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  type AssistantDeploymentAutoRestarter,
  AssistantRestartView,
  type DeploymentStatus,
  type Effect,
  type FallbackHistory,
  type Supervisor,
} from 'mythos';

import { PLACES, type Place } from './places.js';

for (const [name, make] of PLACES) {
  describe(`what restarts show ${name}`, () => {
    let place: Place;
    let supervisor: Supervisor;
    let view: AssistantRestartView;

    beforeEach(async () => {
      place = await make();
      await place.mythos.rituals().save({ assistant: 'ana', ritual: 'refund' }, Buffer.from('step 3'));
      supervisor = await place.mythos.deployments().supervise('support');
      await supervisor.deploy({ assistant: 'ana', spec: { ritual: 'refund', policy: { free_restarts: 10 } } });
      view = new AssistantRestartView(place.mythos.deployments());
    });
    afterEach(() => place.close());

    const fail = async (): Promise<Effect> => {
      await supervisor.reportFailure({ assistant: 'ana', kind: 'crashed', reason: 'killed' });
      const [effect] = await supervisor.pollEffects();
      assert.ok(effect);
      return effect;
    };

    test('a deployment shows what it waits for', async () => {
      const effect = await fail();
      const { deployments } = view;
      const [status] = (await deployments('ana')).items;
      assert.ok(status);
      const { id, run, issued_at, action } = effect;
      const expected: DeploymentStatus = {
        supervisor: 'support',
        assistant: 'ana',
        state: { kind: 'restoring', step: 0, older_than: null },
        timer: null,
        effect: { id, run, issued_at, action },
        run: 1,
        attempts: 1,
        incident: status.incident,
        updated_at: status.updated_at,
        read_at: status.read_at,
      };
      assert.deepEqual(status, expected);
      assert.equal(status.incident?.reason, 'killed');
      await supervisor.carryOut(effect);
      const { timer } = (await deployments('ana', { limit: 1 })).items[0] ?? {};
      assert.ok(timer && timer.remaining_ms > 0 && timer.remaining_ms <= 30_000);
      assert.deepEqual((await deployments('bob')).items, []);
      await assert.rejects(deployments('ana', { limit: 0 }), { code: 'Limit', field: 'limit' });
    });

    test('incidents, what was tried in them, and the way that they took', async () => {
      const { next } = await supervisor.carryOut(await fail());
      assert.ok(next);
      await supervisor.answer(next.id, { kind: 'ready' });
      assert.deepEqual(await view.history('ana'), await place.mythos.deployments().history({ assistant: 'ana' }));
      assert.deepEqual((await view.history('ana', { supervisor: 'nobody' })).items, []);
      const tried: FallbackHistory = await view.fallbacks('ana', { supervisor: 'support' });
      assert.deepEqual(tried.tallies, [{ step: { kind: 'latest' }, tried: 1, succeeded: 1, failed: 0 }]);
      assert.deepEqual(tried.steps.map(({ taken }) => taken.result), [{ kind: 'ready' }]);
      assert.deepEqual([tried.incidents, tried.next], [1, null]);
      await assert.rejects(view.fallbacks('ana', {}, { limit: 1_001 }), { code: 'Limit', field: 'limit' });

      const { edges, mermaid, path, state, svg } = await view.diagram('support', 'ana');
      assert.equal(state, 'mythpath_ready');
      assert.deepEqual(edges.filter(({ taken }) => taken.length > 0), [
        { from: 'failed', to: 'restoring', by: 'recovery', taken: [2] },
        { from: 'restoring', to: 'verifying', by: 'recovery', taken: [3] },
        { from: 'verifying', to: 'mythpath_ready', by: 'recovery', taken: [4] },
      ]);
      assert.equal(path.length, 4);
      assert.match(mermaid, /^stateDiagram-v2\n/);
      assert.match(svg, /^<svg [^>]*role="img"[^]*<title>Restarts of ana under support<\/title>[^]*<\/svg>\n$/);
      await assert.rejects(view.diagram('nobody', 'ana'), { code: 'NotFound', field: 'assistant' });
    });
  });
}

test('a restart view is one of a restarter', () => {
  const none = {} as AssistantDeploymentAutoRestarter;
  assert.throws(() => new AssistantRestartView(none), { code: 'Invalid', field: 'deployments' });
});
