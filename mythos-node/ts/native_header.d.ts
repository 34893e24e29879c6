/* The native half of the package. Generated when it is built; not part of the public interface. */

/** What every call gives back, so that kind, field, operation and cause of a failure cross as values. */
export type Outcome<T = unknown> = { value: T; error?: undefined } | { value?: undefined; error: Failure };

/** What any argument is: the native half reads it, and says what is wrong with it. */
export type Argument = unknown;

/** Why a call failed. */
export interface Failure {
  code: string;
  message: string;
  field: string | null;
  operation: string | null;
  cause?: unknown;
}
