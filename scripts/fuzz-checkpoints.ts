/**
 * Reads mutated checkpoints: `npm run fuzz -- [count] [first seed]`, 10,000 from 1 on by default. Every file must load or
 * be refused with one of the library's errors, soon and without more memory than it claims to need. Exits with 1 where
 * one was not; its seed brings it back.
 */
import { fuzzWatched } from "../test/serialize/watched.ts";

const count = Number(process.argv[2] ?? 10_000);
const first = Number(process.argv[3] ?? 1);
/** Files between two reports. */
const part = 50_000;

async function run(): Promise<void> {
  let [read, loaded, refused, faults] = [0, 0, 0, 0];
  for (; read < count; read += Math.min(part, count - read)) {
    const found = await fuzzWatched(Math.min(part, count - read), first + read);
    for (const { name, seed, what } of found.faults) console.error(`${name}, seed ${seed}: ${what}`);
    loaded += found.loaded;
    refused += found.refused;
    faults += found.faults.length;
    const peak = Math.round(process.resourceUsage().maxRSS / 1024);
    console.log(`${loaded} loaded, ${refused} refused, ${faults} faults; peak memory ${peak} MB`);
  }
  process.exitCode = faults > 0 ? 1 : 0;
}

void run();
