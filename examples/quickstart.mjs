// MythOS in twenty lines: save, restore, change a rule, and prove every change.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mythos } from '../mythos-node/dist/index.js'; // elsewhere: from 'mythos'

const directory = await mkdtemp(join(tmpdir(), 'mythos-'));
const mythos = await Mythos.open(join(directory, 'mythos.db'));

// The assistant saves what it needs to resume, and restores it after a crash: verified, or not at all.
const state = Buffer.from('{"order": 4711, "step": 3}');
const entry = await mythos.rituals().save({ assistant: 'ana', ritual: 'refund' }, state);
const restored = await mythos.rituals().restore(entry.entry);
assert.deepEqual(restored.payload, state);

// The rules it works by change only through a log that proves itself.
const clauses = [{ clause: 'limit', text: 'Refund at most 100 EUR.' }];
await mythos.codices().create({ codex: 'support', clauses, directive_path: ['launch'], actor: 'ana' });
const mutation = { kind: 'replace', clause: 'limit', text: 'Refund at most 50 EUR.' };
const directive_path = ['support', 'refunds', 'limit'];
const proof = await mythos.codices().mutate({ codex: 'support', mutation, directive_path, actor: 'bob' });
const verification = await mythos.codices().verify('support');
assert.equal(verification.proof_verification_status, 'verified');
assert.equal(verification.mutation_trail_hash, proof.mutation_trail_hash);

await mythos.close();
await rm(directory, { recursive: true });
console.log("restored step 3 of ana's refund; 2 changes of the codex verified");
