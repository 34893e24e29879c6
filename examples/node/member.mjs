// A member of a group: a process that works until it is told to end. `supervise_group.mjs` launches it with its state.

const [name, state] = process.argv.slice(2);
process.on('SIGTERM', () => process.exit(0));
// Whoever supervises it is gone if its input ends: then nobody would end it.
process.stdin.resume().on('end', () => process.exit(0));
console.log(`ready ${name} ${state}`);
