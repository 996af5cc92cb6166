/**
 * What the lens costs while it is on: training steps of two copies of the library in one process, one with the lens on
 * and one with it off, a step of each in turn, so that a busy machine slows both alike. A control, off against off, shows what is noise. Run with `npx tsx` after a build.
 */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { configure } from "./engines/configure.ts";
import type { Torch } from "./engines/programs.ts";

/** One step of training. */
type Step = () => void;

/** 784-512-256-10 with ReLU, batch 64, SGD with momentum, as `mlp_step` of the benchmarks. */
function mlp({ nn, optim, randn, randint, manualSeed }: Torch): Step {
  manualSeed(0);
  const layers = [
    new nn.Linear(784, 512),
    new nn.ReLU(),
    new nn.Linear(512, 256),
    new nn.ReLU(),
    new nn.Linear(256, 10),
  ];
  const model = new nn.Sequential(...layers);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const [x, y] = [randn(64, 784), randint(0, 10, [64])];
  return () => {
    optimizer.zeroGrad();
    nn.functional.crossEntropy(model(x), y).backward();
    optimizer.step();
  };
}

/** 10-4 with sigmoid, batch 8, Adam, as `seed_step`: next to nothing but calls. */
function small({ nn, optim, randn, rand, manualSeed }: Torch): Step {
  manualSeed(0);
  const model = new nn.Sequential(new nn.Linear(10, 4), new nn.Sigmoid());
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const [x, y] = [randn(8, 10), rand(8, 4)];
  return () => {
    optimizer.zeroGrad();
    nn.functional.binaryCrossEntropy(model(x), y).backward();
    optimizer.step();
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function time(step: Step): number {
  const start = performance.now();
  step();
  return performance.now() - start;
}

/** The median of the differences of neighbouring steps, and of the steps with the lens off. */
function compare(name: string, on: Step, off: Step, rounds: number): void {
  for (let i = 0; i < rounds / 5; i++) {
    on();
    off();
  }
  const differences: number[] = [];
  const without: number[] = [];
  for (let i = 0; i < rounds; i++) {
    // Whichever is first may pay for the collection of what both left.
    const first = i % 2 === 0 ? time(on) : time(off);
    const second = i % 2 === 0 ? time(off) : time(on);
    differences.push(i % 2 === 0 ? first - second : second - first);
    without.push(i % 2 === 0 ? second : first);
  }
  const [more, base] = [median(differences), median(without)];
  const percent = ((100 * more) / base).toFixed(1);
  console.log(
    `${name.padEnd(10)} off ${(base * 1e3).toFixed(0)} us, on ${(more * 1e3).toFixed(1)} us more: ${percent} %`,
  );
}

const dist = pathToFileURL("dist/index.js").href;
if (!existsSync("dist/index.js")) throw new Error("dist/index.js is not built");
const copy = async (name: string): Promise<Torch> => (await import(`${dist}?${name}`)) as Torch;
const [on, off, control] = [await copy("on"), await copy("off"), await copy("control")];
for (const torch of [off, control]) torch.lens.enable(false);
for (const torch of [on, off, control]) configure(torch, 1, true);
compare("mlp_step", mlp(on), mlp(off), 1500);
compare("  control", mlp(control), mlp(off), 1500);
compare("seed_step", small(on), small(off), 20_000);
compare("  control", small(control), small(off), 20_000);
