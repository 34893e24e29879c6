import { setImmediate } from 'node:timers/promises';

import {
  type Answer,
  type Batch,
  type Capabilities,
  type Cell,
  CellConflict,
  type CellOwner,
  type Expect,
  type Filter,
  type Hex,
  type Maintained,
  type Names,
  type Order,
  type Read,
  type Scalar,
  type Store,
  StoreConflict,
  type StoredRecord,
} from 'mythos';

/**
 * A store in `Map`s: about the least that keeps the contract. It declines the filters `text` and `reach` and the read
 * `count`, which the core then emulates.
 *
 * JavaScript runs a method without interruption until its first `await`, which is all that atomic, exclusive and
 * consistent take here.
 */
export class MapStore implements Store {
  readonly #tables = new Map<string, Map<Hex, StoredRecord>>();
  readonly #cells = new Map<string, Map<Hex, Buffer>>();

  capabilities(): Capabilities {
    return { durability: 'memory', text: false, reach: false, count: false };
  }

  async read(reads: readonly Read[]): Promise<readonly Answer[]> {
    const answers = reads.map((read) => this.#answer(read));
    // Answered in a later turn, as a database would.
    await setImmediate();
    return answers;
  }

  commit(batch: Batch): void {
    for (const { table, id, expect } of batch.checks) this.#expect(table, id, expect);
    for (const op of batch.records) {
      const at = (version: number): Expect => ({ kind: 'at', version });
      const before = op.kind === 'delete' ? at(op.version) : op.kind === 'put' ? op.expect : { kind: 'absent' as const };
      this.#expect(op.table, op.id, before);
    }
    this.#expectCells(batch);

    for (const op of batch.records) {
      const table = entry(this.#tables, op.table);
      if (op.kind === 'delete') {
        table.delete(op.id);
      } else {
        const next = op.kind === 'import' ? op.version : op.expect.kind === 'at' ? op.expect.version + 1 : 1;
        table.set(op.id, { id: op.id, version: next, body: op.body });
      }
    }
    for (const op of batch.cells) {
      if (op.kind === 'delete') for (const { name } of this.#select(op.owner, op.names)) this.#owned(op.owner).delete(name);
    }
    for (const op of batch.cells) {
      if (op.kind === 'put') this.#owned(op.owner).set(op.name, op.bytes);
    }
  }

  maintain(): Maintained {
    return { freed_bytes: 0, done: true };
  }

  #answer(read: Read): Answer {
    switch (read.kind) {
      case 'record':
        return { kind: 'record', record: this.#tables.get(read.table)?.get(read.id) ?? null };
      case 'page': {
        const { after } = read;
        const place = (record: StoredRecord) => ({ value: valueOf(record, read.order.field), id: record.id });
        const records = [...(this.#tables.get(read.table)?.values() ?? [])]
          .filter((record) => read.filters.every((filter) => passes(record, filter)))
          .filter((record) => after === null || comparePlaces(read.order, place(record), after) > 0)
          .sort((a, b) => comparePlaces(read.order, place(a), place(b)));
        return { kind: 'page', records: records.slice(0, read.limit) };
      }
      case 'cells': {
        const selected = this.#select(read.owner, read.names);
        let bytes = 0;
        const fitting = selected.findIndex((cell) => (bytes += cell.bytes.length) > read.max_bytes);
        if (fitting === -1) return { kind: 'cells', cells: selected, more: false };
        return { kind: 'cells', cells: selected.slice(0, fitting), more: true };
      }
      case 'count':
        throw new Error('counts are declined');
    }
  }

  #expect(table: string, id: Hex, expect: Expect): void {
    const version = this.#tables.get(table)?.get(id)?.version;
    if (version !== (expect.kind === 'at' ? expect.version : undefined)) throw new StoreConflict(table, id);
  }

  /** Cells are written once. Those that the batch deletes are gone before its puts. */
  #expectCells(batch: Batch): void {
    const deleted = new Set<string>();
    for (const op of batch.cells) {
      if (op.kind === 'delete') for (const { name } of this.#select(op.owner, op.names)) deleted.add(key(op.owner) + name);
    }
    const written = new Map<string, Buffer>();
    for (const op of batch.cells) {
      if (op.kind === 'delete') continue;
      const place = key(op.owner) + op.name;
      const kept = deleted.has(place) ? undefined : this.#owned(op.owner).get(op.name);
      const before = written.get(place) ?? kept;
      if (before !== undefined && !before.equals(op.bytes)) throw new CellConflict(op.owner, op.name);
      written.set(place, op.bytes);
    }
  }

  #owned(owner: CellOwner): Map<Hex, Buffer> {
    return entry(this.#cells, key(owner));
  }

  #select(owner: CellOwner, names: Names): (Cell & { bytes: Buffer })[] {
    const cells = [...this.#owned(owner)].map(([name, bytes]) => ({ name, bytes }));
    cells.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (names.kind === 'these') return cells.filter(({ name }) => names.names.includes(name));
    const { from, until, limit, reverse } = names;
    const range = cells.filter(({ name }) => (from === null || name >= from) && (until === null || name < until));
    return (reverse ? range.reverse() : range).slice(0, limit);
  }
}

function key(owner: CellOwner): string {
  return JSON.stringify([owner.tenant, owner.table, owner.id]);
}

function entry<V>(maps: Map<string, Map<Hex, V>>, name: string): Map<Hex, V> {
  let map = maps.get(name);
  if (map === undefined) maps.set(name, (map = new Map()));
  return map;
}

function valueOf(record: StoredRecord, field: string | null): Scalar {
  const value = field === null ? null : record.body[field];
  return value === undefined || typeof value === 'object' ? null : value;
}

/** Null first, then by value; text by its UTF-8 bytes, which JavaScript's own order of UTF-16 units is not. */
function compare(a: Scalar, b: Scalar): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number(a) - Number(b);
}

function comparePlaces(order: Order, a: { value: Scalar; id: Hex }, b: { value: Scalar; id: Hex }): number {
  const ascending = compare(a.value, b.value) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  return order.direction === 'ascending' ? ascending : -ascending;
}

function passes(record: StoredRecord, filter: Filter): boolean {
  const value = valueOf(record, filter.field);
  const list = record.body[filter.field];
  const tags = Array.isArray(list) ? (list as readonly unknown[]) : [];
  switch (filter.kind) {
    case 'in':
      return value !== null && filter.values.some((other) => compare(value, other) === 0);
    case 'range':
      return (
        value !== null &&
        (filter.min === null || compare(value, filter.min) >= 0) &&
        (filter.below === null || compare(value, filter.below) < 0)
      );
    case 'null':
      return ((list ?? null) === null) === filter.is_null;
    case 'tags_all':
      return filter.tags.every((tag) => tags.includes(tag));
    case 'tags_any':
      return filter.tags.some((tag) => tags.includes(tag));
    case 'tags_none':
      return !filter.tags.some((tag) => tags.includes(tag));
    case 'text':
    case 'reach':
      throw new Error(`the filter ${filter.kind} is declined`);
  }
}
