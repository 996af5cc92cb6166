/** Files between Python's PyTorch and us, both ways, with every PyTorch that is found on this machine. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { lazyTensors } from "../../src/serialize/lazy.ts";
import { cresset } from "../cli/run.ts";
import { Comparison, type Recorded } from "./recorded.ts";

const script = fileURLToPath(new URL("python.py", import.meta.url));
const run = (python: string, ...args: string[]): string =>
  execFileSync(python, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 2 ** 28 });

/** Pythons with PyTorch by its version: those of CRESSET_PYTHON (paths with colons between), and the system's. */
function pythons(): Map<string, string> {
  const found = new Map<string, string>();
  const given = process.env.CRESSET_PYTHON?.split(":") ?? [];
  for (const python of [...given, "python3", "/usr/bin/python3"]) {
    try {
      const version = run(python, "-c", "import torch; print(torch.__version__)").trim();
      if (!found.has(version)) found.set(version, python);
    } catch {
      // No such program, or one without PyTorch.
    }
  }
  return found;
}

const found = pythons();
if (found.size === 0) {
  const reason = "no python3 with PyTorch here (name one in CRESSET_PYTHON)";
  console.warn(`test/serialize/python.test.ts is skipped: ${reason}`);
  test.skip(`files of Python's PyTorch: ${reason}`, () => {});
}

/** Whether a version is older than this one. */
function before(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return a < major || (a === major && b < minor);
}

interface Written {
  readonly file: string;
  /** Whether `torch.load(weights_only=True)` takes it. */
  readonly accepted: boolean;
  readonly content: Recorded;
}

const same = (value: unknown, content: Recorded): void => new Comparison(lazyTensors).expectEqual(value, content);
const wasSaved = (value: unknown, content: Recorded): void =>
  new Comparison(lazyTensors, false).expectEqual(value, content);

describe.each([...found])("PyTorch %s", (version, python) => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cresset-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);

  test("what it writes, we read: eagerly, lazily, and saved again", async () => {
    run(python, script, "write", folder);
    const written = JSON.parse(readFileSync(at("index.json"), "utf8")) as Written[];
    expect(written.length).toBeGreaterThan(100);
    for (const { file, content } of written) {
      const value = await torch.load(at(file));
      try {
        same(value, content);
        same(torch.deserialize(torch.serialize(value)), content);
        using opened = await torch.serialization.open(at(file));
        for (const key of opened.keys())
          expect(opened.info(key).shape, key).toEqual([...(await opened.tensor(key)).shape]);
        const target = at("again.pt.tmp");
        await torch.save(opened.value, target);
        same(await torch.load(target), content);
      } catch (error) {
        throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
      }
    }
  }, 300_000);

  test("what we write, it reads with weights_only, mapped, and at calculated offsets", async () => {
    const ours = mkdtempSync(join(folder, "ours-"));
    const newer = Number.parseInt(version, 10) >= 2;
    const { attributes, conjugates, ...others } = savedValues();
    const values = newer ? { attributes, conjugates, ...others } : others; // PyTorch 1 knows neither in files
    for (const [name, value] of Object.entries(values)) await torch.save(value, join(ours, `${name}.pt`));
    const read = JSON.parse(run(python, script, "read", ours)) as Record<string, Record<string, Recorded>>;
    const ways = new Set<string>();
    for (const [name, value] of Object.entries(values)) {
      for (const [way, content] of Object.entries(read[`${name}.pt`]!)) {
        ways.add(way);
        try {
          wasSaved(value, content);
        } catch (error) {
          throw new Error(`${name}, ${way}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
    expect([...ways]).toEqual(newer ? expect.arrayContaining(["weights_only", "mapped"]) : ["plain"]);
  }, 300_000);

  test.skipIf(before(version, 2, 6))("of 10 GB only the header is read (skip_data is of 2.6)", async () => {
    run(python, script, "large", folder);
    const start = performance.now();
    const { code, out } = await cresset(["inspect", at("large.pt")]);
    expect(performance.now() - start).toBeLessThan(1000);
    expect([code, out]).toEqual([0, expect.stringContaining("100 tensors in 100 storages, 2,500,000,000 elements")]);
  });
});

/** Values of every kind that a file can hold. */
function savedValues(): Record<string, unknown> {
  torch.manualSeed(0);
  const x = torch.arange(6).float().view(2, 3);
  const z = torch.complex(x, x.add(1));
  const { nn, optim } = torch;
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 2));
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.1 });
  const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, [1, 2]);
  for (let i = 0; i < 3; i++) {
    optimizer.zeroGrad();
    model(torch.randn(5, 3)).square().mean().backward();
    optimizer.step();
    scheduler.step();
  }
  const dtypes = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
  ] as const;
  return {
    dtypes: dtypes.map((dtype) => torch.tensor([0, 1, 100], { dtype })),
    shared: { x, row: x.at(1), t: x.t(), columns: x.at(":", "1:"), again: x },
    strides: [torch.ones(1).expand(3, 4), torch.tensor(3.5), torch.empty(0), torch.empty(2, 0, 4)],
    complex: { z, row: z.t().at(1), number: new torch.Complex(1, -0) },
    conjugates: [z, z.conj(), z.t().conj().at(1), torch.complex(x, x).conj().imag],
    grad: [torch.ones(2, { requiresGrad: true }), new nn.Parameter(torch.ones(2)), new nn.Parameter(x, false)],
    meta: [torch.empty(2, 3, { dtype: "int16", device: "meta" })],
    attributes: [
      Object.assign(torch.ones(1), { tag: "x" }),
      Object.assign(new nn.Parameter(torch.ones(1)), { n: [1] }),
    ],
    storages: [x.storage(), torch.tensor([1, 2], { dtype: "int16" }).untypedStorage()],
    scalars: [0, 255, 2 ** 31, 2n ** 60n, -(2n ** 63n), true, null, 1.5, Number.POSITIVE_INFINITY, -1e308],
    texts: ["", "é", "日本", "😀", "a".repeat(300)],
    containers: [
      { a: { b: [] } },
      new Map<unknown, unknown>([
        [1, 2],
        [null, 3],
        [1.5, 4],
      ]),
    ],
    ordered: new torch.StateDict<unknown>([
      ["b", x],
      ["a", new torch.StateDict()],
    ]),
    sets: [new Set([1]), new Set(["x"]), new Set()],
    bytes: [new Uint8Array([0, 255, 128]), new Uint8Array(0)],
    values: [torch.Size.from([1, 2]), torch.device("cuda:1"), torch.bfloat16],
    many: Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`k${i}`, torch.full([3], i)])),
    training: {
      model: model.stateDict(),
      optimizer: optimizer.stateDict(),
      scheduler: scheduler.stateDict(),
      rng: torch.getRngState(),
    },
  };
}
