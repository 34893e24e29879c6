import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import {
  type AnchoredName,
  type AnchorHead,
  type AnchorLog,
  type AnchorReport,
  type AnchorStatement,
  type AnchorVerification,
  CosignatureSigner,
  Ed25519Signer,
  type Mythos,
  type NoteSigner,
  type PinnedAnchorVerification,
} from 'mythos';

import { PLACES, type Place } from './places.js';

const EMPTY_ROOT = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const REFUND: AnchoredName = { kind: 'ritual', assistant: 'ana', ritual: 'refund' };
const ORDER: AnchoredName = { kind: 'ritual', assistant: 'ana', ritual: 'order' };
const SUPPORT: AnchoredName = { kind: 'codex', codex: 'support' };

for (const [name, make] of PLACES) {
  describe(`the super-log ${name}`, () => {
    let place: Place;
    let mythos: Mythos;
    let anchors: AnchorLog;

    beforeEach(async () => {
      place = await make();
      mythos = place.mythos;
      anchors = mythos.anchors();
    });
    afterEach(() => place.close());

    const save = (ritual: string) => mythos.rituals().save({ assistant: 'ana', ritual }, Buffer.from('state'));
    const fill = async () => {
      await save('refund');
      await save('order');
      const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
      await mythos.codices().create({ codex: 'support', clauses, directive_path: ['launch'], actor: 'ana' });
      await (await mythos.deployments().supervise('desk')).deploy({ assistant: 'ana', spec: { ritual: 'refund' } });
    };
    const signer = (seed = 7) => Ed25519Signer.fromSeed(anchors.origin(), Buffer.alloc(32, seed));

    test('a run states the heads that changed, and all that is told of them has its type', async () => {
      const nothing: AnchorReport = {
        looked_at: 0,
        appended: 0,
        length: 0,
        tree_root: EMPTY_ROOT,
        findings: [],
        next: null,
      };
      assert.deepEqual(await anchors.anchor(), nothing);
      assert.deepEqual(await anchors.statements(), { items: [], next: null });
      await fill();
      const report = await anchors.anchor();
      assert.deepEqual(report, { ...nothing, looked_at: 4, appended: 4, length: 4, tree_root: report.tree_root });
      assert.equal((await anchors.anchor({ full: true })).appended, 0);

      const { items, next } = await anchors.statements({ limit: 3 });
      assert.equal(next, 3);
      const rest = await anchors.statements({ from: 3 });
      const all = [...items, ...rest.items];
      assert.deepEqual(all.map(({ name }) => name.kind), ['codex', 'ritual', 'ritual', 'deployment']);
      const [codex] = all;
      assert.ok(codex);
      const statement: AnchorStatement = {
        format: 1,
        tenant: 'default',
        name: SUPPORT,
        length: 1,
        digest: codex.digest,
        sequence: 0,
        previous: null,
        before: null,
        recorded_at: codex.recorded_at,
      };
      assert.deepEqual(codex, statement);
      assert.equal(Buffer.from(codex.digest, 'hex').toString('base64'), (await mythos.codices().codex('support')).tree_root);
      assert.deepEqual(await anchors.lastStatement(SUPPORT), codex);
      assert.equal(await anchors.lastStatement({ ...REFUND, ritual: 'none' } as AnchoredName), null);
      const deployment: AnchoredName = { kind: 'deployment', supervisor: 'desk', assistant: 'ana' };
      assert.deepEqual(await anchors.lastStatement(deployment), all[3]);

      const head = await anchors.head();
      assert.ok(head?.watermarks.codices && head.watermarks.rituals && head.watermarks.deployments);
      const expected: AnchorHead = {
        format: 1,
        tenant: 'default',
        length: 4,
        tree_root: report.tree_root,
        last: head.last,
        watermarks: head.watermarks,
        created_at: head.created_at,
        updated_at: head.updated_at,
      };
      assert.deepEqual(head, expected);
      assert.match(head.last ?? '', /^[0-9a-f]{64}$/);

      await save('refund');
      assert.equal((await anchors.anchor()).appended, 1);
      const grown = await anchors.lastStatement(REFUND);
      assert.deepEqual([grown?.sequence, grown?.length, grown?.previous], [4, 2, head.last]);
      assert.deepEqual((await anchors.statements({ from: grown?.before ?? -1, limit: 1 })).items[0]?.name, REFUND);
      await assert.rejects(anchors.anchor({ limit: 0 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(anchors.anchor({ all: true } as object), { code: 'Invalid', field: 'request.all' });
      await assert.rejects(anchors.statements({ limit: 5_000 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(anchors.lastStatement({ kind: 'none' } as never), { code: 'Invalid', field: 'name.kind' });
    });

    test('a run that its limit ended is gone on with', async () => {
      await fill();
      let report = await anchors.anchor({ limit: 1 });
      for (let runs = 0; report.next !== null; runs++) {
        assert.ok(runs < 10, 'the run ends');
        report = await anchors.anchorOn(report.next, 1);
      }
      assert.equal(report.length, 4);
      const { next } = await anchors.anchor({ limit: 1, full: true });
      assert.ok(next?.full);
      const rest = await anchors.anchorOn(next);
      assert.deepEqual([rest.looked_at, rest.appended, rest.next], [3, 0, null]);
      await assert.rejects(anchors.anchorOn(next, 0), { code: 'Limit', field: 'limit' });
      await assert.rejects(anchors.anchorOn({} as never), { code: 'Invalid', field: 'cursor.kind' });
    });

    test('what is gone is found, until it is retired', async () => {
      await fill();
      const { tree_root } = await anchors.anchor();
      await save('refund');
      await save('new');
      const sound: AnchorVerification = {
        status: 'verified',
        statements: 4,
        tree_root,
        last: (await anchors.head())?.last ?? null,
        compared: 4,
        behind: 1,
        retired: 0,
        unanchored: 1,
        findings: [],
        left_out: 0,
        next: null,
      };
      assert.deepEqual(await anchors.verify(), sound);

      await mythos.rituals().deleteRitual('ana', 'order');
      const stated = await anchors.lastStatement(ORDER);
      const damaged = await anchors.verify();
      assert.equal(damaged.status, 'tampered');
      assert.deepEqual(damaged.findings, [
        { kind: 'missing', name: ORDER, sequence: stated?.sequence, field: 'head', expected: '1', found: 'none' },
      ]);

      const retired = await anchors.retire(ORDER);
      assert.deepEqual([retired.length, retired.digest, retired.before], [0, '00'.repeat(32), stated?.sequence]);
      assert.deepEqual(await anchors.retire(ORDER), retired);
      const { status, findings, retired: names } = await anchors.verify();
      assert.deepEqual([status, findings, names], ['verified', [], 1]);
      await assert.rejects(anchors.retire({ kind: 'codex', codex: 'none' }), { code: 'NotFound', field: 'name' });
    });

    test('a verification in parts adds up', async () => {
      await fill();
      await anchors.anchor();
      await save('new');
      const whole = await anchors.verify();
      let part = await anchors.verifyPart({ limit: 1 });
      assert.deepEqual([part.statements, part.tree_root], [4, whole.tree_root]);
      let [compared, unanchored] = [part.compared, part.unanchored];
      for (let parts = 0; part.next !== null; parts++) {
        assert.ok(parts < 20, 'the parts end');
        part = await anchors.verifyPart({ after: part.next, limit: 1 });
        assert.deepEqual([part.statements, part.tree_root, part.last], [0, null, null]);
        [compared, unanchored] = [compared + part.compared, unanchored + part.unanchored];
      }
      assert.deepEqual([compared, unanchored], [whole.compared, whole.unanchored]);
      assert.deepEqual(await anchors.verifyPart(), whole);
      await assert.rejects(anchors.verifyPart({ limit: 0 }), { code: 'Limit', field: 'limit' });
    });

    test('a checkpoint vouches for the whole store, and one of another shows a fork', async () => {
      await fill();
      await anchors.anchor();
      const [log, witness] = [signer(), CosignatureSigner.fromSeed('w.example', Buffer.alloc(32, 8))];
      const policy = `log ${log.verifierKey}\nwitness w ${witness.verifierKey}\nquorum w\n`;
      const signed = await anchors.checkpoint([log]);
      assert.match(signed, new RegExp(`^${anchors.origin()}\n4\n`));
      assert.equal((await anchors.verifyAgainst(policy)).verification.status, 'unanchored');
      const cosigned = witness.cosign(signed);
      assert.deepEqual(await anchors.addCheckpoint(cosigned), { size: 4, number: 1 });
      assert.deepEqual((await anchors.head())?.checkpoint, { size: 4, number: 1 });
      assert.equal((await anchors.checkpoints()).length, 2);
      assert.deepEqual(await anchors.checkpoints(1), [cosigned]);
      const expected: PinnedAnchorVerification = {
        verification: await anchors.verify(),
        anchored: 4,
        equivocation: null,
      };
      assert.deepEqual(await anchors.verifyAgainst(policy, [cosigned]), expected);

      // Another store whose log is of the same name.
      const other = await make();
      try {
        await other.mythos.rituals().save({ assistant: 'bob', ritual: 'work' }, Buffer.from('state'));
        const others = other.mythos.anchors();
        await others.anchor();
        const forked = await others.verifyAgainst(policy, [cosigned]);
        assert.equal(forked.verification.status, 'forked');
        const [finding] = forked.verification.findings;
        assert.deepEqual([finding?.name, finding?.field, finding?.sequence], [null, 'tree_root', 3]);
        const [pinned, plain] = [await others.checkpoint([log]), `log ${log.verifierKey}\nquorum none\n`];
        await assert.rejects(anchors.addCheckpoint(pinned), { code: 'Conflict', field: 'checkpoint' });
        assert.equal((await anchors.verifyAgainst(plain, [pinned])).verification.status, 'forked');
      } finally {
        await other.close();
      }
      await assert.rejects(anchors.verifyAgainst(policy, [signed]), { code: 'Invalid', field: 'pinned' });
      await assert.rejects(anchors.checkpoints(0), { code: 'Limit', field: 'limit' });
      await assert.rejects(anchors.addCheckpoint('none'), { code: 'Invalid', field: 'checkpoint' });
    });

    test('a log that names keys is signed by no others', async () => {
      const [old, young] = [signer(), signer(8)];
      const authorized = await anchors.authorize(old.verifierKey);
      const key: AnchoredName = { kind: 'key', key: old.verifierKey };
      assert.deepEqual([authorized.name, authorized.length], [key, 1]);
      assert.deepEqual(await anchors.authorize(old.verifierKey), authorized);
      await assert.rejects(anchors.checkpoint([young]), { code: 'Invalid', field: 'signers' });
      await anchors.checkpoint([old]);
      await anchors.authorize(young.verifierKey);
      assert.equal((await anchors.revoke(old.verifierKey)).length, 0);
      await assert.rejects(anchors.checkpoint([old]), { code: 'Invalid', field: 'signers' });
      // A signer of the host's own is asked from the thread that signs.
      const host: NoteSigner = { verifierKey: young.verifierKey, sign: async () => new Uint8Array(64) };
      await assert.rejects(anchors.checkpoint([host]), { code: 'Corrupt' });
      await anchors.checkpoint([young]);
      await assert.rejects(anchors.authorize('no key'), { code: 'Invalid', field: 'key' });
      await assert.rejects(anchors.revoke('no key'), { code: 'NotFound', field: 'name' });
      await assert.rejects(anchors.checkpoint([{}] as unknown as NoteSigner[]), { code: 'Invalid', field: 'signers[0]' });
    });

    test('the tree of the statements gives proofs of standard shape', async () => {
      await assert.rejects(anchors.tree(), { code: 'NotFound' });
      await assert.rejects(anchors.checkpoint([signer()]), { code: 'NotFound' });
      await fill();
      await anchors.anchor();
      const tree = await anchors.tree();
      assert.deepEqual(tree.head(), await anchors.head());
      assert.equal(await tree.root(4), tree.head().tree_root);
      const { index, size, hashes } = await tree.inclusion(2);
      assert.deepEqual([index, size, hashes.length], [2, 4, 2]);
      assert.deepEqual(await tree.inclusion(0, 1), { index: 0, size: 1, hashes: [] });
      const grown = await tree.consistency(3);
      assert.deepEqual([grown.old_size, grown.new_size, grown.hashes.length], [3, 4, 3]);
      await assert.rejects(tree.inclusion(4), { code: 'Invalid', field: 'index' });
      await assert.rejects(tree.root(5), { code: 'Invalid', field: 'size' });
    });

    test('who has no key writes nothing on, and another key reads nothing', async () => {
      const keyed = anchors.withMacKey(Buffer.alloc(32, 1));
      await fill();
      await keyed.anchor();
      assert.match((await keyed.head())?.mac ?? '', /^[0-9a-f]{64}$/);
      assert.equal((await keyed.verify()).status, 'verified');
      await save('refund');
      await assert.rejects(anchors.anchor(), { code: 'Invalid', field: 'mac' });
      await assert.rejects(anchors.withMacKey(Buffer.alloc(32, 2)).head(), { code: 'Corrupt', field: 'mac' });
      assert.equal((await keyed.anchor()).appended, 1);
      assert.throws(() => anchors.withMacKey(Buffer.alloc(31)), { name: 'MythosError', code: 'Invalid', field: 'key' });
    });

    test('the super-log of one tenant tells nothing of another', async () => {
      await fill();
      await anchors.anchor();
      const other = mythos.tenant('acme').anchors();
      assert.equal(await other.head(), null);
      assert.equal((await other.verify()).statements, 0);
      assert.deepEqual([anchors.origin(), other.origin()], [
        'mythos.invalid/default/@anchors',
        'mythos.invalid/acme/@anchors',
      ]);
    });
  });
}
