/** An assistant at work: saves step after step and says so, until it is killed; see survival.test.ts. */
import { Mythos } from 'mythos';

async function main(path: string): Promise<void> {
  const mythos = await Mythos.open(path);
  const rituals = mythos.rituals();
  const restored = await rituals.latest('ana', 'audit');
  let steps = restored === null ? 0 : (JSON.parse(restored.payload.toString()) as { steps: number }).steps;
  process.stdout.write(`from ${steps}\n`);
  for (;;) {
    steps += 1;
    await rituals.save({ assistant: 'ana', ritual: 'audit' }, Buffer.from(JSON.stringify({ steps })));
    process.stdout.write(`saved ${steps}\n`);
  }
}

void main(process.argv[2] ?? 'mythos.db');
