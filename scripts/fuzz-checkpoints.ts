/**
 * Reads mutated checkpoints: `npx tsx scripts/fuzz-checkpoints.ts [count] [first seed]`. Every file must load or be
 * refused with one of the library's errors, soon and without more memory than it claims to need.
 */
import { fuzz } from "../test/serialize/mutations.ts";

const count = Number(process.argv[2] ?? 10_000);
const first = Number(process.argv[3] ?? 1);

async function run(): Promise<void> {
  const { loaded, refused, faults } = await fuzz(count, first);
  for (const { name, seed, what } of faults) console.error(`${name}, seed ${seed}: ${what}`);
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(`${count} files: ${loaded} loaded, ${refused} refused, ${faults.length} faults; peak memory ${peak} MB`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}

void run();
