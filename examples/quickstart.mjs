// MythOS in twenty lines: save, restore, change a rule, and prove every change.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mythos } from 'mythos';

const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
const mythos = await Mythos.open(join(directory, 'mythos.db'));
const [rituals, codices] = [mythos.rituals(), mythos.codices()];

// The assistant saves what it needs to resume, and restores it after a crash: verified, or not at all.
const state = Buffer.from('{"order": 4711, "step": 3}');
const { entry } = await rituals.save({ assistant: 'ana', ritual: 'refund' }, state);
const restored = await rituals.restore(entry);
assert.deepEqual(restored.payload, state);
console.log(`restored ${restored.payload} of ana's refund`);

// The rules it works by change only through a log that proves itself.
const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
await codices.create({ codex: 'support', clauses, directive_path: ['launch'], actor: 'ana' });
const mutation = { kind: 'replace', clause: 'limit', text: 'Refund at most 50 EUR.' };
const directive_path = ['support', 'refunds', 'limit'];
const proof = await codices.mutate({ codex: 'support', mutation, directive_path, actor: 'bob' });
const verification = await codices.verify('support');
assert.equal(verification.proof_verification_status, 'verified');
assert.equal(verification.mutation_trail_hash, proof.mutation_trail_hash);
console.log(`${verification.events} changes of the codex verified, trail ${proof.mutation_trail_hash}`);
await mythos.close();
await rm(directory, { recursive: true });
