/**
 * Trains for many steps in one synchronous loop, without dispose, scope or await, and checks that memory stays flat:
 * `npm run soak -- [steps]` (default 100,000). Prints heap and process size on the way; exits with 1 where one grew.
 */
import * as torch from "cresset";

const { nn, optim, memory } = torch;
const steps = Number(process.argv[2] ?? 100_000);
const reports = 20;
const MIB = 2 ** 20;

interface Loop {
  readonly name: string;
  /** Part of the steps that this model takes: larger models take fewer. */
  readonly part: number;
  readonly step: () => void;
}

function trainer(model: torch.nn.Module, x: torch.Tensor, lossOf: (out: torch.Tensor) => torch.Tensor): () => void {
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  return () => {
    const loss = lossOf(model(x));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  };
}

function loops(): Loop[] {
  torch.manualSeed(0);
  const y = torch.rand(8, 4);
  const classes = torch.randint(0, 10, [64]);
  const sigmoid = new nn.Sequential(new nn.Linear(10, 4), new nn.Sigmoid());
  const wide = new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Dropout(0.1), new nn.Linear(256, 10));
  const image = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(8 * 14 * 14, 10),
  );
  const entropy = (out: torch.Tensor): torch.Tensor => nn.functional.crossEntropy(out, classes);
  return [
    {
      name: "sigmoid",
      part: 1,
      step: trainer(sigmoid, torch.randn(8, 10), (out) => nn.functional.binaryCrossEntropy(out, y)),
    },
    { name: "mlp", part: 1 / 50, step: trainer(wide, torch.randn(64, 784), entropy) },
    { name: "cnn", part: 1 / 200, step: trainer(image, torch.randn(64, 1, 28, 28), entropy) },
  ];
}

interface Sample {
  readonly allocated: number;
  readonly rss: number;
}

function sample(): Sample {
  memory.collect();
  return { allocated: memory.stats().allocated, rss: process.memoryUsage().rss };
}

/** Runs a loop; returns whether its memory stayed flat after the first tenth. */
function run({ name, part, step }: Loop): boolean {
  const count = Math.max(Math.round(steps * part), reports);
  const each = Math.ceil(count / reports);
  const samples: Sample[] = [];
  const start = performance.now();
  for (let r = 0; r < reports; r++) {
    for (let i = 0; i < each; i++) step();
    samples.push(sample());
  }
  const [early, late] = [samples[2]!, samples.at(-1)!];
  const heapGrew = late.allocated - early.allocated;
  const rssGrew = late.rss - early.rss;
  const seconds = (performance.now() - start) / 1000;
  const flat = heapGrew <= MIB / 4 && rssGrew <= Math.max(32 * MIB, early.rss / 10);
  console.log(
    `${name}: ${each * reports} steps in ${seconds.toFixed(1)} s; after collecting, heap ${(late.allocated / MIB).toFixed(2)} ` +
      `MiB (${heapGrew >= 0 ? "+" : ""}${heapGrew} bytes since the first tenth), process ${(late.rss / MIB).toFixed(0)} MiB ` +
      `(${(rssGrew / MIB).toFixed(1)} MiB more), peak heap ${(memory.stats().peak / MIB).toFixed(0)} MiB: ${flat ? "flat" : "GREW"}`,
  );
  return flat;
}

process.exitCode = loops().map(run).every(Boolean) ? 0 : 1;
