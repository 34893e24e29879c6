// The verifier of evidence in a headless Chromium: its module and what it imports as they are, without a bundler.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GOLDEN = join(ROOT, '../mythos-core/tests/golden/evidence_v1.json');
const CHROMIUM = process.env.CHROMIUM ?? 'chromium';
/** A browser that has not answered by then does not. */
const TIMEOUT_MS = 120_000;
/** What the page may load beside itself. */
const SERVED = /^\/(evidence|node_modules\/@noble\/(curves|hashes))\/[\w./-]+\.m?js$/;

const PAGE = `<!doctype html>
<meta charset="utf-8">
<script type="importmap">
{ "imports": {
  "mythos/evidence": "/evidence/evidence.mjs",
  "@noble/curves/": "/node_modules/@noble/curves/",
  "@noble/hashes/": "/node_modules/@noble/hashes/"
} }
</script>
<script type="module">
  const tell = (result) => fetch('/result', { method: 'POST', body: JSON.stringify(result) });
  try {
    const { EvidenceError, verifyEvidence } = await import('mythos/evidence');
    const attempt = (bundle, policy) => {
      try {
        return { proven: verifyEvidence(bundle, policy) };
      } catch (error) {
        return { refused: error instanceof EvidenceError, message: String(error) };
      }
    };
    const cases = await (await fetch('/golden')).json();
    await tell(cases.map(({ bundle, keys, witnesses, quorum }) => {
      const tampered = structuredClone(bundle);
      tampered.events[0].event = tampered.events[0].event.replace(/^(.{40})(.)/, (_, kept, one) => kept + (one === 'A' ? 'B' : 'A'));
      const forged = structuredClone(bundle);
      forged.checkpoint = forged.checkpoint.replace(/\\n(\\d+)\\n/, (_, size) => '\\n' + (Number(size) + 1) + '\\n');
      const path = structuredClone(bundle);
      path.path = path.path.map((digest) => (digest[0] === '0' ? '1' : '0') + digest.slice(1));
      const policy = { keys, witnesses, quorum };
      return [bundle, JSON.stringify(bundle), tampered, forged, path].map((it) => attempt(it, policy));
    }));
  } catch (error) {
    await tell({ error: String(error?.stack ?? error) });
  }
</script>`;

/** Serves the page, and resolves with what it tells. */
async function serve() {
  let told;
  const result = new Promise((resolve) => (told = resolve));
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const send = (type, body) => response.writeHead(200, { 'content-type': type }).end(body);
    if (pathname === '/') return send('text/html', PAGE);
    if (pathname === '/golden') return send('application/json', await readFile(GOLDEN));
    if (pathname === '/result') {
      const parts = [];
      for await (const part of request) parts.push(part);
      told(JSON.parse(Buffer.concat(parts).toString()));
      return send('text/plain', '');
    }
    if (SERVED.test(pathname) && normalize(pathname) === pathname) {
      return send('text/javascript', await readFile(join(ROOT, pathname)));
    }
    return response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { result, server, address: `http://127.0.0.1:${server.address().port}/` };
}

test('a browser verifies the golden bundles, and refuses changed ones', async () => {
  const { result, server, address } = await serve();
  const profile = await mkdtemp(join(tmpdir(), 'mythos-browser-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const browser = spawn(
    CHROMIUM,
    [...flags, '--disable-background-networking', `--user-data-dir=${profile}`, address],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let printed = '';
  browser.stderr.on('data', (part) => (printed = `${printed}${part}`.slice(-2_000)));
  const ended = new Promise((resolve) => browser.on('error', resolve).on('exit', (code) => resolve(`it exited with ${code}`)));
  let late;
  try {
    const found = await Promise.race([
      result,
      ended.then((why) => {
        const hint = why.code === 'ENOENT' ? '; install the package chromium, or name a browser in CHROMIUM' : '';
        throw new Error(`${CHROMIUM} cannot be run: ${why}${hint}\n${printed}`);
      }),
      new Promise((_, reject) => {
        late = setTimeout(() => reject(new Error(`${CHROMIUM} did not answer in ${TIMEOUT_MS} ms\n${printed}`)), TIMEOUT_MS);
      }),
    ]);
    assert.ok(Array.isArray(found), found.error);
    const cases = JSON.parse(await readFile(GOLDEN, 'utf8'));
    assert.equal(found.length, cases.length);
    for (const [at, [object, text, ...changed]] of found.entries()) {
      assert.deepEqual(object, { proven: cases[at].proven });
      assert.deepEqual(text, object);
      for (const outcome of changed) assert.equal(outcome.refused, true, outcome.message);
    }
  } finally {
    clearTimeout(late);
    browser.kill('SIGKILL');
    await ended;
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
});
