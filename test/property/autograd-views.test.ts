/** Random programs of views and in-place operations: their gradients agree with central differences. */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import * as torch from "../../src/index.ts";

vi.setConfig({ testTimeout: 60_000 });

/** One random step: which tensors, which operation, and numbers that the operation reads as it likes. */
interface Step {
  kind: string;
  pick: number;
  other: number;
  a: number;
  b: number;
}

type Operation = (x: torch.Tensor, other: torch.Tensor, step: Step) => torch.Tensor | null;

/** A float64 constant with this shape and no symmetry. */
function constant(shape: readonly number[], seed: number): torch.Tensor {
  const numel = shape.reduce((all, size) => all * size, 1);
  const values = Array.from({ length: numel }, (_, i) => Math.cos(1 + i * 1.7 + seed));
  return torch.tensor(values, { dtype: torch.float64 }).reshape(shape);
}

/** Whether some dimension repeats one element. */
function repeats(x: torch.Tensor): boolean {
  const strides = x.stride();
  return x.shape.some((size, dim) => size > 1 && strides[dim] === 0);
}

/** A tensor of the shape of `x` made from `other`: its values, repeated or cut. */
function fitted(x: torch.Tensor, other: torch.Tensor): torch.Tensor {
  const rows = Math.ceil(x.numel() / other.numel());
  return other.reshape(1, -1).expand(rows, other.numel()).reshape(-1).narrow(0, 0, x.numel()).reshape(x.shape);
}

/** Views; null where the tensor has no such view. */
const viewSteps: Record<string, Operation> = {
  select: (x, _, { a, b }) => (x.dim() > 0 ? x.select(a % x.dim(), b % x.shape[a % x.dim()]!) : null),
  narrow: (x, _, { a, b }) => {
    if (x.dim() === 0) return null;
    const size = x.shape[a % x.dim()]!;
    return x.narrow(a % x.dim(), b % size, 1 + ((a + b) % (size - (b % size))));
  },
  slice: (x, _, { a, b }) => (x.dim() > 0 ? x.at(torch.slice(b % x.shape[0]!, null, 1 + (a % 2))) : null),
  transpose: (x, _, { a, b }) => (x.dim() > 0 ? x.transpose(a % x.dim(), b % x.dim()) : null),
  permute: (x) => x.permute(x.shape.map((_, i) => x.dim() - 1 - i)),
  unsqueeze: (x, _, { a }) => (x.dim() < 4 ? x.unsqueeze(a % (x.dim() + 1)) : null),
  squeeze: (x) => x.squeeze(),
  view: (x) => (x.isContiguous() ? x.view(-1) : null),
  reshape: (x, _, { a }) => (x.numel() % 2 === 0 && a % 2 ? x.reshape(2, -1) : x.reshape(-1)),
  expand: (x) => (x.numel() <= 12 && x.dim() < 4 ? x.unsqueeze(0).expand([2, ...x.shape]) : null),
  diagonal: (x, _, { a }) => (x.dim() > 1 ? x.diagonal(a % 2 && x.shape[1]! > 1 ? 1 : 0) : null),
  unfold: (x, _, { a }) => {
    if (x.dim() === 0 || x.numel() > 24) return null;
    return x.unfold(a % x.dim(), Math.min(2, x.shape[a % x.dim()]!), 1);
  },
};

/** In-place operations that save nothing of what they read: never a reason for an error in backward. */
const linearWrites: Record<string, Operation> = {
  mulNumber: (x, _, { a }) => x.mul_([0.5, -1, 1.25, 0.75][a % 4]!),
  addNumber: (x, _, { a }) => x.add_(a % 3),
  addTensor: (x, other) => x.add_(fitted(x, other).clone(), { alpha: 0.5 }),
  copyTensor: (x, other) => x.copy_(fitted(x, other).clone()),
  fill: (x, _, { a }) => x.fill_(a % 3),
  zero: (x) => x.zero_(),
  neg: (x) => x.neg_(),
  setElement: (x, other) => {
    if (x.dim() === 0) return null;
    x.setAt([0], other.sum());
    return null;
  },
  setMask: (x, other) => {
    x.setAt([x.detach().gt(0.3)], other.mean());
    return null;
  },
};

/** New tensors, linear in what they read. */
const linearResults: Record<string, Operation> = {
  clone: (x) => x.clone(),
  scaled: (x) => x.mul(-1.5),
  sumOfTwo: (x, other) => x.add(fitted(x, other)),
  sumDim: (x) => (x.dim() > 0 ? x.sum(0) : null),
  buffer: (x, _, { a }) => constant(x.shape, a),
};

/** Operations that save operands or results: a later write makes backward refuse. */
const savingSteps: Record<string, Operation> = {
  mulTensor: (x, other) => x.mul_(fitted(x, other).clone()),
  sin_: (x) => x.sin_(),
  sigmoid_: (x) => x.sigmoid_(),
  product: (x, other) => x.mul(fitted(x, other)),
  sin: (x) => x.sin(),
  exp: (x) => x.mul(0.1).exp(),
  tanh: (x) => x.tanh(),
};

const writing = new Set([...Object.keys(linearWrites), "mulTensor", "sin_", "sigmoid_"]);
const operations: Record<string, Operation> = { ...viewSteps, ...linearWrites, ...linearResults, ...savingSteps };

/** Whether a tensor may be written: in-place operations refuse tensors that repeat elements, and unfold's windows. */
function writable(x: torch.Tensor): boolean {
  if (x.numel() === 0 || repeats(x)) return false;
  const strides = x.stride();
  const addresses = new Set([0]);
  x.shape.forEach((size, dim) => {
    for (const at of [...addresses]) for (let i = 1; i < size; i++) addresses.add(at + i * strides[dim]!);
  });
  return addresses.size === x.numel();
}

/** Runs the program on `x` and returns a scalar that depends on every tensor it made. */
function outcome(x: torch.Tensor, steps: readonly Step[]): torch.Tensor {
  const buffer = constant([3, 4], 5);
  const pool = [x.mul(1), buffer, buffer.at(1), buffer.t()];
  for (const step of steps) {
    const target = pool[step.pick % pool.length]!;
    if (writing.has(step.kind) && !writable(target)) continue;
    const made = operations[step.kind]!(target, pool[step.other % pool.length]!, step);
    if (made !== null && made.numel() > 0 && made.numel() <= 48 && !writing.has(step.kind)) pool.push(made);
  }
  return pool.map((t, i) => t.mul(constant(t.shape, i)).sum()).reduce((sum, term) => sum.add(term));
}

/** The derivative by central differences of the same program. */
function differences(start: torch.Tensor, steps: readonly Step[]): number[] {
  const h = 1e-5;
  const shifted = (i: number, by: number) => {
    const x = start.clone();
    x.view(-1).at(i).add_(by);
    return torch.noGrad(() => outcome(x, steps).item() as number);
  };
  return Array.from({ length: start.numel() }, (_, i) => (shifted(i, h) - shifted(i, -h)) / (2 * h));
}

const start = () => constant([2, 3], 0);

/** The gradient that backward leaves in the leaf. */
function gradient(steps: readonly Step[]): number[] {
  const x = start().clone().requiresGrad_();
  outcome(x, steps).backward();
  return x.grad!.reshape(-1).tolist() as number[];
}

/** Each number within 1e-5 of its partner, relative to the larger. */
function close(got: readonly number[], expected: readonly number[]): void {
  got.forEach((value, i) => {
    const scale = 1 + Math.abs(expected[i]!);
    expect(Math.abs(value - expected[i]!) / scale).toBeLessThan(1e-5);
  });
  expect(got.length).toBe(expected.length);
}

const number = fc.nat({ max: 60 });
const stepOf = (kinds: string[]) =>
  fc.record({ kind: fc.constantFrom(...kinds), pick: number, other: number, a: number, b: number });
const views = stepOf(Object.keys(viewSteps));
const writes = stepOf(Object.keys(linearWrites));

test("gradients of views and linear writes are those of central differences", () => {
  const program = fc.array(fc.oneof(views, writes, stepOf(Object.keys(linearResults))), {
    minLength: 2,
    maxLength: 12,
  });
  fc.assert(
    fc.property(program, (steps) => {
      close(gradient(steps), differences(start(), steps));
    }),
    { numRuns: 120, seed: 30 },
  );
});

test("where operands are saved, backward gives the right gradient or says that one was modified", () => {
  const program = fc.array(fc.oneof(views, writes, stepOf(Object.keys(savingSteps))), { minLength: 2, maxLength: 10 });
  let answered = 0;
  fc.assert(
    fc.property(program, (steps) => {
      let got: number[];
      try {
        got = gradient(steps);
      } catch (error) {
        expect(String(error)).toMatch(
          /one of the variables needed for gradient computation has been modified by an inplace operation/,
        );
        return;
      }
      answered += 1;
      close(got, differences(start(), steps));
    }),
    { numRuns: 120, seed: 31 },
  );
  expect(answered).toBeGreaterThan(30);
});

test("views of views, then a write to one of them: siblings and base see it", () => {
  fc.assert(
    fc.property(
      fc.array(views, { minLength: 2, maxLength: 5 }),
      fc.array(writes, { minLength: 1, maxLength: 4 }),
      (v, w) => {
        const chained = v.map((step, i) => ({ ...step, pick: i === 0 ? 0 : 3 + i }));
        close(gradient([...chained, ...w]), differences(start(), [...chained, ...w]));
      },
    ),
    { numRuns: 80, seed: 32 },
  );
});

test("a write to a slice keeps the gradient of the rest and scales that of the slice", () => {
  const x = torch.ones(3, { requiresGrad: true });
  const y = x.mul(2);
  y.at("1:").mul_(5);
  y.sum().backward();
  expect(x.grad!.tolist()).toEqual([2, 10, 10]);
});

test("a view made before the base was written sees the written history", () => {
  const x = torch.tensor([1, 2], { requiresGrad: true });
  const base = torch.zeros(2, 2);
  const before = base.t();
  base.setAt([0], x);
  expect(before.requiresGrad).toBe(true);
  expect(before.gradFn!.name()).toBe("AsStridedBackward0");
  before
    .mul(
      torch.tensor([
        [1, 10],
        [100, 1000],
      ]),
    )
    .sum()
    .backward();
  expect(x.grad!.tolist()).toEqual([1, 100]);
});

test("a sibling view is regenerated after a write through another view", () => {
  const x = torch.tensor([1, 2, 3, 4], { requiresGrad: true });
  const y = x.mul(1);
  const [first, second] = [y.at(":3"), y.at("1:")];
  first.mul_(3);
  second.sum().backward();
  expect(x.grad!.tolist()).toEqual([0, 3, 3, 1]);
});

test("a write through a view of a view goes to the root", () => {
  const x = torch.ones(2, 3, { requiresGrad: true });
  const y = x.mul(1);
  y.t()
    .at(1)
    .unsqueeze(0)
    .mul_(torch.tensor([[2, 7]]));
  y.sum().backward();
  expect(x.grad!.tolist()).toEqual([
    [1, 2, 1],
    [1, 7, 1],
  ]);
});
