import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { type Answer, type Batch, type Effect, type Mutation, Mythos, type Read } from 'mythos';

import { MapStore } from './map_store.js';

const REFUND = { assistant: 'ana', ritual: 'refund' };
const CODEX = {
  codex: 'support',
  clauses: [
    { clause: 'limit', text: 'Refund at most 100 EUR.' },
    { clause: 'tone', text: 'Be kind.' },
  ],
  directive_path: ['launch'],
  actor: 'ana',
};
const change = (mutation: Mutation, parent?: number) => ({
  codex: 'support',
  mutation,
  parent,
  directive_path: ['support', 'refunds'],
  actor: 'bob',
});
const limit = (amount: number): Mutation => ({ kind: 'replace', clause: 'limit', text: `At most ${amount} EUR.` });
/** The first restart is free and none is spread, so that no test waits. */
const AT_ONCE = { free_restarts: 100, jitter: 'none' } as const;

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mythos-'));
});
after(() => rm(directory, { recursive: true }));

/** Flips a bit of every cell that it reads, once told to. */
class DamagedStore extends MapStore {
  damaged = false;

  override async read(reads: readonly Read[]): Promise<readonly Answer[]> {
    const answers = await super.read(reads);
    if (!this.damaged) return answers;
    return answers.map((answer) => {
      if (answer.kind !== 'cells') return answer;
      const cells = answer.cells.map(({ name, bytes }) => {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
        return { name, bytes: copy };
      });
      return { ...answer, cells };
    });
  }
}

const stores = {
  'a SQLite file': () => Mythos.open(join(directory, `${randomUUID()}.db`)),
  'a store in JavaScript': () => Mythos.withStore(new MapStore()),
};

for (const [name, open] of Object.entries(stores)) {
  describe(`on ${name}`, () => {
    test('rituals are saved, restored, listed and verified', async () => {
      const rituals = (await open()).rituals();
      assert.equal(await rituals.latest('ana', 'refund'), null);
      const first = await rituals.save({ ...REFUND, intent: { labels: ['a'] } }, Buffer.from('one'));
      const second = await rituals.save({ ...REFUND, parent: { kind: 'entry', entry: first.entry } }, Buffer.from('two'));
      assert.deepEqual([first.sequence, second.sequence, second.parent], [1, 2, first.entry]);
      assert.equal((await rituals.latest('ana', 'refund'))?.payload.toString(), 'two');
      assert.equal((await rituals.restore(first.entry)).payload.toString(), 'one');
      assert.deepEqual(await rituals.entry(first.entry), first);
      assert.deepEqual(await rituals.verify(first.entry), { entry: first.entry, verified: true, finding: null });
      const older = await rituals.newestVerifiable('ana', 'refund', 2);
      assert.deepEqual([older?.restored.entry, older?.skipped], [first, []]);

      const page = await rituals.list(REFUND, { limit: 1 });
      assert.deepEqual(page.items, [second]);
      assert.deepEqual(await rituals.list(REFUND, { after: page.next }), { items: [first], next: null });
      assert.deepEqual((await rituals.list({ labels: ['a'] })).items, [first]);
      assert.deepEqual((await rituals.list({ since: second.created_at, before: first.created_at })).items, []);
    });

    test('a codex is created, changed, branched, merged and proven', async () => {
      const codices = (await open()).codices();
      const created = await codices.create(CODEX);
      assert.deepEqual([created.sequence, created.change, created.directive_path_log], [0, 'create', ['launch']]);
      await codices.mutate(change({ kind: 'add', clause: 'hours', text: 'Nine to five.', position: 0 }));
      await codices.mutate(change({ kind: 'annotate', clause: 'tone', note: 'Always.' }));
      await codices.mutate(change({ kind: 'reorder', order: ['tone', 'limit', 'hours'] }));
      await codices.mutate({ ...change({ kind: 'remove', clause: 'hours' }), reason: 'open all day' });
      await codices.mutate(change(limit(50)));
      await codices.mutate(change(limit(70), 4));
      assert.deepEqual((await codices.codex('support')).heads.map(({ sequence }) => sequence), [5, 6]);
      await assert.rejects(codices.clauses('support'), { code: 'Invalid' });
      const take = [
        { clause: 'limit', from: 'theirs' },
        { clause: 'tone', from: 'ours' },
      ] as const;
      const merged = await codices.mutate(change({ kind: 'merge', other: 6, take }, 5));
      assert.deepEqual(merged.parents, [5, 6]);
      assert.deepEqual(
        (await codices.clauses('support')).map(({ clause, text, notes }) => [clause, text, notes]),
        [
          ['limit', 'At most 70 EUR.', []],
          ['tone', 'Be kind.', ['Always.']],
        ],
      );

      const { items, next } = await codices.trail('support', { from: 4, limit: 2 });
      assert.deepEqual([items[0]?.event.change, items[0]?.reason, next], [{ kind: 'remove', clause: 'hours' }, 'open all day', 6]);
      assert.deepEqual((await codices.list({ codex: 'support' }, { limit: 1 })).items, [merged]);
      assert.deepEqual((await codices.codices()).items, [await codices.codex('support')]);
      const verification = await codices.verify('support');
      assert.equal(verification.proof_verification_status, 'verified');
      assert.deepEqual([verification.events, verification.mutation_trail_hash], [8, merged.mutation_trail_hash]);
    });

    test('a failed deployment comes back, aligned with the codex in force', async () => {
      const mythos = await open();
      await mythos.codices().create(CODEX);
      const codex_root = (await mythos.codices().codex('support')).heads[0]?.codex_root;
      await mythos.rituals().save({ ...REFUND, intent: { codex: 'support', codex_root } }, Buffer.from('step 3'));
      const deployments = mythos.deployments();
      const supervisor = await deployments.supervise('desk');
      assert.deepEqual([supervisor.id, supervisor.epoch], ['desk', 1]);
      const spec = { ritual: 'refund', codex: 'support', policy: AT_ONCE };
      assert.equal((await supervisor.deploy({ assistant: 'ana', spec })).state.kind, 'running');
      await supervisor.reportFailure({ assistant: 'ana', kind: 'crashed', reason: 'killed' });
      await supervisor.tick();

      const poll = async (): Promise<Effect> => {
        const [effect, ...others] = await supervisor.pollEffects();
        assert.ok(effect !== undefined && others.length === 0);
        return effect;
      };
      const effect = await poll();
      assert.deepEqual(await supervisor.pollEffects(), []);
      await supervisor.giveBack(effect.id);
      assert.deepEqual(await poll(), effect);
      assert.deepEqual(effect.action, { kind: 'restore', ritual: 'refund', which: { kind: 'latest' } });
      const { restored, alignment, next } = await supervisor.carryOut(effect);
      assert.equal(restored?.payload.toString(), 'step 3');
      assert.deepEqual(alignment, { codex: 'support', proven_root: codex_root, entry_root: codex_root });
      assert.ok(next?.action.kind === 'probe');
      assert.equal(await supervisor.nextTimeout(), next.action.deadline);
      const ready = await supervisor.answer(next.id, { kind: 'ready' });
      assert.deepEqual([ready.changed, ready.state.kind], [true, 'mythpath_ready']);
      assert.equal((await supervisor.answer(next.id, { kind: 'not_ready', reason: 'late' })).changed, false);

      const [incident] = (await deployments.history({ assistant: 'ana' })).items;
      assert.deepEqual([incident?.restart_trigger_reason, incident?.successful_redeploy_flag], ['killed', true]);
      assert.equal((await supervisor.restartNow({ assistant: 'ana', reason: 'asked' })).state.kind, 'restoring');
      assert.equal((await supervisor.stop({ assistant: 'ana' })).state.kind, 'stopped');
      const deployment = await deployments.deployment('desk', 'ana');
      assert.deepEqual((await deployments.deployments({ state: 'stopped' })).items, [deployment]);

      const successor = await deployments.supervise('desk');
      assert.equal(successor.epoch, 2);
      assert.deepEqual(await successor.deployment('ana'), deployment);
      await assert.rejects(supervisor.stop({ assistant: 'ana' }), { code: 'Conflict', field: 'epoch' });
    });

    test('a write that is repeated under its operation is made once', async () => {
      const mythos = await open();
      const operation = () => ({ operation: randomUUID() });
      const [save, create, mutate, deploy] = [operation(), operation(), operation(), operation()];
      const saving = () => mythos.rituals().save({ ...REFUND, ...save }, Buffer.from('state'));
      assert.deepEqual(await saving(), await saving());
      const creating = () => mythos.codices().create({ ...CODEX, ...create });
      assert.deepEqual(await creating(), await creating());
      const changing = () => mythos.codices().mutate({ ...change(limit(50)), ...mutate });
      assert.deepEqual(await changing(), await changing());
      const supervisor = await mythos.deployments().supervise('desk');
      const deploying = () => supervisor.deploy({ assistant: 'ana', spec: { ritual: 'refund' }, ...deploy });
      assert.deepEqual(await deploying(), await deploying());
      await assert.rejects(mythos.rituals().save({ ...REFUND, ...save }, Buffer.from('other')), { code: 'Invalid' });
      assert.equal((await mythos.codices().codex('support')).length, 2);
    });

    test('errors say what to do and which member was wrong', async () => {
      const mythos = await open();
      const [rituals, codices, deployments] = [mythos.rituals(), mythos.codices(), mythos.deployments()];
      const supervisor = await deployments.supervise('desk');
      await codices.create(CODEX);
      const odd = (members: object) => members as never;
      await assert.rejects(rituals.restore(randomUUID()), { code: 'NotFound' });
      await assert.rejects(rituals.restore('no uuid'), { code: 'Invalid', field: 'entry' });
      await assert.rejects(rituals.list({}, { limit: 0 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(rituals.list(odd({ label: 'a' })), { code: 'Invalid', field: 'filter.label' });
      await assert.rejects(rituals.list({}, odd({ size: 1 })), { code: 'Invalid', field: 'page.size' });
      await assert.rejects(rituals.save(odd({ ...REFUND, operaton: '' }), Buffer.of()), { field: 'request.operaton' });
      await assert.rejects(rituals.save({ ...REFUND, parent: { kind: 'entry', entry: randomUUID() } }, Buffer.of()), {
        code: 'Conflict',
        retryable: true,
      });
      await assert.rejects(codices.create(CODEX), { code: 'Conflict', field: 'codex' });
      await assert.rejects(codices.codex('none'), { code: 'NotFound', field: 'codex' });
      await assert.rejects(codices.mutate(change({ kind: 'remove', clause: 'none' })), { code: 'Invalid' });
      await assert.rejects(codices.mutate(odd({ ...change(limit(1)), mutation: { kind: 'none' } })), {
        code: 'Invalid',
        field: 'request.mutation.kind',
      });
      await assert.rejects(codices.create({ ...CODEX, codex: 'other', directive_path: [] }), { code: 'Invalid' });
      await assert.rejects(supervisor.deployment('ana'), { code: 'NotFound', field: 'assistant' });
      await assert.rejects(supervisor.giveBack('none'), { code: 'Invalid', field: 'effect' });
      const backoff = { kind: 'exponential', initial_ms: 10, factor: 2, cap_ms: 5 } as const;
      const spec = { ritual: 'refund', policy: { backoff } };
      await assert.rejects(supervisor.deploy({ assistant: 'ana', spec }), { code: 'Invalid', field: 'request.spec.policy' });
      assert.throws(() => mythos.tenant(''), { code: 'Invalid', field: 'tenant' });
    });

    test('what one tenant stores no other sees', async () => {
      const mythos = await open();
      const other = mythos.tenant('other');
      await mythos.rituals().save(REFUND, Buffer.from('mine'));
      assert.equal(await other.rituals().latest('ana', 'refund'), null);
      assert.equal((await other.rituals().save(REFUND, Buffer.from('theirs'))).tenant, 'other');
    });

    test('hundreds of calls of all services at once all succeed', async () => {
      const mythos = await open();
      const supervisor = await mythos.deployments().supervise('desk');
      const numbers = Array.from({ length: 100 }, (_, number) => number);
      const calls = numbers.flatMap((number): Promise<unknown>[] => [
        mythos.rituals().save({ assistant: `assistant ${number}`, ritual: 'refund' }, Buffer.from(`state ${number}`)),
        mythos.codices().create({ ...CODEX, codex: `codex ${number}` }),
        supervisor.deploy({ assistant: `assistant ${number}`, spec: { ritual: 'refund' } }),
      ]);
      assert.equal((await Promise.all(calls)).length, 300);
      const restored = await Promise.all(numbers.map((number) => mythos.rituals().latest(`assistant ${number}`, 'refund')));
      assert.deepEqual(restored.map((entry) => entry?.payload.toString()), numbers.map((number) => `state ${number}`));
      assert.equal((await mythos.deployments().deployments({}, { limit: 1_000 })).items.length, 100);
    });
  });
}

test('what is damaged in a store in JavaScript is never handed out', async () => {
  const store = new DamagedStore();
  const mythos = await Mythos.withStore(store);
  const { entry } = await mythos.rituals().save(REFUND, Buffer.from('state'));
  await mythos.codices().create(CODEX);
  store.damaged = true;
  await assert.rejects(mythos.rituals().latest('ana', 'refund'), { code: 'Corrupt', retryable: false });
  await assert.rejects(mythos.rituals().restore(entry), { code: 'Corrupt' });
  const verification = await mythos.rituals().verify(entry);
  assert.deepEqual([verification.verified, typeof verification.finding], [false, 'string']);
  assert.equal(await mythos.rituals().newestVerifiable('ana', 'refund'), null);
  await assert.rejects(mythos.codices().clauses('support'), { code: 'Corrupt' });
  assert.equal((await mythos.codices().verify('support')).proof_verification_status, 'tampered');
});

test('a commit whose outcome is not known is repeated under its operation', async () => {
  class Forgetful extends MapStore {
    lost = 1;

    override commit(batch: Batch): void {
      super.commit(batch);
      if (this.lost-- > 0) throw new Error('connection lost');
    }
  }
  const rituals = (await Mythos.withStore(new Forgetful())).rituals();
  const request = { ...REFUND, operation: randomUUID() };
  await assert.rejects(rituals.save(request, Buffer.from('state')), /connection lost/);
  assert.equal((await rituals.save(request, Buffer.from('state'))).sequence, 1);
});
