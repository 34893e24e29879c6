import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { inspect } from 'node:util';

import {
  type CodexProofOfSymbolEngine,
  CosignatureSigner,
  type DirectedMutation,
  Ed25519Signer,
  type EventVerification,
  Mythos,
  MythosError,
  type NoteSigner,
  type VerifiedCodices,
  verifyEvidence,
} from 'mythos';

import { PLACES, type Place } from './places.js';

const CREATE = {
  codex: 'support',
  clauses: [
    { clause: 'limit', text: 'Refund at most 100 EUR.' },
    { clause: 'tone', text: 'Be kind.' },
  ],
  directive_path: ['launch'],
  actor: 'ana',
};
const replace = (text: string): DirectedMutation => ({
  mutation: { kind: 'replace', clause: 'limit', text },
  directive_path: ['support', 'refunds', 'limit'],
  actor: 'bob',
});
const signer = (codices: CodexProofOfSymbolEngine, seed = 7): Ed25519Signer =>
  Ed25519Signer.fromSeed(codices.origin('support'), Buffer.alloc(32, seed));
const sequences = (openings: readonly { sequence: number; opening: number }[]) =>
  openings.map(({ sequence, opening }) => [sequence, opening]);

for (const [name, make] of PLACES) {
  describe(`the history of codices ${name}`, () => {
    let place: Place;
    let codices: CodexProofOfSymbolEngine;

    beforeEach(async () => {
      place = await make();
      codices = place.mythos.codices();
      await codices.create(CREATE);
    });
    afterEach(() => place.close());

    const status = async () => (await codices.verify('support')).proof_verification_status;

    test('a batch is appended whole or not at all, and its proofs may be listed later', async () => {
      const batch = {
        codex: 'support',
        mutations: ['one', 'two', 'three'].map(replace),
        listing: 'later' as const,
        operation: randomUUID(),
      };
      const appended = await codices.mutateAll(batch);
      assert.deepEqual([appended.first, appended.events.length, appended.head.length], [1, 3, 4]);
      assert.deepEqual(await codices.mutateAll(batch), appended);
      assert.deepEqual((await codices.list({ codex: 'support' })).items.map(({ sequence }) => sequence), [1, 0]);
      assert.equal(await codices.listPending('support', 2), 1);
      assert.equal(await codices.listPending('support', 10), 0);
      assert.equal((await codices.codex('support')).listed, 4);
      const gone: DirectedMutation = { ...replace(''), mutation: { kind: 'remove', clause: 'gone' } };
      const bad = { codex: 'support', mutations: [replace('four'), gone] };
      await assert.rejects(codices.mutateAll(bad), { name: 'MythosError', code: 'Invalid', field: 'clause' });
      await assert.rejects(codices.mutateAll({ codex: 'support', mutations: [] }), { code: 'Limit', field: 'mutations' });
      await assert.rejects(codices.listPending('support', 0), { code: 'Limit', field: 'limit' });
      assert.equal((await codices.codex('support')).length, 4);
      assert.equal(await status(), 'verified');
    });

    test('a redaction erases, and every proof stays valid', async () => {
      await codices.mutate({ codex: 'support', ...replace('secret') });
      const erase = await codices.openingsOfClause('support', 'limit');
      assert.deepEqual(sequences(erase), [[0, 2], [1, 2]]);
      assert.deepEqual(sequences(await codices.openingsOfActor('support', 'bob')), [[1, 0]]);
      const request = { codex: 'support', erase: erase.slice(1), directive_path: ['privacy'], actor: 'officer' };
      const proof = await codices.redact(request);
      assert.deepEqual([proof.change, proof.sequence], ['redact', 2]);
      const [entry] = (await codices.trail('support', { from: 2 })).items;
      assert.deepEqual(entry?.event.change, { kind: 'redact', erased: request.erase });
      assert.equal((await codices.clauses('support'))[0]?.text, null);
      assert.equal(await status(), 'redacted');
      const missing = { ...request, erase: [{ sequence: 9, opening: 2 }] };
      await assert.rejects(codices.redact(missing), { code: 'NotFound', field: 'erase' });
    });

    test('the past is what it was', async () => {
      await codices.mutateAll({ codex: 'support', mutations: ['one', 'two'].map(replace) });
      const note = { kind: 'annotate', clause: 'limit', note: 'asked for' } as const;
      const said = { directive_path: ['note'], actor: 'eve', reason: 'law' };
      const { created_at } = await codices.mutate({ codex: 'support', mutation: note, ...said });
      const at = await codices.stateAt('support', { kind: 'sequence', at: 1 });
      const [, entry] = (await codices.trail('support')).items;
      assert.ok(entry);
      assert.deepEqual(Object.keys(at), ['codex', 'sequence', 'event', 'codex_root', 'symbolic_checksum', 'clauses']);
      assert.deepEqual([at.sequence, at.event, at.codex_root], [1, entry.digest, entry.event.codex_after]);
      assert.equal(at.clauses[0]?.text, 'one');
      assert.deepEqual(await codices.stateAt('support', { kind: 'checkpoint', at: 2 }), at);
      assert.equal((await codices.stateAt('support', { kind: 'time', at: created_at })).sequence, 3);
      await assert.rejects(codices.stateAt('support', { kind: 'sequence', at: 4 }), { code: 'NotFound' });
      const differences = await codices.diff('support', { kind: 'sequence', at: 0 }, { kind: 'sequence', at: 2 });
      assert.deepEqual(
        differences.map(({ before, after, ...rest }) => ({ ...rest, before: before?.text, after: after?.text })),
        [{
          clause: 'limit',
          kind: 'replaced',
          position_before: 0,
          position_after: 0,
          before: 'Refund at most 100 EUR.',
          after: 'two',
        }],
      );
      const blame = await codices.blame('support', 'limit');
      assert.deepEqual([blame.text.sequence, blame.text.text, blame.text.actor], [2, 'two', 'bob']);
      assert.deepEqual(blame.notes[0], {
        sequence: 3,
        event: (await codices.codex('support')).mutation_trail_hash,
        change: 'annotate',
        directive_path: ['note'],
        actor: 'eve',
        reason: 'law',
        text: 'asked for',
        recorded_at: created_at,
      });
      await assert.rejects(codices.blame('support', 'gone'), { code: 'NotFound', field: 'clause' });
    });

    test('proofs are found by change, directives and status', async () => {
      await codices.mutate({ codex: 'support', ...replace('one') });
      const found = async (filter: object) => (await codices.list(filter)).items.map(({ sequence }) => sequence);
      assert.deepEqual(await found({ change: 'replace' }), [1]);
      assert.deepEqual(await found({ directive_prefix: ['support', 'refunds'] }), [1]);
      assert.deepEqual(await found({ directive_prefix: ['support', 'ref'] }), []);
      assert.deepEqual(await found({ codex: 'support', status: 'verified' }), [1, 0]);
      assert.deepEqual(await found({ status: 'tampered' }), []);
    });

    test('a checkpoint anchors the log, and one of another log shows a fork', async () => {
      const log = signer(codices);
      const policy = `log ${log.verifierKey}\nquorum none\n`;
      const against = async (pinned?: string[]) => codices.verifyAgainst('support', policy, pinned);
      assert.equal((await against()).verification.proof_verification_status, 'unanchored');
      const first = await codices.checkpoint('support', [log]);
      assert.deepEqual(await codices.checkpoints('support'), [first]);
      assert.deepEqual((await codices.codex('support')).checkpoint, { size: 1, number: 0 });
      const { verification, anchored, equivocation } = await against([first]);
      assert.deepEqual([verification.proof_verification_status, anchored, equivocation], ['verified', 1, null]);
      // The same log written anew, under another salt.
      const anew = Mythos.inMemory().codices();
      await anew.create(CREATE);
      const other = await anew.checkpoint('support', [log]);
      const forked = await against([other]);
      assert.equal(forked.verification.proof_verification_status, 'forked');
      assert.match(forked.equivocation ?? '', /mythos\.invalid\/default\/support/);
      await assert.rejects(codices.addCheckpoint('support', other), { code: 'Conflict', field: 'checkpoint' });
      await assert.rejects(against([await codices.checkpoint('support', [log]).then((note) => note.replace('\n1\n', '\n2\n'))]), {
        code: 'Invalid',
        field: 'pinned',
      });
    });

    test('a witness cosigns, and its cosignature is stored', async () => {
      const log = signer(codices);
      const witness = CosignatureSigner.fromSeed('w.example', Buffer.alloc(32, 8));
      const policy = `log ${log.verifierKey}\nwitness w ${witness.verifierKey}\nquorum w\n`;
      const signed = await codices.checkpoint('support', [log]);
      const status = async () => (await codices.verifyAgainst('support', policy)).verification.proof_verification_status;
      assert.equal(await status(), 'unanchored');
      assert.deepEqual(await codices.addCheckpoint('support', witness.cosign(signed, 1_795_249_800)), { size: 1, number: 1 });
      assert.equal(await status(), 'verified');
      assert.notEqual(witness.cosign(signed), signed);
      assert.throws(() => witness.cosign('nothing'), { name: 'MythosError', code: 'Invalid' });
    });

    test('the tree of the log gives proofs of standard shape', async () => {
      await codices.mutateAll({ codex: 'support', mutations: ['one', 'two', 'three'].map(replace) });
      const tree = await codices.tree('support');
      const head = tree.head();
      assert.deepEqual(head, await codices.codex('support'));
      assert.equal(await tree.root(4), head.tree_root);
      const { index, size, hashes } = await tree.inclusion(2);
      assert.deepEqual([index, size, hashes.length], [2, 4, 2]);
      assert.deepEqual(await tree.inclusion(0, 1), { index: 0, size: 1, hashes: [] });
      const grown = await tree.consistency(3);
      assert.deepEqual([grown.old_size, grown.new_size, grown.hashes.length], [3, 4, 3]);
      await assert.rejects(tree.inclusion(4), { code: 'Invalid', field: 'index' });
      const signer = Ed25519Signer.fromSeed(codices.origin('support'), Buffer.alloc(32, 7));
      const checkpoint = await codices.checkpoint('support', [signer]);
      const file = await tree.logProof(2, checkpoint, Buffer.from('beside it'));
      const lines = file.split('\n');
      assert.deepEqual(lines.slice(0, 5), [
        'c2sp.org/tlog-proof@v1',
        `extra ${Buffer.from('beside it').toString('base64')}`,
        'index 2',
        ...hashes,
      ]);
      assert.ok(file.endsWith(`\n\n${checkpoint}`));
      await assert.rejects(tree.logProof(4, checkpoint), { code: 'Invalid', field: 'index' });
      await assert.rejects(tree.root(5), { code: 'Invalid', field: 'size' });
      await assert.rejects(codices.tree('sales'), { code: 'NotFound' });
    });

    test('all codices are verified in parts, with progress', async () => {
      await codices.create({ ...CREATE, codex: 'sales' });
      const first: VerifiedCodices = await codices.verifyAll({ limit: 1 });
      const support = await codices.verify('support');
      const sales = await codices.verify('sales');
      const expected: VerifiedCodices = { verified: [sales], total: 2, next: first.next };
      assert.deepEqual(first, expected);
      const second = await codices.verifyAll({ after: first.next });
      assert.deepEqual(second, { verified: [support], total: 2, next: null });
      assert.deepEqual((await codices.verifyAll()).verified, [sales, support]);
      await assert.rejects(codices.verifyAll({ limit: 0 }), { code: 'Limit', field: 'limit' });
      await assert.rejects(codices.verifyAll({ size: 1 } as object), { code: 'Invalid', field: 'page.size' });
    });

    test('one event is verified step by step', async () => {
      await codices.mutateAll({ codex: 'support', mutations: ['one', 'two'].map(replace) });
      const [, , entry] = (await codices.trail('support')).items;
      const expected: EventVerification = {
        proof_verification_status: 'verified',
        entry: entry ?? null,
        steps: (['event', 'previous', 'derivation', 'openings', 'inclusion'] as const).map((name) => ({
          name,
          holds: true,
          found: null,
        })),
        inclusion: await (await codices.tree('support')).inclusion(2),
        tree_root: (await codices.codex('support')).tree_root,
        path: [1, 0],
      };
      assert.deepEqual(await codices.verifyEvent('support', 2), expected);
      const erase = (await codices.openingsOfActor('support', 'bob')).slice(1);
      await codices.redact({ codex: 'support', erase, directive_path: ['privacy'], actor: 'officer' });
      assert.equal((await codices.verifyEvent('support', 2)).proof_verification_status, 'redacted');
      assert.equal((await codices.verifyEvent('support', 1)).proof_verification_status, 'verified');
      await assert.rejects(codices.verifyEvent('support', 4), { code: 'NotFound', field: 'sequence' });
      await assert.rejects(codices.verifyEvent('none', 0), { code: 'NotFound', field: 'codex' });
      await assert.rejects(codices.verifyEvent('support', -1), { code: 'Invalid', field: 'sequence' });
    });

    test('an export is a directory of static files', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'mythos-log-'));
      try {
        await codices.mutate({ codex: 'support', ...replace('one') });
        const signed = await codices.checkpoint('support', [signer(codices)]);
        assert.equal(await codices.export('support', signed, directory, { with_events: true }), 5);
        const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
        assert.deepEqual(files.map(({ name }) => name).sort(), ['0', '1', '2', '2', 'checkpoint']);
        assert.equal(await readFile(join(directory, 'checkpoint'), 'utf8'), signed);
        assert.equal((await readFile(join(directory, 'tile', '0', '000.p', '2'))).length, 64);
        assert.equal((await readFile(join(directory, 'events', '1')))[0], 0x90);
        assert.equal(await codices.export('support', signed, directory, { had: 2 }), 1);
        const file = join(directory, 'checkpoint');
        await assert.rejects(codices.export('support', signed, file), { code: 'Unavailable' });
        const unknown = codices.export('support', signed, directory, { all: true } as object);
        await assert.rejects(unknown, { code: 'Invalid', field: 'options.all' });
      } finally {
        await rm(directory, { recursive: true });
      }
    });

    test('evidence is verified without the store', async () => {
      const log = signer(codices);
      await codices.mutate({ codex: 'support', ...replace('one'), reason: 'fraud' });
      const signed = await codices.checkpoint('support', [log]);
      const bundle = await codices.evidence('support', 'limit', signed, { actors: true });
      const proven = await verifyEvidence(bundle, `log ${log.verifierKey}\nquorum none\n`);
      assert.deepEqual([proven.text, proven.size, proven.origins[0]?.actor, proven.origins[0]?.reason], ['one', 2, 'bob', null]);
      const stranger = signer(codices, 8).verifierKey;
      await assert.rejects(verifyEvidence(bundle, `log ${stranger}\nquorum none\n`), { name: 'MythosError', code: 'Corrupt' });
      await assert.rejects(verifyEvidence('{}', `log ${stranger}\nquorum none\n`), { code: 'Invalid', field: 'bundle' });
      await assert.rejects(codices.evidence('support', 'gone', signed), { code: 'NotFound', field: 'clause' });
    });
  });
}

describe('signers', () => {
  const open = async () => {
    const codices = Mythos.inMemory().codices();
    await codices.create(CREATE);
    return codices;
  };

  /** A key in the host's hands. */
  class HostSigner implements NoteSigner {
    readonly verifierKey: string;
    readonly #pair = generateKeyPairSync('ed25519');
    answer: unknown;

    constructor(readonly name: string) {
      // C2SP signed-note, "Verifier keys".
      const { x } = this.#pair.publicKey.export({ format: 'jwk' });
      const key = Buffer.concat([Buffer.of(1), Buffer.from(x ?? '', 'base64url')]);
      const hash = createHash('sha256').update(`${name}\n`).update(key).digest('hex');
      this.verifierKey = `${name}+${hash.slice(0, 8)}+${key.toString('base64')}`;
    }

    async sign(text: string): Promise<Uint8Array> {
      await Promise.resolve();
      if (this.answer instanceof Error) throw this.answer;
      return (this.answer as Uint8Array | undefined) ?? sign(null, Buffer.from(text), this.#pair.privateKey);
    }
  }

  test('a host signs with a key of its own', async () => {
    const codices = await open();
    const host = new HostSigner(codices.origin('support'));
    const signed = await codices.checkpoint('support', [host]);
    const { anchored } = await codices.verifyAgainst('support', `log ${host.verifierKey}\nquorum none\n`, [signed]);
    assert.equal(anchored, 1);
  });

  test('a signer that fails or lies is told apart, and nothing is stored', async () => {
    const codices = await open();
    const host = new HostSigner(codices.origin('support'));
    const attempts: [unknown, string][] = [
      [new MythosError('Unavailable', 'the module is off'), 'Unavailable'],
      [new Error('broken'), 'Internal'],
      [Buffer.alloc(64), 'Corrupt'],
      [Buffer.alloc(3), 'Corrupt'],
      ['text', 'Internal'],
      [5, 'Internal'],
    ];
    for (const [answer, code] of attempts) {
      host.answer = answer;
      await assert.rejects(codices.checkpoint('support', [host]), { name: 'MythosError', code }, String(answer));
    }
    const never: NoteSigner = { timeout_ms: 20, verifierKey: host.verifierKey, sign: () => new Promise<never>(() => {}) };
    await assert.rejects(codices.checkpoint('support', [never]), { code: 'Unavailable' });
    assert.deepEqual(await codices.checkpoints('support'), []);
  });

  test('what is no signer is refused', async () => {
    const codices = await open();
    const name = codices.origin('support');
    const wrong: [unknown, string][] = [
      [[], 'signers'],
      [[Ed25519Signer.fromSeed('example.com/other', Buffer.alloc(32, 7))], 'signers'],
      [[{}], 'signers[0]'],
      [[null], 'signers[0]'],
      ['none', 'signers'],
      [[{ verifierKey: 'none', sign: () => Buffer.alloc(64) }], 'verifierKey'],
    ];
    for (const [signers, field] of wrong) {
      await assert.rejects(codices.checkpoint('support', signers as NoteSigner[]), { name: 'MythosError', code: 'Invalid', field });
    }
    assert.throws(() => Ed25519Signer.fromSeed('a b', Buffer.alloc(32)), { code: 'Invalid', field: 'name' });
    assert.throws(() => Ed25519Signer.fromSeed(name, Buffer.alloc(31)), { name: 'MythosError', code: 'Invalid' });
    assert.throws(() => CosignatureSigner.fromSeed('', Buffer.alloc(32)), { code: 'Invalid', field: 'name' });
    // A key is printed by nothing.
    assert.doesNotMatch(inspect(Ed25519Signer.fromSeed(name, Buffer.from('0123456789abcdef'.repeat(2)))), /30 ?31|MDEy|0123456789/);
  });

  test('a log that names keys is signed by no others', async () => {
    const codices = await open();
    const [old, young] = [signer(codices), signer(codices, 8)];
    const change = (kind: 'authorize' | 'revoke', key: string) =>
      codices.mutate({ codex: 'support', mutation: { kind, key }, directive_path: ['keys'], actor: 'ops' });
    await change('authorize', old.verifierKey);
    await assert.rejects(codices.checkpoint('support', [young]), { code: 'Invalid', field: 'signers' });
    await change('authorize', young.verifierKey);
    await change('revoke', old.verifierKey);
    await codices.checkpoint('support', [young]);
    const { change: last } = (await codices.trail('support', { from: 3 })).items[0]?.event ?? {};
    assert.deepEqual(last, { kind: 'revoke', key: old.verifierKey });
  });

  test('the origin is an option', async () => {
    const codices = Mythos.inMemory().withCodices({ origin: 'example.com/rules', tail_bytes: 0 }).codices();
    assert.equal(codices.origin('rück gabe'), 'example.com/rules/default/r%C3%BCck%20gabe');
    assert.throws(() => Mythos.inMemory().withCodices({ origins: '' } as object), { code: 'Invalid', field: 'options.origins' });
    const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
    const mythos = await Mythos.open(join(directory, 'mythos.db'), { origin: 'example.com', synchronous: 'normal' });
    assert.equal(mythos.codices().origin('support'), 'example.com/default/support');
    await mythos.close();
    await rm(directory, { recursive: true });
  });
});
