// Verifies evidence bundles of MythOS offline, in browsers and in Node: what `EvidenceBundle::verify` of the core does.
// Everything that is read is foreign: whatever is not spelled in the one way that the core writes is refused.
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberBE, bytesToNumberLE, equalBytes, numberToBytesLE } from '@noble/curves/utils.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';

/** What `verifyEvidence` throws; the message says what does not follow. */
export class EvidenceError extends Error {
  name = 'EvidenceError';
}

// The bounds of the core on bundles, notes, their signatures, verifier keys, names (in characters) and directive paths.
const [MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURES, MAX_KEY_BYTES] = [64 << 20, 1 << 20, 100, 4096];
const [MAX_NAME, MAX_DIRECTIVES, MAX_U32, MAX_I64] = [150, 32, 2n ** 32n - 1n, 2n ** 63n - 1n];
// 0001-01-01T00:00:00Z and 9999-12-30T22:00:00.999999Z in microseconds: the range of the core's `Timestamp`.
const [MIN_TIME, MAX_TIME] = [-62_135_596_800_000_000n, 253_402_207_200_999_999n];
const [ED25519, COSIGNATURE] = [1, 4]; // What keys sign, and how (C2SP signed-note, "Signature types").
const [ACTOR, REASON, FIRST_TEXT] = [0, 1, 2]; // Openings in their event; texts and notes from the last on.

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const [hashEvent, hashClause, hashNode, hashState] = ['event', 'clause', 'node', 'state'].map((what) => {
  // BLAKE3 in keyed mode; the key is what the key derivation mode makes of the context and no input.
  const key = blake3(new Uint8Array(), { context: encoder.encode(`mythos 2026 codex ${what} v1`) });
  return (...parts) => blake3(concatBytes(...parts), { key });
});

/** Verifies a bundle against the keys of its log and of witnesses: gives what it proves, or throws an EvidenceError. */
export function verifyEvidence(bundle, policy) {
  try {
    return verify(bundle, policy);
  } catch (cause) {
    // What JSON, base64, UTF-8 and noble refuse is refused here.
    throw cause instanceof EvidenceError ? cause : new EvidenceError('the evidence cannot be read', { cause });
  }
}

function verify(bundle, policy) {
  const { logs, witnesses, quorum } = readPolicy(policy ?? {});
  const { checkpoint, clause, position, clauses, path, events: given } = readBundle(bundle);
  const { origin, size, root, signers } = readCheckpoint(checkpoint, logs, witnesses);
  const cosigned = witnesses.filter((key) => signers.has(key));
  check(cosigned.length >= quorum, `${cosigned.length} witnesses cosigned its checkpoint, not ${quorum}`);
  const events = given.map((event) => verifyEvent(event, size, root));
  const last = events.at(-1);
  check(last?.sequence === size - 1, "the checkpoint's last event is not among its events");
  check(events.every((it, at) => at === 0 || events[at - 1].sequence < it.sequence), 'its events are not in order');
  const { tenant, codex } = last;
  check(events.every((it) => it.tenant === tenant && it.codex === codex), 'its events are of several codices');
  const hex = (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
  const own = [tenant, codex].map((name) => `/${encodeURIComponent(name).replace(/[!'()*]/g, hex)}`).join('');
  check(origin.endsWith(own), `the log ${origin} does not speak for codex ${codex}`);
  const sources = events.flatMap((event) => {
    const number = event.texts.findIndex((text) => text.clause === clause);
    return number < 0 ? [] : [{ event, ...event.texts[number], value: event.disclosed(FIRST_TEXT + number) }];
  });
  const [texts, notes] = ['text', 'note'].map((purpose) => sources.filter((source) => source.purpose === purpose));
  check(texts.length === 1, `${texts.length} events give the clause a text, not one`);
  const [id, commitments] = [utf8(clause), [...texts, ...notes].map(({ commitment }) => commitment)];
  const digest = hashClause(numberToBytesLE(id.length, 2), id, ...commitments);
  const codexRoot = hashState(numberToBytesLE(clauses, 8), climb(digest, position, clauses, path, hashNode));
  check(equalBytes(codexRoot, last.codex_after), `clause ${clause} does not lead to the codex root`);
  return {
    ...{ tenant, codex, origin, size, codex_root: bytesToHex(codexRoot), clause },
    ...{ text: texts[0].value, notes: notes.map(({ value }) => value) },
    origins: sources.map(({ event: { sequence, change, directive_path, recorded_at, disclosed } }) => {
      return { sequence, change, directive_path, actor: disclosed(ACTOR), reason: disclosed(REASON), recorded_at };
    }),
    witnesses: cosigned.map(({ name }) => name),
  };
}

function readPolicy({ keys, witnesses: cosigners = [], quorum = cosigners?.length }) {
  check(Array.isArray(keys) && Array.isArray(cosigners), 'the keys and the witnesses are lists of verifier keys');
  const [logs, witnesses] = [keys.map(readKey), cosigners.map(readKey)];
  check(!logs.some(({ name }) => name.includes('\x7f')), "the name of a log's key has a control character");
  check(witnesses.every(({ type }) => type === COSIGNATURE), 'the key of a witness is of a type that does not cosign');
  const isTwice = (list) => new Set(list.map(({ bytes }) => bytesToHex(bytes))).size < list.length;
  check(!isTwice(logs) && !isTwice(witnesses), 'a key is named twice');
  check(isCount(quorum) && quorum <= witnesses.length, `the quorum is not a count of the witnesses: ${quorum}`);
  return { logs, witnesses, quorum };
}

/** Reads a verifier key, `NAME+ID+BASE64` (C2SP signed-note, "Verifier keys"). */
function readKey(text) {
  check(utf8(text).length <= MAX_KEY_BYTES, 'a verifier key is too long');
  const [, name, id, base64] = /^([^+]*)\+([0-9a-f]{8})\+([^]*)$/.exec(text) ?? refuse('a key is not NAME+ID+BASE64');
  const key = fromBase64(base64);
  const [type, bytes] = [key[0], key.subarray(1)];
  check(isKeyName(name), 'a key has a name that is none');
  check(type === ED25519 || type === COSIGNATURE, `the key ${name} is of type ${type}, which is not verified here`);
  check(bytesToHex(sha256(concatBytes(utf8(`${name}\n`), key))).startsWith(id), `the key ${name} has another id`);
  const point = ed25519.Point.fromBytes(bytes, false);
  check(!point.isSmallOrder(), `the key ${name} is of small order: anyone can sign for it`);
  return { text, name, id, type, bytes, point };
}

/** Reads a bundle, without believing any of it. An object goes through JSON too: nothing in it changes meanwhile. */
function readBundle(bundle) {
  const text = typeof bundle === 'string' ? bundle : JSON.stringify(bundle);
  check(utf8(text).length <= MAX_BUNDLE_BYTES, 'a bundle has over 64 MiB');
  const read = members(JSON.parse(text), 'checkpoint,clause,clauses,events,format,path,position');
  check(read.format === 'mythos codex evidence v1', `the format ${JSON.stringify(read.format)} is not known`);
  check(isName(read.clause), 'the id of its clause is none');
  check(isCount(read.position) && isCount(read.clauses), 'its position and clauses are not counts up to 2^53 - 1');
  check(Array.isArray(read.path) && Array.isArray(read.events), 'its path and its events are not lists');
  return { ...read, path: read.path.map((digest) => fromHex(digest, 32)) };
}

/** Reads a signed checkpoint and verifies it (C2SP signed-note, tlog-checkpoint): what it tells, and who signed. */
function readCheckpoint(note, logs, witnesses) {
  check(utf8(note).length <= MAX_NOTE_BYTES, 'its checkpoint has over 1 MiB');
  const end = note.lastIndexOf('\n\n');
  check(end >= 0 && note.endsWith('\n'), 'its checkpoint is not a text, an empty line and signatures');
  const text = note.slice(0, end + 1);
  check(!/[\0-\x09\x0b-\x1f]/.test(text), 'its checkpoint has a control character');
  const lines = note.slice(end + 2, -1).split('\n');
  check(lines.length <= MAX_SIGNATURES, `its checkpoint has more than ${MAX_SIGNATURES} signatures`);
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n');
  check(origin !== '' && !extensions.includes(''), 'its checkpoint has an empty line');
  check(/^(0|[1-9][0-9]*)$/.test(size) && isCount(Number(size)), 'its checkpoint has no size up to 2^53 - 1');
  const known = [...logs.filter(({ name }) => name === origin), ...witnesses];
  const signers = new Set();
  for (const line of lines) {
    const [, name, base64] = /^\u2014 ([^ ]*) ([^]*)$/.exec(line) ?? refuse('a signature is no dash, name and base64');
    const bytes = fromBase64(base64);
    check(isKeyName(name) && bytes.length > 4, 'a signature has no name, or no bytes behind its key id');
    const id = bytesToHex(bytes.subarray(0, 4));
    const named = known.filter((key) => key.name === name && key.id === id);
    check(named.every((key) => key.text === named[0].text), `two different keys are called ${name} ${id}`);
    const isOf = named.length === 0 || signs(named[0], text, bytes.subarray(4));
    check(isOf, `what the key ${name} ${id} should have signed with is not its signature of this checkpoint`);
    named.forEach((key) => signers.add(key));
  }
  check(logs.some((key) => signers.has(key)), `no known key of the log ${origin} signed its checkpoint`);
  return { origin, size: Number(size), root: fromBase64(root, 32), signers };
}

function signs({ type, bytes, point }, text, signature) {
  if (type === ED25519) return verifyStrict(bytes, point, utf8(text), signature);
  // C2SP tlog-cosignature: the time in 8 bytes, at most 2^63 - 1, stands before the signature and above the text.
  const time = bytesToNumberBE(signature.subarray(0, 8));
  const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  return time <= MAX_I64 && verifyStrict(bytes, point, message, signature.subarray(8));
}

/** Ed25519 as `verify_strict` of ed25519-dalek does it: without the cofactor, by which noble's `verify` multiplies. */
function verifyStrict(key, point, message, signature) {
  const [r, s, L] = [signature.subarray(0, 32), bytesToNumberLE(signature.subarray(32)), ed25519.Point.Fn.ORDER];
  if (signature.length !== 64 || s >= L) return false;
  const k = bytesToNumberLE(sha512(concatBytes(r, key, message))) % L;
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(k));
  return !expected.isSmallOrder() && equalBytes(expected.toBytes(), r);
}

/** Verifies that an event is in the log, and that what is disclosed is what was committed to. */
function verifyEvent(given, size, root) {
  const { index, event: base64, inclusion, openings } = members(given, 'event,inclusion,index,openings');
  check(isCount(index) && Array.isArray(inclusion), 'an event has no index or no inclusion proof');
  const bytes = fromBase64(base64);
  const event = readEvent(bytes);
  check(event.sequence === index, `event ${index} says that it is event ${event.sequence}`);
  const leaf = sha256(concatBytes(Uint8Array.of(0), hashEvent(bytes)));
  const siblings = inclusion.map((hash) => fromBase64(hash, 32));
  const found = climb(leaf, index, size, siblings, (...both) => sha256(concatBytes(Uint8Array.of(1), ...both)));
  check(equalBytes(found, root), `event ${index} is not in the checkpoint's log`);
  const committed = new Map([[`${ACTOR}`, { purpose: 'actor', commitment: event.actor }]]);
  if (event.reason !== null) committed.set(`${REASON}`, { purpose: 'reason', commitment: event.reason });
  event.texts.forEach((text, number) => committed.set(`${FIRST_TEXT + number}`, text));
  check(isObject(openings), `event ${index} has no openings`);
  for (const [number, opening] of Object.entries(openings)) {
    const { salt, value } = members(opening, 'salt,value');
    const { purpose, commitment } = committed.get(number) ?? refuse(`event ${index} has no text ${number}`);
    // BLAKE3 in key derivation mode over fields, each behind its length.
    const fields = [fromHex(salt, 16), utf8(purpose), utf8(value)].flatMap((it) => [numberToBytesLE(it.length, 8), it]);
    const hash = blake3(concatBytes(...fields), { context: encoder.encode('mythos 2026 commitment v1') });
    check(equalBytes(hash, commitment), `what event ${index} discloses as text ${number} is not what was said`);
  }
  return { ...event, disclosed: (number) => (Object.hasOwn(openings, number) ? openings[number].value : null) };
}

/** The kinds of changes by their numbers: how many fields each has, and how its texts are read behind the number. */
const CHANGES = [
  ['create', 2, (r) => r.list(() => (r.fields(2), r.given('text')))],
  ['add', 4, (r) => [r.given('text'), r.integer(MAX_U32)].slice(0, 1)],
  ['replace', 3, (r) => [r.given('text')]],
  ['remove', 2, (r) => (r.name(), [])],
  ['reorder', 2, (r) => (r.list(r.name), [])],
  ['annotate', 3, (r) => [r.given('note')]],
  ['merge', 2, (r) => (r.list(() => (r.fields(2), r.name(), r.boolean())), [])],
  ['redact', 2, (r) => (r.list(() => (r.fields(2), r.integer(), r.integer(MAX_U32))), [])],
  ['authorize', 2, (r) => (r.text(), [])],
  ['revoke', 2, (r) => (r.text(), [])],
];

/** Reads the deterministic CBOR of an event (RFC 8949 §4.2.1): 16 fields, each in its place. */
function readEvent(bytes) {
  const r = reader(bytes);
  r.fields(16);
  check(r.integer() === 1n, 'an event has an unknown format');
  const [tenant, codex, sequence] = [r.name(), r.name(), Number(r.integer(BigInt(Number.MAX_SAFE_INTEGER)))];
  r.optional(r.hash); // The event before it.
  r.list(r.integer); // The events that it follows from.
  const directive_path = r.list(r.name);
  check(directive_path.length >= 1 && directive_path.length <= MAX_DIRECTIVES, 'an event has no directive path');
  const count = r.head(4);
  const [change, fields, readTexts] = CHANGES[r.integer()] ?? refuse('an event has a change of an unknown kind');
  check(count === BigInt(fields), 'a change has another number of fields');
  const texts = readTexts(r);
  r.list(() => (r.fields(3), r.name(), r.optional(r.hash), r.optional(r.hash))); // The clauses that it changes.
  r.optional(r.hash); // The codex root before.
  const [codex_after, actor, reason] = [r.hash(), r.hash(), r.optional(r.hash)];
  r.optional(r.hash); // The evidence that the change was examined.
  check(r.bytes(2).length === 16, 'an operation has not 16 bytes');
  const recorded_at = r.time();
  check(r.isAtEnd(), 'an event has bytes behind its end');
  return { tenant, codex, sequence, directive_path, change, texts, codex_after, actor, reason, recorded_at };
}

function reader(bytes) {
  let at = 0;
  const take = (count) => {
    check(count <= bytes.length - at, 'an event ends early');
    return bytes.subarray(at, (at += Number(count)));
  };
  const r = {
    /** The argument of an item of this major type, which stands in its shortest form. */
    head(type) {
      const [first] = take(1);
      const [size, short] = [2 ** ((first & 31) - 24), first & 31];
      check(first >> 5 === type && short < 28, 'an event has an item of another type');
      if (short < 24) return BigInt(short);
      const least = size === 1 ? 24n : 1n << BigInt(4 * size);
      return must(bytesToNumberBE(take(size)), (value) => value >= least, 'a number is not in its shortest form');
    },
    fields: (count) => check(r.head(4) === BigInt(count), 'an event has another number of fields'),
    list(read, items = []) {
      for (let left = r.head(4); left > 0n; left--) items.push(read());
      return items;
    },
    integer: (max = 2n ** 64n) => must(r.head(0), (value) => value <= max, `an event has a number over ${max}`),
    bytes: (type) => take(r.head(type)),
    hash: () => must(r.bytes(2), ({ length }) => length === 32, 'a digest has not 32 bytes'),
    text: () => decoder.decode(r.bytes(3)),
    name: () => must(r.text(), isName, 'an event has a name that is none'),
    given: (purpose) => ({ clause: r.name(), purpose, commitment: r.hash() }),
    optional: (read) => (bytes[at] === 0xf6 ? (take(1), null) : read()),
    boolean: () => check((take(1)[0] | 1) === 0xf5, 'an event has no truth value in its place'),
    time() {
      const time = bytes[at] >> 5 === 1 ? -1n - r.head(1) : r.head(0);
      check(time >= MIN_TIME && time <= MAX_TIME, 'an event has a time outside the years 1 to 9999');
      const below = ((time % 1000n) + 1000n) % 1000n;
      return `${new Date(Number((time - below) / 1000n)).toISOString().slice(0, -1)}${`${below}`.padStart(3, '0')}Z`;
    },
    isAtEnd: () => at === bytes.length,
  };
  return r;
}

/** The root over a leaf, in the tree of RFC 6962 §2.1: it takes all siblings, the lowest first, and no more. */
function climb(leaf, index, count, siblings, join) {
  check(index < count, `${index} is not a place among ${count}`);
  let [node, at, last, used] = [leaf, index, count - 1, 0];
  for (; last > 0; at = Math.floor(at / 2), last = Math.floor(last / 2)) {
    if (at % 2 === 0 && at === last) continue; // A node without a sibling is its own parent.
    const sibling = siblings[used++] ?? refuse('a proof has too few hashes');
    node = at % 2 === 1 ? join(sibling, node) : join(node, sibling);
  }
  check(used === siblings.length, 'a proof has too many hashes');
  return node;
}

const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isKeyName = (name) => name !== '' && !/[\p{White_Space}+\0-\x1f]/u.test(name);
const isName = (name) => typeof name === 'string' && /^\P{Cc}+$/u.test(name) && [...name].length <= MAX_NAME;
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const check = (holds, what) => holds || refuse(what);
const must = (value, holds, what) => (holds(value) ? value : refuse(what));

/** An object that has these members, which are named in their order, and no others. */
const members = (value, names) =>
  must(value, (it) => isObject(it) && Object.keys(it).sort().join() === names, `what has ${names} has others`);
/** The UTF-8 of a text; what is no text, or has half a surrogate pair, has none. */
const utf8 = (text) => must(encoder.encode(text), (it) => decoder.decode(it) === text, 'a text is not Unicode');
const fromHex = (text, length) =>
  hexToBytes(must(text, (it) => it.length === 2 * length && /^[0-9a-f]*$/.test(it), 'bytes are not hexadecimal'));

/** Decodes padded standard base64, in its canonical form only. */
function fromBase64(text, length) {
  const binary = atob(text);
  check(btoa(binary) === text && binary.length === (length ?? binary.length), 'a base64 is not in its canonical form');
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function refuse(what) {
  throw new EvidenceError(`the evidence is not sound: ${what}`);
}
