/** An assistant at work: saves its state after each step and says so, until it is killed; see survival.test.ts. */
import { Mythos } from 'mythos';

const [path = '', start = '0'] = process.argv.slice(2);

async function main(): Promise<void> {
  const rituals = (await Mythos.open(path)).rituals();
  for (let step = Number(start) + 1; ; step += 1) {
    // Said before the save too, so that it can be killed between the two.
    console.log(`saving ${step}`);
    await rituals.save({ assistant: 'ana', ritual: 'count' }, Buffer.from(String(step)));
    console.log(`saved ${step}`);
  }
}

void main();
