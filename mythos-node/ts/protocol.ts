/**
 * What the core and a store say to each other. The member names are those that the core stores and sends; a record's
 * body keeps the names of its record type.
 *
 * @module
 */

/** Bytes as lower-case hexadecimal, whose order is the order of the bytes: ids of records and names of cells. */
export type Hex = string;

/** A hash of 32 bytes in padded standard base64. */
export type Base64 = string;

/** Any JSON value; integers have at most 53 bits. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/** A value of a scalar field. Text is ordered by its UTF-8 bytes, `false` before `true`, null before everything. */
export type Scalar = null | boolean | number | string;

/** What a table holds: an id, a version, and a JSON object. */
export interface StoredRecord {
  readonly id: Hex;
  /** How often it was written, from 1. */
  readonly version: number;
  readonly body: JsonObject;
}

/** Who owns a cell: a head record. */
export interface CellOwner {
  readonly tenant: string;
  readonly table: string;
  readonly id: Hex;
}

/** Bytes under an owner, ordered by name, written once. */
export interface Cell {
  readonly name: Hex;
  readonly bytes: Uint8Array;
}

/** Which cells of an owner: these as far as they exist, in ascending order; or a range, `until` excluded. */
export type Names =
  | { readonly kind: 'these'; readonly names: readonly Hex[] }
  | {
      readonly kind: 'range';
      readonly from: Hex | null;
      readonly until: Hex | null;
      readonly limit: number;
      readonly reverse: boolean;
    };

/** What a record must pass. Comparisons are never true of null, except the filter `null`. */
export type Filter =
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly Scalar[] }
  | { readonly kind: 'range'; readonly field: string; readonly min: Scalar; readonly below: Scalar }
  | { readonly kind: 'null'; readonly field: string; readonly is_null: boolean }
  | { readonly kind: 'tags_all'; readonly field: string; readonly tags: readonly string[] }
  | { readonly kind: 'tags_any'; readonly field: string; readonly tags: readonly string[] }
  | { readonly kind: 'tags_none'; readonly field: string; readonly tags: readonly string[] }
  | { readonly kind: 'text'; readonly field: string; readonly query: string }
  | {
      readonly kind: 'reach';
      readonly field: string;
      readonly start: Hex;
      readonly walk: 'ancestors' | 'descendants';
    };

/** An order of records by a scalar field, or by id alone; ties are broken by id in the same direction. */
export interface Order {
  readonly field: string | null;
  readonly direction: 'ascending' | 'descending';
}

/** The place behind a record in an order; `value` is null if ordered by id. */
export interface Cursor {
  readonly value: Scalar;
  readonly id: Hex;
}

/** The record of that id. */
export interface ReadRecord {
  readonly kind: 'record';
  readonly table: string;
  readonly id: Hex;
}

/** Records that pass all filters, in one order, behind a cursor. */
export interface ReadPage {
  readonly kind: 'page';
  readonly table: string;
  readonly filters: readonly Filter[];
  readonly order: Order;
  readonly after: Cursor | null;
  readonly limit: number;
}

/** How many records pass all filters, by the values of a field; those beyond `cap` need not be counted. */
export interface ReadCount {
  readonly kind: 'count';
  readonly table: string;
  readonly filters: readonly Filter[];
  readonly by: string | null;
  readonly cap: number;
}

/** Cells of one owner; the answer ends before the cell that would bring its bytes over `max_bytes`. */
export interface ReadCells {
  readonly kind: 'cells';
  readonly owner: CellOwner;
  readonly names: Names;
  readonly max_bytes: number;
}

/** One question to a store. */
export type Read = ReadRecord | ReadPage | ReadCount | ReadCells;

/** The answer to a {@link Read} of the same kind. */
export type Answer =
  | { readonly kind: 'record'; readonly record: StoredRecord | null }
  | { readonly kind: 'page'; readonly records: readonly StoredRecord[] }
  | {
      readonly kind: 'count';
      /** Ascending by value; groups of none are left out. */
      readonly groups: readonly { readonly value: Scalar; readonly count: number }[];
      readonly capped: boolean;
    }
  | {
      readonly kind: 'cells';
      readonly cells: readonly Cell[];
      /** Whether `max_bytes` ended the answer before a cell that was asked for. */
      readonly more: boolean;
    };

/** What a commit expects of a record before it. */
export type Expect = { readonly kind: 'absent' } | { readonly kind: 'at'; readonly version: number };

/** An expectation about a record that the batch does not write. */
export interface Check {
  readonly table: string;
  readonly id: Hex;
  readonly expect: Expect;
}

/** A write of one record. */
export type RecordOp =
  | {
      /** The version becomes 1, or the expected one plus 1. */
      readonly kind: 'put';
      readonly table: string;
      readonly id: Hex;
      readonly expect: Expect;
      readonly body: JsonObject;
    }
  | {
      /** The record must not exist, and gets this version. */
      readonly kind: 'import';
      readonly table: string;
      readonly id: Hex;
      readonly version: number;
      readonly body: JsonObject;
    }
  | { readonly kind: 'delete'; readonly table: string; readonly id: Hex; readonly version: number };

/** A write of cells. Deletions of a batch are applied before its puts. */
export type CellOp =
  | {
      /** Nothing happens if the cell exists with the same bytes; with others it is a `CellConflict`. */
      readonly kind: 'put';
      readonly owner: CellOwner;
      readonly name: Hex;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'delete'; readonly owner: CellOwner; readonly names: Names };

/** Changes that are made together or not at all. */
export interface Batch {
  readonly checks: readonly Check[];
  readonly records: readonly RecordOp[];
  readonly cells: readonly CellOp[];
}

/** What a store promises, and which optional reads it answers itself; the core emulates the others. */
export interface Capabilities {
  /** What an acknowledged commit survives. */
  readonly durability: 'memory' | 'process' | 'power_loss';
  /** Whether the filter `text` is answered. */
  readonly text: boolean;
  /** Whether the filter `reach` is answered. */
  readonly reach: boolean;
  /** Whether the read `count` is answered. */
  readonly count: boolean;
}

/** How much housekeeping one call may do. */
export interface Budget {
  /** At most about so many bytes are moved or given back. */
  readonly max_bytes: number;
}

/** What one call of housekeeping did. */
export interface Maintained {
  readonly freed_bytes: number;
  /** Whether nothing is left to do at present. */
  readonly done: boolean;
}

/** A table's declaration: what its records can be filtered and ordered by. */
export interface Schema {
  readonly name: string;
  readonly fields: readonly {
    readonly name: string;
    readonly kind: 'text' | 'integer' | 'real' | 'boolean' | 'tags' | 'edges';
  }[];
  /** Listings that should be answered from an index: the fields compared for equality, then that of the order. */
  readonly indexes: readonly (readonly string[])[];
  readonly owns_cells: boolean;
}
