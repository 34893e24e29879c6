/** Never run: what has to compile, and what must not, for a host that is strict about types. */
import {
  type Answer,
  type AnyStore,
  type Batch,
  type CompressedRitual,
  type ErrorCode,
  MemoryStore,
  Mythos,
  MythosError,
  type Read,
  SqliteStore,
  type Store,
} from 'mythos';
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
