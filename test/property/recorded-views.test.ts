/** Random programs of views and in-place writes under autograd, against what real PyTorch recorded of them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

interface Step {
  readonly kind: string;
  readonly on: number;
  readonly dim: number;
  readonly a: number;
  readonly b: number;
  readonly other: number;
  readonly value: number;
  readonly error?: string;
}

interface Described {
  readonly shape: number[];
  readonly stride: number[];
  readonly offset: number;
  readonly version: number;
  readonly leaf: boolean;
  readonly requires: boolean;
  readonly data: number[];
}

interface Program {
  readonly seed: number;
  readonly steps: Step[];
  readonly tensors?: Described[];
  readonly grad?: number[];
  readonly failure?: string;
}

const programs: Program[] = JSON.parse(readFileSync("test/data/view-programs.json", "utf8"));
const colons = (n: number): string[] => new Array(n).fill(":");

function apply(s: Step, xs: readonly torch.Tensor[]): torch.Tensor {
  const x = xs[s.on]!;
  switch (s.kind) {
    case "mul_":
      return x.mul_(s.value);
    case "add_":
      return x.add_(xs[s.other]!);
    case "fill_":
      return x.fill_(s.value);
    case "copy_":
      return x.copy_(xs[s.other]!);
    case "clone":
      return x.clone();
    case "detach":
      return x.detach();
    case "select":
      return x.select(s.dim, s.a);
    case "slice":
      return x.narrow(s.dim, s.a, s.b).at(...colons(s.dim), "::2");
    case "transpose":
      return x.transpose(0, -1);
    case "unsqueeze":
      return x.unsqueeze(s.dim);
    case "view":
      return x.view(-1);
    case "narrow":
      return x.narrow(s.dim, s.a, s.b);
    case "diagonal":
      return x.diagonal(0, 0, -1);
    case "expand":
      return x.unsqueeze(0).expand(2, ...x.shape);
    case "chunk":
      return x.chunk(2, s.dim)[0]!;
    case "setitem":
      return x.setAt(s.dim === 0 ? [s.a] : [":", s.a], s.value);
    default:
      throw new Error(`unknown step ${s.kind}`);
  }
}

const look = (x: torch.Tensor): Described => ({
  shape: [...x.shape],
  stride: x.stride(),
  offset: x.storageOffset(),
  version: x._version,
  leaf: x.isLeaf,
  requires: x.requiresGrad,
  data: x.detach().reshape(-1).tolist(),
});

const firstLine = (error: unknown): string => (error as Error).message.split("\n")[0]!;

/** What a run gives, in the form of the record. */
function run(program: Program): Omit<Program, "seed"> {
  const leaf = torch.arange(12, { dtype: "float64" }).reshape(3, 4).div(4).requiresGrad_();
  const xs: torch.Tensor[] = [leaf, leaf.mul(2), torch.ones(3, 4, { dtype: "float64" })];
  const steps = program.steps.map(({ error: _, ...s }): Step => {
    try {
      const out = apply(s, xs);
      if (!xs.includes(out)) xs.push(out);
      return s;
    } catch (error) {
      return { ...s, error: firstLine(error) };
    }
  });
  let tensors: Described[] | undefined;
  try {
    tensors = xs.map(look);
    const terms = xs.flatMap((x, k) => (x.requiresGrad ? [x.mul(k + 1).sum()] : []));
    terms.reduce((a, b) => a.add(b)).backward();
    return { steps, tensors, grad: leaf.grad!.reshape(-1).tolist() };
  } catch (error) {
    return { steps, ...(tensors === undefined ? {} : { tensors }), failure: firstLine(error) };
  }
}

describe("recorded programs", () => {
  test.each(programs.map((p) => [p.seed, p] as const))("program %i", (_, program) => {
    const { seed: __, ...recorded } = program;
    expect(run(program)).toEqual(recorded);
  });
});
