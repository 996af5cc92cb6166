/** Every `@example` of the sources runs, and gives what it says behind `//`. */
import { afterAll, afterEach, beforeAll, test } from "vitest";
import * as torch from "../../src/index.ts";
import { examples, moduleOf } from "../support/examples.ts";
import { Runner } from "../support/running.ts";

const runner = new Runner();
const threads = torch.getNumThreads();
afterAll(() => runner.close());

/** Files that examples read. */
beforeAll(() =>
  runner.runModule(`import * as torch from "cresset";
import { mkdirSync } from "node:fs";
class Net extends torch.nn.Module { fc = new torch.nn.Linear(3, 2); }
const model = new Net();
mkdirSync("model");
await torch.save(model.stateDict(), "model.pt");
await torch.safetensors.saveFile(model.stateDict(), "model.safetensors");
await torch.npy.save("x.npy", torch.ones(2, 3));
`),
);

afterEach(() => {
  torch.lens.enable(true);
  torch.lens.debug(false);
  torch.warnings.reset();
  torch.setPrintoptions({ profile: "default" });
  torch.setNumThreads(threads);
  torch.backends.blas.enabled = true;
});

const named = examples().map((example) => [`${example.file}:${example.line}`, example] as const);

test.each(named)("%s", async (_, example) => {
  torch.manualSeed(0);
  await runner.runModule(moduleOf(example));
});
