/** Never run: what has to compile, and what must not, for a host that is strict about types. */
import {
  type Action,
  addTotals,
  assess,
  assessMany,
  compareDocuments,
  compareMany,
  type Embedder,
  type GuardVerdict,
  measures,
  scoreLines,
  similarity,
  writeReport,
  type AnchorFinding,
  type Answer,
  type AnyStore,
  type Batch,
  AssistantRestartView,
  CodexProofView,
  type CodexRegressionGuard,
  CodexRegressionView,
  type CompressedRitual,
  CosignatureSigner,
  type Decision,
  Ed25519Signer,
  effects,
  type ErrorCode,
  type GroupEnd,
  type HealingRule,
  HeartbeatMonitor,
  type HostAction,
  type KeyProvider,
  KeyRing,
  MemoryStore,
  Mythos,
  MythosError,
  type NoteSigner,
  noveltyScore,
  type Outcome,
  PayloadFormats,
  type Read,
  type PruneWhat,
  RitualCompressionView,
  type RitualProgress,
  type RitualTotals,
  type RitualVerb,
  ritualVerbs,
  SqliteStore,
  stall,
  type Store,
  type Supervisor,
  SystemHealthRecoveryView,
} from 'mythos';
import { type ProvenClause, verifyEvidence } from 'mythos/evidence';
import { conformanceCases, runConformanceCase } from 'mythos/testing';

/** A store may answer at once or later; what it answers is told apart by `kind`. */
class Host implements Store {
  readonly timeout_ms = 1_000;

  capabilities() {
    return { durability: 'process', text: false, reach: false, count: true } as const;
  }

  read(reads: readonly Read[]): Answer[] {
    return reads.map((read) => {
      switch (read.kind) {
        case 'record':
          return { kind: 'record', record: { id: read.id, version: 1, body: { table: read.table } } };
        case 'page':
          return { kind: 'page', records: [] };
        case 'count':
          return { kind: 'count', groups: [{ value: null, count: read.cap }], capped: false };
        case 'cells':
          return { kind: 'cells', cells: [{ name: '00', bytes: Buffer.alloc(0) }], more: read.names.kind === 'range' };
      }
    });
  }

  async commit({ cells }: Batch): Promise<void> {
    for (const cell of cells) if (cell.kind === 'put') cell.bytes.toString('hex');
  }

  maintain() {
    return { freed_bytes: 0, done: true };
  }
}

/** Actions are told apart by `kind`, and no other is left. */
function outcomeOf(action: Action): Outcome {
  switch (action.kind) {
    case 'probe':
      return Date.parse(action.deadline) > 0 ? { kind: 'ready' } : { kind: 'not_ready', reason: 'late' };
    case 'escalate':
      return { kind: action.escalation.kind === 'given_up' ? 'acknowledged' : 'approved' };
    case 'stop':
    case 'kill':
      return { kind: 'stopped' };
    case 'restore':
    case 'align':
      throw new Error('not the host\'s');
  }
}

export async function sample(): Promise<void> {
  const stores: AnyStore[] = [new Host(), new MemoryStore(), await SqliteStore.open('file', { read_only: true })];
  for (const store of stores) {
    const { save, latest } = (await Mythos.withStore(store)).rituals();
    const entry: CompressedRitual = await save({ assistant: 'a', ritual: 'r' }, new Uint8Array(1));
    const restored = await latest(entry.assistant, entry.ritual);
    // @ts-expect-error: there may be no entry.
    restored.payload;
    const payload: Buffer | undefined = restored?.payload;
    payload?.toString('utf8');
    // @ts-expect-error: bytes are no text.
    await save({ assistant: 'a', ritual: 'r' }, 'text');
    // @ts-expect-error: the members have the names of the record.
    await save({ assistantId: 'a', ritual: 'r' }, new Uint8Array(1));
  }

  const keys: KeyProvider = { active: () => 'one', key: async (id) => (id === 'one' ? new Uint8Array(32) : null) };
  const formats = new PayloadFormats().current('v2').upcast('v1', 'v2', (payload) => payload.subarray(1));
  const rituals = Mythos.inMemory().withRituals({ keys, formats, hot_bytes: 0 }).rituals();
  Mythos.inMemory().withRituals({ keys: KeyRing.withActive('one', new Uint8Array(32)) });
  // @ts-expect-error: a provider has both methods.
  Mythos.inMemory().withRituals({ keys: { active: () => null } });
  // @ts-expect-error: an upcast takes and gives bytes.
  formats.upcast('v0', 'v1', (payload) => payload.toString());
  const after: RitualProgress | null = (await rituals.compact({ budget: { max_bytes: 1 } })).next;
  await rituals.compact({ after });
  const length: number | undefined = stall((await rituals.list()).items)?.length;
  const added: number = await noveltyScore(null, new Uint8Array(1));
  // @ts-expect-error: what says nothing is left out.
  (await rituals.rituals()).items[0]?.labels.length;
  const what: PruneWhat = { kind: 'policy', assistant: 'a', policy: { max_entries: 1 } };
  await rituals.prune({ what, dry_run: true });
  // @ts-expect-error: names of entries are of one ritual, which they name themselves.
  await rituals.prune({ what: { kind: 'entries', ritual: 'r', entries: [] } });
  // @ts-expect-error: a policy is taken back by null, not left out.
  await rituals.setRetention('a');
  const kept: number | null | undefined = (await rituals.retention('a'))?.policy.max_entries;
  const fork: CompressedRitual = await rituals.fork({ entry: 'e', ritual: 'r' });
  const done: boolean = (await rituals.copy({ assistant: 'a', ritual: 'r', to_ritual: 's' })).done;
  for (const { part, lost } of (await rituals.scrub()).damaged) {
    // @ts-expect-error: there is no such part.
    if (part === 'tail') return;
    void [lost[0]?.first];
  }
  const restorable: boolean = (await rituals.verify(fork.entry)).restorable;
  const view = new RitualCompressionView(rituals);
  const totals: RitualTotals = addTotals(await view.totals(), await rituals.totals({ by_encoding: true }));
  // @ts-expect-error: a curve has a number of points.
  await view.overview('a', 'r');
  const since: number | undefined = (await view.overview('a', 'r', 100)).stall?.since_sequence;
  const monitor = new HeartbeatMonitor({ threshold: 10 });
  const counts: boolean = monitor.heartbeat('a', 1, new Date().toISOString());
  // @ts-expect-error: there may be no timeout.
  monitor.pollTimeout().length;
  const suspects: string[] = monitor.suspects(new Date().toISOString()).map(({ suspected_at }) => suspected_at);
  // @ts-expect-error: there is no such option.
  new HeartbeatMonitor({ treshold: 10 });
  void [counts, suspects];
  const verbs: readonly RitualVerb[] = ritualVerbs();
  void [length, added, kept, done, restorable, totals.next, since, verbs];

  const mythos = Mythos.inMemory().tenant('t');
  const { create, mutate } = mythos.codices();
  const clauses = [{ clause: 'c', text: 't' }];
  await create({ codex: 'c', clauses, directive_path: ['d'], actor: 'a', operation: undefined });
  await mutate({ codex: 'c', mutation: { kind: 'remove', clause: 'c' }, directive_path: ['d'], actor: 'a' });
  // @ts-expect-error: a replacement has a text.
  await mutate({ codex: 'c', mutation: { kind: 'replace', clause: 'c' }, directive_path: ['d'], actor: 'a' });

  const supervisor: Supervisor = await mythos.deployments().supervise('s');
  const backoff = { kind: 'constant', delay_ms: 10 } as const;
  await supervisor.deploy({ assistant: 'a', spec: { ritual: 'r', policy: { backoff } } });
  // @ts-expect-error: there is no such kind of failure.
  await supervisor.reportFailure({ assistant: 'a', kind: 'tired', reason: 'r' });
  for (const effect of await supervisor.pollEffects()) {
    await supervisor.answer(effect.id, outcomeOf(effect.action));
    // @ts-expect-error: an answer without a reason.
    await supervisor.answer(effect.id, { kind: 'not_ready' });
  }
  await supervisor.createGroup({ group: 'g', policy: { strategy: 'rest_for_one' } });
  await supervisor.startChild({ group: 'g', assistant: 'a', spec: { ritual: 'r' }, shutdown: { kind: 'kill' } });
  // @ts-expect-error: which members are restarted is a matter of their group.
  await supervisor.deploy({ assistant: 'a', spec: { ritual: 'r', policy: { strategy: 'one_for_one' } } });
  // @ts-expect-error: within how many milliseconds?
  await supervisor.startChild({ group: 'g', assistant: 'a', spec: { ritual: 'r' }, shutdown: { kind: 'within' } });
  const { state } = await supervisor.stopGroup({ group: 'g', reason: 'night' });
  const end: GroupEnd | undefined = state.kind === 'ended' ? state.why : undefined;
  const [member] = await mythos.deployments().members('s', 'g');
  const found: string | undefined = member?.node.kind === 'group' ? member.node.group : member?.node.assistant;
  void [end, found];
  const stream = effects(supervisor, { signal: AbortSignal.timeout(1), longest_sleep_ms: 1_000 });
  for await (const effect of stream) {
    const action: HostAction = effect.action;
    const decision: Decision = await effect.answer(outcomeOf(action));
    // @ts-expect-error: what the library carries out itself never comes here.
    if (action.kind === 'restore') return;
    if (effect.signal.aborted || !decision.changed) effect.giveBack();
    stream.wake();
  }
  // @ts-expect-error: durations are numbers of milliseconds.
  effects(supervisor, { first_pause_ms: '1 s' });
  const { items, next } = await mythos.deployments().history({ assistant: 'a' }, { limit: 1 });
  const last: string | undefined = items[0]?.last_known_state;
  await mythos.deployments().history({}, { after: next });
  // @ts-expect-error: the epoch is read only.
  supervisor.epoch = 2;
  await mythos.sqlite()?.backup('file', ({ copied_pages, total_pages }) => copied_pages / total_pages);
  void last;

  // @ts-expect-error: an object without the methods is no store.
  await Mythos.withStore({});
  // @ts-expect-error: only `open` and `withStore` make one.
  new Mythos();
  // @ts-expect-error: only `open` makes one.
  new SqliteStore();

  try {
    await Mythos.open('file');
  } catch (error) {
    if (!(error instanceof MythosError)) throw error;
    const code: ErrorCode = error.code;
    // @ts-expect-error: there is no such code.
    if (code === 'Timeout') return;
    const field: string | undefined = error.field;
    const again: boolean = error.retryable;
    void [field, again, error.cause];
  }

  for (const { name, obligation, about } of conformanceCases()) {
    void [obligation.length, about.length];
    await runConformanceCase(
      name,
      (schemas) => {
        const names: string[] = schemas.map((schema) => schema.name);
        void names;
        return new Host();
      },
      (store) => store,
    );
  }
}

export async function evidence(): Promise<void> {
  const codices = Mythos.inMemory().withCodices({ origin: 'example.com' }).codices();
  const mutation = { kind: 'authorize', key: 'name+id+key' } as const;
  const { events } = await codices.mutateAll({ codex: 'c', mutations: [{ mutation, directive_path: ['d'], actor: 'a' }] });
  // @ts-expect-error: a batch names its codex once.
  await codices.mutateAll({ codex: 'c', mutations: [{ codex: 'c', mutation, directive_path: ['d'], actor: 'a' }] });
  const host: NoteSigner = { verifierKey: events[0] ?? '', sign: async () => new Uint8Array(64) };
  const signer = Ed25519Signer.fromSeed('name', new Uint8Array(32));
  const checkpoint: string = await codices.checkpoint('c', [signer, host]);
  // @ts-expect-error: a witness cosigns what is signed already.
  await codices.checkpoint('c', [CosignatureSigner.fromSeed('name', new Uint8Array(32))]);
  const { anchored } = await codices.verifyAgainst('c', 'quorum none\n', [checkpoint]);
  await codices.stateAt('c', { kind: 'checkpoint', at: anchored ?? 1 });
  // @ts-expect-error: a time is a text.
  await codices.stateAt('c', { kind: 'time', at: 5 });
  const bundle: string = await codices.evidence('c', 'clause', checkpoint, { reasons: true });
  const proven: ProvenClause = verifyEvidence(bundle, { keys: [signer.verifierKey], quorum: 0 });
  // @ts-expect-error: the text may be erased.
  proven.text.length;
  const { hashes } = await (await codices.tree('c')).inclusion(0);
  const erased: number = await codices.export('c', checkpoint, hashes[0] ?? '.', { had: 0 });
  void erased;
}

export async function anchored(): Promise<void> {
  const mythos = Mythos.inMemory();
  const anchors = mythos.anchors().withMacKey(new Uint8Array(32));
  let { next } = await anchors.anchor({ full: true });
  while (next !== null) ({ next } = await anchors.anchorOn(next, 10));
  const { findings, next: part } = await anchors.verifyPart({ limit: 1 });
  await anchors.verifyPart({ after: part });
  const finding: AnchorFinding | undefined = findings[0];
  // @ts-expect-error: there is no such finding.
  if (finding?.kind === 'odd') return;
  if (finding?.name?.kind === 'ritual') void finding.name.assistant.length;
  // @ts-expect-error: a ritual is of an assistant.
  await anchors.retire({ kind: 'ritual', ritual: 'r' });
  // @ts-expect-error: nothing may have been anchored.
  (await anchors.head()).length;
  const { verification } = await anchors.verifyAgainst('quorum none\n', await anchors.checkpoints());
  const view = new CodexProofView(mythos.codices());
  const { items } = await view.log({ actor: 'a', proofs: { codex: 'c' } });
  // @ts-expect-error: what is found by proofs stands there.
  await view.log({ codex: 'c' });
  const { is_head } = (await view.lineage('c')).nodes[0] ?? {};
  void [verification.status, items[0]?.proof.event, is_head];
  const restarts = new AssistantRestartView(mythos.deployments());
  const { timer } = (await restarts.deployments('a')).items[0] ?? {};
  const { edges, svg } = await restarts.diagram('s', 'a');
  // @ts-expect-error: incidents are found by supervisor.
  await restarts.history('a', { assistant: 'a' });
  void [timer?.remaining_ms.toFixed(), edges[0]?.taken[0]?.toFixed(), svg.length];
}

export async function paid(): Promise<void> {
  const steps = Mythos.inMemory().steps();
  const pay = { assistant: 'ana', ritual: 'refund', key: 'pay' };
  const begun = await steps.begin({ ...pay, intent: new Uint8Array(1) });
  if (begun.kind === 'completed') void begun.outcome.length;
  // @ts-expect-error: only what is in doubt says when it was begun.
  void begun.begun_at;
  if (begun.kind === 'begun') await steps.complete({ ...pay, outcome: Buffer.of(), attempt: begun.attempt });
  // @ts-expect-error: what happened has an outcome.
  await steps.resolve({ ...pay, attempt: 1, resolution: { kind: 'happened' } });
  const { in_doubt, completed } = await steps.afterRestore({ assistant: 'ana', ritual: 'refund' });
  void [in_doubt.items[0]?.begun_at, completed.next];
}

export async function healed(): Promise<void> {
  const hourly = { max_actions: 3, period_ms: 3_600_000 };
  const rule: HealingRule = {
    rule: 'stuck',
    trigger: { kind: 'stall' },
    threshold: { reading: 'stall_length', side: 'above', enter: 10, exit: 1 },
    score: [{ reading: 'stall_length', healthy: 0, worst: 20, weight: 1 }],
    // @ts-expect-error: how much less is to be said.
    repair_actions: [{ action: { kind: 'reduce_load' } }],
  };
  const healer = await Mythos.inMemory().healing().engage('support', {
    rules: [rule],
    budgets: { target: hourly, zone: hourly, node: hourly, overall: hourly },
    unhealthy: { kind: 'at_most_percent', percent: 40 },
  });
  for (const { decision } of await healer.plan()) {
    if (decision.kind === 'hold' && decision.why.kind === 'budget') void decision.why.until?.length;
    // @ts-expect-error: what is held back has no effect.
    if (decision.kind === 'hold') void decision.effect;
  }
  for (const { effect } of await healer.pollEffects()) await healer.answer(effect.id, { kind: 'done' });
  // @ts-expect-error: whoever approves has a name.
  await healer.answer({ assistant: 'ana', rule: 'stuck', incident: 1, attempt: 1 }, { kind: 'approved' });
  const { ended } = await new SystemHealthRecoveryView(Mythos.inMemory().healing()).overview('support');
  const delta = ended[0]?.symbolic_health_delta;
  if (delta?.kind === 'measured') void delta.value.toFixed();
}

/** The regression guard: its answers are readonly, and its options are checked. */
export async function compared(old: string, newer: string, embedder: Embedder): Promise<GuardVerdict> {
  const { findings, words } = await assess(old, newer, { accuracy_threshold: 0.5 });
  const place: number | undefined = findings[0]?.new?.start;
  const [before, after]: readonly [number, number] = words;
  // @ts-expect-error a threshold has another name
  await assess(old, newer, { accuracy: before + after + (place ?? 0) });
  // @ts-expect-error what was found cannot be changed
  findings.pop();
  await assessMany([[old, newer]], {}, { threads: 2, progress: (done, all) => void (done / all) });
  const tone: number | undefined = (await measures(old, newer)).tone['hedge'];
  const cosine: number | undefined = (await similarity([[old, newer]], embedder))[0]?.cosine;
  const documents = await compareMany([{ path: 'a.md', old, new: newer }]);
  const report: string = await writeReport(documents, 'sarif');
  const [line] = await scoreLines([report], {}, { first: 1 });
  const { changes, verdict } = await compareDocuments(old, newer);
  return changes.length > (tone ?? 0) + (cosine ?? 0) ? verdict : (line?.verdict ?? 'none');
}

export async function guarded(guard: CodexRegressionGuard): Promise<void> {
  const audit = await guard.audit({ clause: 'refunds', previous_version: 'within 30 days', new_version: 'within 90 days' });
  // @ts-expect-error: which flag is to be said.
  await guard.review({ audit: audit.audit, decision: { kind: 'override' }, reviewer: 'ana' });
  // @ts-expect-error: it is absent if the text was erased.
  void audit.previous_version.length;
  const { items } = await new CodexRegressionView(guard).history('refunds');
  for (const { diff } of items) void diff?.segments[0]?.findings[0]?.toFixed();
}
