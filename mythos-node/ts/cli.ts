#!/usr/bin/env node
/**
 * `mythos COMMAND`: what the package does from a command line.
 *
 * @module
 */

import { Failed } from './failed.js';
import { guard } from './guard_command.js';
import { MythosError } from './errors.js';

/** Each takes its arguments and answers the exit status. */
const COMMANDS: Readonly<Record<string, (parameters: string[]) => Promise<number>>> = { guard };

const USAGE = `usage: mythos COMMAND ...

commands:
  guard    find edits of rules and prompts that change what they say
`;

const USAGE_ERROR = 2;

async function main([name = '', ...rest]: string[]): Promise<number> {
  if (name === '--help' || name === '-h') {
    process.stdout.write(USAGE);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(USAGE);
    return USAGE_ERROR;
  }
  try {
    return await command(rest);
  } catch (error) {
    const isTold = error instanceof Failed || error instanceof MythosError || isSystemError(error);
    if (!isTold) throw error;
    process.stderr.write(`mythos: ${error.message}\n`);
    return USAGE_ERROR;
  }
}

/** Of the operating system, or of `parseArgs`. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}

// Who read the output has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(USAGE_ERROR);
  throw error;
});

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
