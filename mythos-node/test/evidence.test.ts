import assert from 'node:assert/strict';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';

import { ed25519 } from '@noble/curves/ed25519.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { type ChangeKind, CosignatureSigner, Ed25519Signer, type MutateCodex, Mythos, verifyEvidence as verifyNatively } from 'mythos';
import { EvidenceError, type EvidencePolicy, type ProvenClause, verifyEvidence } from 'mythos/evidence';

/** What a bundle is when its JSON is read; the tests change it. */
interface Bundle {
  format: string;
  checkpoint: string;
  clause: string;
  position: number;
  clauses: number;
  path: string[];
  events: { index: number; event: string; inclusion: string[]; openings: Record<string, { salt: string; value: string }> }[];
}

interface Case extends EvidencePolicy {
  policy: string;
  bundle: Bundle;
  proven: ProvenClause;
}

/** What the core's tests wrote, and verify too. */
const GOLDEN = join(dirname(require.resolve('mythos/package.json')), '../mythos-core/tests/golden/evidence_v1.json');
const cases = JSON.parse(readFileSync(GOLDEN, 'utf8')) as [Case, Case];
const [DISCLOSED, REDACTED] = cases;
/** The order of the group that Ed25519 works in (RFC 8032). */
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** A point of order 8. */
const ORDER_8 = 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a';

function refused(bundle: unknown, policy: EvidencePolicy, what: string): void {
  assert.throws(() => verifyEvidence(bundle as object, policy), EvidenceError, what);
}

/** The bytes with one bit flipped, for each bit; `step` leaves bits out. */
function* flips(bytes: Uint8Array, step = 1): Generator<Buffer> {
  for (let bit = 0; bit < 8 * bytes.length; bit += step) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}

const base64 = (text: string) => Buffer.from(text, 'base64');
const isText = (bytes: Buffer) => Buffer.from(bytes.toString()).equals(bytes);

/** Bundles that differ from one in one thing that is signed, hashed or counted. */
function* tampered(bundle: Bundle): Generator<[string, Bundle]> {
  const changed = (change: (bundle: Bundle) => void): Bundle => {
    const copy = structuredClone(bundle);
    change(copy);
    return copy;
  };
  for (const note of flips(Buffer.from(bundle.checkpoint))) {
    // What is not UTF-8 has no JSON.
    if (isText(note)) yield ['note', changed((it) => (it.checkpoint = note.toString()))];
  }
  const lines = bundle.checkpoint.split('\n');
  for (const [at, line] of lines.entries()) {
    const [, name, signature] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    if (name === undefined || signature === undefined) continue;
    for (const bytes of flips(base64(signature))) {
      const note = lines.with(at, `\u2014 ${name} ${bytes.toString('base64')}`).join('\n');
      yield ['signature', changed((it) => (it.checkpoint = note))];
    }
  }
  for (const step of [-1, 1, 2, 2 ** 32, 0.5, 2 ** 53]) {
    yield [`position ${step}`, changed((it) => (it.position += step))];
    yield [`clauses ${step}`, changed((it) => (it.clauses += step))];
  }
  yield ['clause', changed((it) => (it.clause += 's'))];
  for (const [at, digest] of bundle.path.entries()) {
    for (const bytes of flips(Buffer.from(digest, 'hex'))) {
      yield ['path', changed((it) => (it.path[at] = bytes.toString('hex')))];
    }
    yield ['shorter path', changed((it) => it.path.splice(at, 1))];
    yield ['longer path', changed((it) => it.path.splice(at, 0, digest))];
  }
  for (const [at, { event, inclusion, openings, index }] of bundle.events.entries()) {
    // One bit of each byte, another one for each: the core's tests flip them all.
    for (const bytes of flips(base64(event), 9)) {
      yield ['event', changed((it) => (it.events[at]!.event = bytes.toString('base64')))];
    }
    const longer = Buffer.concat([base64(event), Buffer.of(0)]).toString('base64');
    yield ['trailing byte', changed((it) => (it.events[at]!.event = longer))];
    for (const step of [-1, 1, 2, 4, 2 ** 40]) yield ['index', changed((it) => (it.events[at]!.index = index + step))];
    for (const [place, hash] of inclusion.entries()) {
      for (const bytes of flips(base64(hash), 3)) {
        yield ['inclusion', changed((it) => (it.events[at]!.inclusion[place] = bytes.toString('base64')))];
      }
      yield ['shorter inclusion', changed((it) => it.events[at]!.inclusion.splice(place, 1))];
      yield ['longer inclusion', changed((it) => it.events[at]!.inclusion.splice(place, 0, hash))];
    }
    for (const [number, { salt, value }] of Object.entries(openings)) {
      for (const bytes of flips(Buffer.from(salt, 'hex'))) {
        yield ['salt', changed((it) => (it.events[at]!.openings[number]!.salt = bytes.toString('hex')))];
      }
      for (const bytes of flips(Buffer.from(value))) {
        if (isText(bytes)) yield ['value', changed((it) => (it.events[at]!.openings[number]!.value = bytes.toString()))];
      }
      for (const other of ['0', '1', '2', '3', '02', '-0', '__proto__', 'length']) {
        if (other === number) continue;
        const moved = changed((it) => delete it.events[at]!.openings[number]);
        Object.defineProperty(moved.events[at]!.openings, other, { value: { salt, value }, enumerable: true });
        yield [`opening ${other}`, moved];
      }
    }
    yield ['missing event', changed((it) => it.events.splice(at, 1))];
    yield ['doubled event', changed((it) => it.events.splice(at, 0, bundle.events[at]!))];
    yield ['reversed events', changed((it) => it.events.reverse())];
  }
}

describe('the verifier without native code', () => {
  test('verifies what the core made long ago, and says the same of it', async () => {
    for (const { bundle, policy, proven, ...rest } of cases) {
      assert.deepEqual(verifyEvidence(bundle, rest), proven);
      assert.deepEqual(verifyEvidence(JSON.stringify(bundle), rest), proven);
      assert.deepEqual(await verifyNatively(JSON.stringify(bundle), policy), proven);
    }
  });

  for (const [at, { bundle, keys, witnesses, quorum }] of cases.entries()) {
    test(`refuses bundle ${at} with any bit changed`, () => {
      let count = 0;
      for (const [what, changed] of tampered(bundle)) {
        count += 1;
        // What is not in the note does not depend on its witnesses, whose signatures take most of the time.
        const isOfNote = what === 'note' || what === 'signature';
        refused(changed, isOfNote ? { keys, witnesses, quorum } : { keys }, `${what}: ${JSON.stringify(changed)}`);
      }
      assert.ok(count > 3_000, String(count));
    });
  }

  test('refuses a malleable signature', () => {
    const { bundle, keys } = REDACTED;
    const checkpoint = bundle.checkpoint.replace(/(\S+)\n$/, (_, signature: string) => {
      const bytes = base64(signature);
      const s = BigInt(`0x${Buffer.from(bytes.subarray(36)).reverse().toString('hex')}`) + GROUP_ORDER;
      const other = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
      return `${Buffer.concat([bytes.subarray(0, 36), other]).toString('base64')}\n`;
    });
    assert.notEqual(checkpoint, bundle.checkpoint);
    refused({ ...bundle, checkpoint }, { keys }, 'S + L');
  });

  test('refuses keys that are none, and policies that are not met', () => {
    const { bundle, keys, witnesses } = DISCLOSED;
    const [key] = keys as [string];
    const [first, second] = witnesses as [string, string];
    const named = (public_: Buffer, type = 1) => {
      const bytes = Buffer.concat([Buffer.of(type), public_]);
      const name = key.split('+')[0] as string;
      const id = createHash('sha256').update(`${name}\n`).update(bytes).digest('hex').slice(0, 8);
      return `${name}+${id}+${bytes.toString('base64')}`;
    };
    const smallOrder = ['01', `ec${'ff'.repeat(30)}7f`, '00', ORDER_8];
    const policies: EvidencePolicy[] = [
      { keys: [] },
      { keys: [first] },
      { keys: [key, key] },
      { keys: [key.replace('+2', '+3')] },
      { keys: [` ${key}`] },
      { keys: [`${key}=`] },
      { keys, witnesses: [key] },
      { keys, witnesses: [first, first] },
      { keys, witnesses: [first], quorum: 2 },
      { keys, witnesses: [first], quorum: -1 },
      { keys, witnesses: [first], quorum: 0.5 },
      { keys, witnesses: [CosignatureSigner.fromSeed('other', Buffer.alloc(32, 1)).verifierKey] },
      { keys: [Ed25519Signer.fromSeed('mythos.invalid/default/support', Buffer.alloc(32, 1)).verifierKey] },
      { keys: [named(Buffer.alloc(32, 2), 2)] },
      { keys: [named(Buffer.alloc(31))] },
      // Not canonical: p + 1, and zero with a sign.
      { keys: [named(Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex'))] },
      { keys: [named(Buffer.from(`01${'00'.repeat(30)}80`, 'hex'))] },
      ...smallOrder.map((hex) => ({ keys: [named(Buffer.from(hex.padEnd(64, '0'), 'hex'))] })),
      ...[undefined, null, {}, { keys: key }, { keys: [5] }, { keys, witnesses: null }].map((it) => it as unknown as EvidencePolicy),
    ];
    for (const policy of policies) refused(bundle, policy, JSON.stringify(policy));
    assert.deepEqual(verifyEvidence(bundle, { keys }).witnesses, []);
    assert.deepEqual(verifyEvidence(bundle, { keys, witnesses: [second] }).witnesses, ['w9.example']);
    const stranger = CosignatureSigner.fromSeed('other', Buffer.alloc(32, 1)).verifierKey;
    const two = { keys, witnesses: [stranger, second, first], quorum: 2 };
    assert.deepEqual(verifyEvidence(bundle, two).witnesses, ['w9.example', 'w8.example']);
  });

  test('refuses what is no bundle', () => {
    const { bundle, keys } = DISCLOSED;
    const wrong: unknown[] = [undefined, null, 5, '', 'x', '[]', 'null', [], {}, () => 1, 1n, JSON.stringify(bundle).slice(1)];
    const { format: _, ...withoutFormat } = bundle;
    wrong.push(withoutFormat, { ...bundle, more: 1 }, { ...bundle, format: 'mythos codex evidence v2' });
    for (const name of Object.keys(bundle)) {
      for (const value of [null, 5.5, -1, 'x', [null], [{}], {}, [[]], '\ud800']) wrong.push({ ...bundle, [name]: value });
    }
    const [event] = bundle.events;
    for (const name of Object.keys(event ?? {})) {
      for (const value of [null, 5.5, -1, 'x', [null], { 2: null }, { 2: { salt: '', value: '' } }, '\ud800']) {
        wrong.push({ ...bundle, events: [{ ...event, [name]: value }, ...bundle.events.slice(1)] });
      }
    }
    for (const it of wrong) refused(it, { keys }, typeof it === 'object' ? JSON.stringify(it) : String(it));
    // Lines that Rust would take for others.
    for (const [from, to] of [['\n', '\r\n'], ['\n5\n', '\n05\n'], ['\n5\n', '\n+5\n'], ['\n\n', '\n\n\n'], ['=\n', '\n']] as const) {
      refused({ ...bundle, checkpoint: bundle.checkpoint.replace(from, to) }, { keys }, to);
    }
  });

  test('verifies what the core makes now, after every kind of change', async () => {
    const codices = Mythos.inMemory().codices();
    const path = { codex: 'support', directive_path: ['support'], actor: 'ana' };
    const clauses = Array.from({ length: 5 }, (_, at) => ({ clause: `c${at}`, text: `Rule ${at}.` }));
    await codices.create({ ...path, clauses, reason: 'launch' });
    const log = Ed25519Signer.fromSeed(codices.origin('support'), Buffer.alloc(32, 7));
    const other = Ed25519Signer.fromSeed(codices.origin('support'), Buffer.alloc(32, 9));
    const policy = `log ${log.verifierKey}\nquorum none\n`;
    const mutations: MutateCodex['mutation'][] = [
      { kind: 'replace', clause: 'c0', text: '\ufeffWith a mark 🙂' },
      { kind: 'add', clause: 'ü', text: '', position: 0 },
      { kind: 'annotate', clause: 'c0', note: 'one' },
      { kind: 'remove', clause: 'c4' },
      { kind: 'reorder', order: ['c3', 'ü', 'c2', 'c1', 'c0'] },
      { kind: 'authorize', key: log.verifierKey },
      { kind: 'authorize', key: other.verifierKey },
      { kind: 'revoke', key: other.verifierKey },
      { kind: 'annotate', clause: 'c0', note: 'two' },
    ];
    const seen = new Set<ChangeKind>();
    const check = async () => {
      const signed = await codices.checkpoint('support', [log]);
      const last = (await codices.codex('support')).length - 1;
      seen.add((await codices.trail('support', { from: last })).items[0]!.event.change.kind);
      for (const { clause } of await codices.clauses('support', last)) {
        for (const disclosure of [{}, { actors: true, reasons: true }]) {
          const bundle = await codices.evidence('support', clause, signed, disclosure);
          assert.deepEqual(verifyEvidence(bundle, { keys: [log.verifierKey] }), await verifyNatively(bundle, policy));
        }
      }
    };
    await check();
    for (const mutation of mutations) {
      await codices.mutate({ ...path, mutation });
      await check();
    }
    await codices.redact({ ...path, erase: [{ sequence: 1, opening: 2 }, { sequence: 0, opening: 0 }] });
    await check();
    const { length } = await codices.codex('support');
    await codices.mutate({ ...path, mutation: { kind: 'remove', clause: 'c1' }, parent: length - 2 });
    const take = (await codices.clauses('support', length - 1)).map(({ clause }) => ({ clause, from: 'ours' as const }));
    await codices.mutate({ ...path, mutation: { kind: 'merge', other: length, take }, parent: length - 1 });
    await check();
    assert.equal(seen.size, 10);
  });

  test('reads an event as the core does, whatever is changed in it and signed again', async () => {
    const { codices, bundle, resigned, keys, policy } = await oneEvent();
    const event = base64(bundle.events[0]!.event);
    assert.equal(await agreed(resigned(event), keys, policy), true);
    let accepted = 0;
    const compare = async (bytes: Buffer) => {
      if (await agreed(resigned(bytes), keys, policy)) accepted += 1;
    };
    for (const bytes of flips(event)) await compare(bytes);
    for (let at = 0; at <= event.length; at += 1) {
      for (const byte of [0x00, 0x18, 0x60, 0x80, 0xf6, 0xff]) {
        await compare(Buffer.concat([event.subarray(0, at), Buffer.of(byte), event.subarray(at)]));
      }
      await compare(Buffer.concat([event.subarray(0, at), event.subarray(at + 1)]));
    }
    // Times, the last field: every width, both signs, the ends of the range and what lies beyond, not in shortest form.
    const start = event.length - 9;
    assert.equal(event[start], 0x1b);
    const times = [
      '00', '17', '1818', '1817', '190100', '1900ff', '1a00010000', '1a0000ffff', '1b0000000100000000',
      '1b00000000ffffffff', '20', '3863', '390100', '3b00dcbffeff2bbfff', '3b00dcbffeff2bc000',
      '1b0384440ccc735e3f', '1b0384440ccc735e40', '1bffffffffffffffff', '3bffffffffffffffff', '1c', '1f', 'f6',
      'fb7ff8000000000000',
    ];
    for (const time of times) await compare(Buffer.concat([event.subarray(0, start), Buffer.from(time, 'hex')]));
    assert.ok(accepted > 300, String(accepted));
    assert.equal((await codices.verify('support')).events, 1);
  });

  test('reads a checkpoint as the core does, whatever is signed', async () => {
    const { bundle, origin, signed, keys, policy } = await oneEvent();
    const text = bundle.checkpoint.slice(0, bundle.checkpoint.indexOf('\n\n') + 1);
    const root = text.split('\n')[2]!;
    const is = async (expected: boolean, note: string) =>
      assert.equal(await agreed({ ...bundle, checkpoint: note }, keys, policy), expected, JSON.stringify(note));
    const whole = (changed: string) => `${changed}\n${signed(changed)}`;
    for (const good of [text, `${text}more\n`, `${text}more\nand more\n`, `${text}\u2014 no signature\n`, `${text}é\x7f\u2028\n`]) {
      await is(true, whole(good));
    }
    const sizes = ['01', '+1', '1 ', ' 1', '', '0', '2', '1.0', '1e0', '18446744073709551617', '9223372036854775808'];
    const hashes = [`${root} `, root.slice(0, -1), '', root.replace(/.=$/, (last) => `${last === 'A=' ? 'B' : 'A'}=`)];
    const bad = [
      `${text}\n`,
      `${text}\nmore\n`,
      `${text}\t\n`,
      `${text}\r\n`,
      `\n${text}`,
      `${origin}\n1\n`,
      `${origin}\n1\n${root}`,
      ...sizes.map((size) => `${origin}\n${size}\n${root}\n`),
      ...hashes.map((hash) => `${origin}\n1\n${hash}\n`),
      `other\n1\n${root}\n`,
    ];
    for (const changed of bad) await is(false, whole(changed));
    const unknown = '\u2014 someone AAAAAAAA\n';
    const mine = signed(text);
    const other = signed('another text\n');
    for (const lines of [unknown + mine, mine + unknown, mine + mine, mine + unknown.repeat(99)]) await is(true, `${text}\n${lines}`);
    const lines = [
      '\u2014 someone AAAAAA==\n',
      '\u2014 someone\n',
      '\u2014  AAAAAAAA\n',
      '- someone AAAAAAAA\n',
      '\u2014 some one AAAAAAAA\n',
      '\u2014 a+b AAAAAAAA\n',
      '\u2014 a\u00a0b AAAAAAAA\n',
      '\u2014 someone AAAAAAA\n',
      '\u2014 someone AAAAAAB=\n',
      '\n',
      '\u2014 a\x01 AAAAAAAA\n',
    ];
    const wrong = [
      '',
      unknown,
      mine.slice(0, -1),
      `${mine}\n`,
      mine + other,
      other + mine,
      mine + unknown.repeat(100),
      ...lines.map((line) => mine + line),
    ];
    for (const lines of wrong) await is(false, `${text}\n${lines}`);
  });

  test('verifies signatures without the cofactor, as the core does', async () => {
    const { bundle, origin } = await oneEvent();
    const { Point } = ed25519;
    const L = Point.Fn.ORDER;
    const secret = 0x1234_5678_9abc_def0_1234_5678_9abc_def0n;
    // A key with a part of order 8: what it signs satisfies the equation that is multiplied by 8, and the other one only
    // if the hash is a multiple of 8.
    const torsion = Point.fromHex(ORDER_8);
    const key = Point.BASE.multiply(secret).add(torsion).toBytes();
    const typed = Buffer.concat([Buffer.of(1), key]);
    const id = createHash('sha256').update(`${origin}\n`).update(typed).digest().subarray(0, 4);
    const verifierKey = `${origin}+${id.toString('hex')}+${typed.toString('base64')}`;
    const text = bundle.checkpoint.slice(0, bundle.checkpoint.indexOf('\n\n') + 1);
    const littleEndian = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
    const seen = new Set<boolean>();
    for (let r = 1n; r <= 60n; r += 1n) {
      const point = Point.BASE.multiply(r).toBytes();
      const k = littleEndian(createHash('sha512').update(point).update(key).update(text).digest()) % L;
      const s = Buffer.from(((r + k * secret) % L).toString(16).padStart(64, '0'), 'hex').reverse();
      const signature = Buffer.concat([point, s]);
      assert.ok(ed25519.verify(new Uint8Array(signature), new Uint8Array(Buffer.from(text)), key, { zip215: false }));
      const checkpoint = `${text}\n\u2014 ${origin} ${Buffer.concat([id, signature]).toString('base64')}\n`;
      const isAccepted = await agreed({ ...bundle, checkpoint }, [verifierKey], `log ${verifierKey}\nquorum none\n`);
      assert.equal(isAccepted, k % 8n === 0n);
      seen.add(isAccepted);
    }
    assert.equal(seen.size, 2);
  });
});

/** Whether the bundle is accepted; both verifiers say so, and the same of it. */
async function agreed(bundle: Bundle, keys: readonly string[], policy: string): Promise<boolean> {
  const native = await verifyNatively(JSON.stringify(bundle), policy).catch(() => null);
  let ours: ProvenClause | null = null;
  try {
    ours = verifyEvidence(bundle, { keys });
  } catch (error) {
    assert.ok(error instanceof EvidenceError);
  }
  assert.deepEqual(ours, native, JSON.stringify(bundle));
  return ours !== null;
}

/** A log of one event, whose bundle can be made again around any bytes in its place. */
async function oneEvent() {
  const codices = Mythos.inMemory().codices();
  const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
  await codices.create({ codex: 'support', clauses, directive_path: ['launch', 'first'], actor: 'ana', reason: 'why' });
  const seed = Buffer.alloc(32, 7);
  const origin = codices.origin('support');
  const log = Ed25519Signer.fromSeed(origin, seed);
  const bundle = JSON.parse(await codices.evidence('support', 'limit', await codices.checkpoint('support', [log]))) as Bundle;
  bundle.events[0]!.openings = {};
  // RFC 8410: the private key of Ed25519 is its seed.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const id = Buffer.from(log.verifierKey.split('+')[1]!, 'hex');
  const context = Buffer.from('mythos 2026 codex event v1');
  const eventKey = blake3(new Uint8Array(), { context: new Uint8Array(context) });
  /** The line of the log's signature over a text. */
  const signed = (text: string) => {
    const signature = Buffer.concat([id, sign(null, Buffer.from(text), key)]).toString('base64');
    return `\u2014 ${origin} ${signature}\n`;
  };
  const resigned = (event: Buffer): Bundle => {
    const digest = blake3(new Uint8Array(event), { key: eventKey });
    const root = createHash('sha256').update(Buffer.of(0)).update(digest).digest('base64');
    const text = `${origin}\n1\n${root}\n`;
    const events = [{ ...bundle.events[0]!, event: event.toString('base64') }];
    return { ...bundle, checkpoint: `${text}\n${signed(text)}`, events };
  };
  return { codices, origin, bundle, signed, resigned, keys: [log.verifierKey], policy: `log ${log.verifierKey}\nquorum none\n` };
}
