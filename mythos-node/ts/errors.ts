import { retryableByCode } from '../native/index.js';
import type { CellOwner, Hex } from './protocol.js';

/**
 * What the caller should do about an error:
 *
 * - `Conflict`: someone else changed what the call was about to change; reload and retry.
 * - `Corrupt`: stored data failed its integrity check; do not use it.
 * - `Invalid`: the input is not acceptable; `field` names the member.
 * - `NotFound`: what was asked for does not exist (any more).
 * - `Unavailable`: the store cannot serve the call now; nothing was changed; retry later.
 * - `Unknown`: whether the change was made is not known; repeat the call with the same operation id, which is `operation`.
 * - `Limit`: a stated bound was exceeded.
 * - `Internal`: a defect of mythos or of a host's store; report it.
 */
export type ErrorCode =
  | 'Conflict'
  | 'Corrupt'
  | 'Invalid'
  | 'NotFound'
  | 'Unavailable'
  | 'Unknown'
  | 'Limit'
  | 'Internal';

const RETRYABLE = retryableByCode() as Readonly<Record<ErrorCode, boolean>>;

/** Every error that this package throws or rejects with. */
export class MythosError extends Error {
  override readonly name: string = 'MythosError';
  /** The kind of error, by which a caller decides what to do. */
  readonly code: ErrorCode;
  /** The member of the input that was not acceptable, such as `request.tags[2]`. */
  readonly field: string | undefined;
  /** The operation id to repeat the call with, if the code is `Unknown`: also when the caller gave none. */
  readonly operation: string | undefined;
  /** Whether the same call may succeed when made again. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { field?: string; operation?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.field = options.field;
    this.operation = options.operation;
    this.retryable = RETRYABLE[code];
  }
}

/** Thrown by a host's store: the record is not at the version that the batch expects. */
export class StoreConflict extends MythosError {
  override readonly name: string = 'StoreConflict';
  readonly table: string;
  readonly id: Hex;

  constructor(table: string, id: Hex) {
    super('Conflict', `record ${id} of table ${table} is not at the expected version`);
    this.table = table;
    this.id = id;
  }
}

/** Thrown by a host's store: a cell of this name exists with other bytes. */
export class CellConflict extends MythosError {
  override readonly name: string = 'CellConflict';
  readonly owner: CellOwner;
  readonly cell: Hex;

  constructor(owner: CellOwner, cell: Hex) {
    super('Conflict', `cell ${cell} of ${owner.tenant}/${owner.table}/${owner.id} exists with other bytes`);
    this.owner = owner;
    this.cell = cell;
  }
}
