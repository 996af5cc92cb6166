/** Random chains of views and in-place writes, compared after every step with a plain strided model. */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import * as torch from "../../src/index.ts";
import { indices, product, rowMajor, Strided } from "./strided-model.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A tensor of the library and what it must be. */
interface Pair {
  real: torch.Tensor;
  model: Strided;
}

/** One random step: which tensor, which kind, and numbers that the kind reads as it likes. */
interface Step {
  pick: number;
  kind: string;
  a: number;
  b: number;
  c: number;
  d: number;
}

/** Tensors with more elements than this are not kept: expand and unfold would multiply them. */
const MOST_ELEMENTS = 96;

/** `list` without the entry at `index`. */
function without<T>(list: readonly T[], index: number): T[] {
  return list.filter((_, i) => i !== index);
}

/** `list` with `value` put before `index`. */
function inserted<T>(list: readonly T[], index: number, value: T): T[] {
  return [...list.slice(0, index), value, ...list.slice(index)];
}

/** A permutation of `0 … n - 1` chosen by a number. */
function permutation(n: number, seed: number): number[] {
  const left = Array.from({ length: n }, (_, i) => i);
  return left.slice().map(() => {
    const [dim] = left.splice(seed % left.length, 1);
    return dim!;
  });
}

/** A shape of `numel` elements chosen by two numbers. */
function factored(numel: number, a: number, b: number): number[] {
  const divisors = (n: number) => Array.from({ length: n }, (_, i) => i + 1).filter((i) => n % i === 0);
  const first = divisors(numel)[a % divisors(numel).length]!;
  const rest = divisors(numel / first);
  const second = rest[b % rest.length]!;
  return b % 3 === 0 ? [first, numel / first] : [first, second, numel / first / second];
}

type View = (pair: Pair, step: Step) => Pair | null;

/** A view where the model knows the layout: strides of the source by dimension. */
const views: Record<string, View> = {
  select({ real, model }, { a, b, c }) {
    const dim = a % model.shape.length;
    const size = model.shape[dim]!;
    if (!(size > 0)) return null;
    const index = b % size;
    const at = model.offset + index * model.strides[dim]!;
    return {
      real: real.select(c % 2 ? dim - model.shape.length : dim, c % 3 ? index : index - size),
      model: model.view(without(model.shape, dim), without(model.strides, dim), at),
    };
  },
  narrow({ real, model }, { a, b, c }) {
    const dim = a % model.shape.length;
    const size = model.shape[dim]!;
    if (!(size > 0)) return null;
    const start = b % size;
    const length = c % (size - start + 1);
    const shape = model.shape.map((n, i) => (i === dim ? length : n));
    const at = model.offset + start * model.strides[dim]!;
    return { real: real.narrow(dim, start, length), model: model.view(shape, model.strides, at) };
  },
  slice({ real, model }, { a, b, c, d }) {
    const dim = a % model.shape.length;
    const size = model.shape[dim]!;
    if (!(size > 0)) return null;
    const start = b % size;
    const stop = start + (c % (size - start)) + 1;
    const step = 1 + (d % 3);
    const index = model.shape.map((_, i) => (i === dim ? torch.slice(start, stop, step) : ":"));
    const shape = model.shape.map((n, i) => (i === dim ? Math.ceil((stop - start) / step) : n));
    const strides = model.strides.map((n, i) => (i === dim ? n * step : n));
    const at = model.offset + start * model.strides[dim]!;
    return { real: real.at(...index), model: model.view(shape, strides, at) };
  },
  mixedIndex({ real, model }, { a, c }) {
    const last = model.shape.length - 1;
    if (last < 0 || !(model.shape[last]! > 0)) return null;
    const index = c % model.shape[last]!;
    const at = model.offset + index * model.strides[last]!;
    const shape = [1, ...model.shape.slice(0, last)];
    const outer = model.shape[0]! * model.strides[0]!;
    const taken = model.view(shape, [outer, ...model.strides.slice(0, last)], at);
    return { real: a % 2 ? real.at(null, "...", index) : real.unsqueeze(0).select(-1, index), model: taken };
  },
  transpose({ real, model }, { a, b }) {
    const n = model.shape.length;
    const [i, j] = [a % n, b % n];
    if (n === 0) return null;
    const order = model.shape.map((_, dim) => (dim === i ? j : dim === j ? i : dim));
    return { real: real.transpose(i, j), model: permuted(model, order) };
  },
  permute({ real, model }, { a }) {
    const order = permutation(model.shape.length, a);
    return { real: real.permute(order), model: permuted(model, order) };
  },
  unsqueeze({ real, model }, { a }) {
    const dim = a % (model.shape.length + 1);
    const stride = dim < model.shape.length ? model.shape[dim]! * model.strides[dim]! : 1;
    const shape = inserted(model.shape, dim, 1);
    return { real: real.unsqueeze(dim), model: model.view(shape, inserted(model.strides, dim, stride), model.offset) };
  },
  squeeze({ real, model }, { a }) {
    const keep = (dim: number) => model.shape[dim] !== 1;
    const shape = model.shape.filter((_, dim) => keep(dim));
    const strides = model.strides.filter((_, dim) => keep(dim));
    const dim = a % (model.shape.length + 1);
    if (dim === model.shape.length) return { real: real.squeeze(), model: model.view(shape, strides, model.offset) };
    const gone = model.shape[dim] === 1;
    return {
      real: real.squeeze(dim),
      model: model.view(
        gone ? without(model.shape, dim) : model.shape,
        gone ? without(model.strides, dim) : model.strides,
        model.offset,
      ),
    };
  },
  expand({ real, model }, { a, b }) {
    const grown = 1 + (b % 3);
    const inner = model.shape.map((n) => (n === 1 ? grown : n));
    const kept = model.strides.map((n, dim) => (model.shape[dim] === 1 ? grownStride(n, grown) : n));
    if (a % 3 === 0) return { real: real.expand(inner), model: model.view(inner, kept, model.offset) };
    const lead = a % 3 === 1 || inner.length === 0 ? 2 : 1;
    const stride = lead === 1 ? inner[0]! * kept[0]! : 0;
    const shape = [lead, ...inner];
    return { real: real.expand(shape), model: model.view(shape, [stride, ...kept], model.offset) };
  },
  view({ real, model }, { a, b }) {
    if (model.numel === 0) return null;
    const shape = factored(model.numel, a, b);
    const strides = model.stridesFor(shape);
    if (strides !== null) return { real: real.view(shape), model: model.view(shape, strides, model.offset) };
    expect(() => real.view(shape)).toThrow(/view size is not compatible with input tensor's size and stride/);
    return null;
  },
  reshape({ real, model }, { a, b }) {
    if (model.numel === 0) return null;
    const shape = factored(model.numel, a, b);
    const strides = model.stridesFor(shape);
    if (strides === null) return { real: real.reshape(shape), model: Strided.of(model.read(), shape) };
    return { real: real.reshape(shape), model: model.view(shape, strides, model.offset) };
  },
  flatten({ real, model }) {
    if (model.numel === 0 || model.shape.length < 2) return null;
    const shape = [model.numel];
    const strides = model.stridesFor(shape);
    if (strides === null) return { real: real.flatten(), model: Strided.of(model.read(), shape) };
    return { real: real.flatten(), model: model.view(shape, strides, model.offset) };
  },
  unfold({ real, model }, { a, b, c }) {
    const dim = a % model.shape.length;
    if (!(model.shape[dim]! > 0)) return null;
    const size = 1 + (b % model.shape[dim]!);
    const step = 1 + (c % 3);
    const windows = Math.floor((model.shape[dim]! - size) / step) + 1;
    const shape = [...model.shape.map((n, i) => (i === dim ? windows : n)), size];
    const strides = [...model.strides.map((n, i) => (i === dim ? n * step : n)), model.strides[dim]!];
    return { real: real.unfold(dim, size, step), model: model.view(shape, strides, model.offset) };
  },
  diagonal({ real, model }, { a, b, c }) {
    const n = model.shape.length;
    if (n < 2) return null;
    const dim1 = a % n;
    const dim2 = (dim1 + 1 + (b % (n - 1))) % n;
    const shift = (c % 3) - 1;
    const [rows, columns] = [model.shape[dim1]!, model.shape[dim2]!];
    const length = Math.max(0, Math.min(rows + Math.min(shift, 0), columns - Math.max(shift, 0)));
    const skipped = shift >= 0 ? shift * model.strides[dim2]! : -shift * model.strides[dim1]!;
    const rest = (list: readonly number[]) => list.filter((_, dim) => dim !== dim1 && dim !== dim2);
    const shape = [...rest(model.shape), length];
    const strides = [...rest(model.strides), model.strides[dim1]! + model.strides[dim2]!];
    const at = length > 0 ? model.offset + skipped : model.offset;
    return { real: real.diagonal(shift, dim1, dim2), model: model.view(shape, strides, at) };
  },
  asStrided({ real, model }, { a, b, c, d }) {
    const shape = [1 + (a % 3), 1 + (b % 3)];
    const strides = [c % 4, 1 + (d % 2)];
    const offset = (a + d) % 4;
    const end = offset + shape.reduce((all, size, dim) => all + (size - 1) * strides[dim]!, 0);
    if (end < model.cells.values.length) {
      return { real: real.asStrided(shape, strides, offset), model: model.view(shape, strides, offset) };
    }
    expect(() => real.asStrided(shape, strides, offset)).toThrow(/out of bounds for storage of size/);
    return null;
  },
  detach({ real, model }) {
    const same = new Strided(model.cells, model.shape, model.strides, model.offset, model.counter, null);
    return { real: real.detach(), model: same };
  },
  data({ real, model }) {
    const same = new Strided(model.cells, model.shape, model.strides, model.offset, { writes: 0 }, null);
    return { real: real.data, model: same };
  },
  clone({ real, model }) {
    const copy = Strided.of(model.read(), model.shape);
    return { real: real.clone({ memoryFormat: torch.contiguousFormat }), model: copy };
  },
};

function permuted(model: Strided, order: readonly number[]): Strided {
  return model.view(
    order.map((dim) => model.shape[dim]!),
    order.map((dim) => model.strides[dim]!),
    model.offset,
  );
}

/** A dimension that expand does not change keeps its stride. */
function grownStride(stride: number, size: number): number {
  return size === 1 ? stride : 0;
}

const refused = /more than one element of the written-to tensor refers to a single memory location/;
const overlapping = /some elements of the input tensor and the written-to tensor refer to a single memory location/;

/** What happens when an operand overlaps the written tensor; "open": PyTorch leaves the result open, or is pedantic. */
function overlap(target: Strided, source: Strided): "fine" | "raises" | "open" {
  if (target.cells !== source.cells || target.numel === 0 || source.numel === 0) return "fine";
  const [to, from] = [target.addresses(), source.addresses()];
  const written = new Set(to);
  if (!from.some((at) => written.has(at))) return "fine";
  const same = (x: readonly number[], y: readonly number[]) => x.length === y.length && x.every((n, i) => n === y[i]);
  if (same(to, from)) return same(target.strides, source.strides) ? "fine" : "open";
  return target.dense && source.dense ? "raises" : "open";
}

type Write = (target: Pair, step: Step, pool: readonly Pair[]) => void;

/** Runs `write` on both sides, or sees that the library refuses a target that overlaps itself. */
function guarded(target: Pair, write: () => void, values: () => number[]): void {
  const { model } = target;
  const stretched = model.shape.some((size, dim) => size > 1 && model.strides[dim] === 0);
  if (model.overlapsItself && !stretched) return;
  if (stretched && model.numel > 0) {
    expect(write).toThrow(refused);
    return;
  }
  write();
  model.write(values());
}

/** `add_` and `copy_` of another tensor of the pool. */
function combine(name: "add_" | "copy_", f: (mine: number, other: number) => number): Write {
  return (target, { b }, pool) => {
    const source = pool[b % pool.length]!;
    const { model } = target;
    if (!source.model.broadcasts(model.shape)) return;
    if (source.real === target.real && model.overlapsItself) return;
    const verdict = overlap(model, source.model);
    if (verdict === "open" || (verdict === "raises" && model.overlapsItself)) return;
    const write = () => target.real[name](source.real);
    if (verdict === "raises") {
      expect(write).toThrow(overlapping);
      return;
    }
    const other = source.model.broadcast(model.shape);
    guarded(target, write, () => model.read().map((mine, i) => f(mine, other[i]!)));
  };
}

const writes: Record<string, Write> = {
  fill_({ real, model }, { a }) {
    real.fill_(a % 10);
    model.write(model.read().map(() => a % 10));
  },
  addNumber(target, { a }) {
    guarded(
      target,
      () => target.real.add_(a % 5),
      () => target.model.read().map((x) => x + (a % 5)),
    );
  },
  mulNumber(target, { a }) {
    const factor = [2, -1, 0.5, 1][a % 4]!;
    guarded(
      target,
      () => target.real.mul_(factor),
      () => target.model.read().map((x) => x * factor),
    );
  },
  addTensor: combine("add_", (mine, other) => mine + other),
  copyTensor: combine("copy_", (_, other) => other),
  setScalar({ real, model }, { a, b }) {
    if (model.numel === 0) return;
    const all = indices(model.shape);
    const index = all[a % all.length]!;
    real.setAt(b % 2 ? index : index.map((i, dim) => i - model.shape[dim]!), b % 7);
    const at = model.addresses()[a % all.length]!;
    const cell = new Strided(model.cells, [], [], at, model.counter, null);
    cell.write([b % 7]);
  },
  setRow(target, { a, b }) {
    const { real, model } = target;
    if (model.numel === 0 || model.shape.length === 0) return;
    const row = a % model.shape[0]!;
    const rest = model.view(model.shape.slice(1), model.strides.slice(1), model.offset + row * model.strides[0]!);
    if (rest.overlapsItself) return;
    real.setAt([row], torch.full(rest.shape, b % 6, { dtype: torch.float64 }));
    rest.write(rest.read().map(() => b % 6));
  },
  setMask({ real, model }, { a, b }) {
    if (model.numel === 0 || model.overlapsItself) return;
    const values = model.read();
    real.setAt([real.gt((a % 5) - 2)], b % 9);
    model.write(values.map((x) => (x > (a % 5) - 2 ? b % 9 : x)));
  },
  setRows({ real, model }, { a, b }) {
    if (model.numel === 0 || model.shape.length === 0 || model.overlapsItself) return;
    const rows = permutation(model.shape[0]!, a).slice(0, 1 + (b % 2));
    real.setAt([torch.tensor(rows, { dtype: torch.int64 })], b % 8);
    const all = indices(model.shape);
    model.write(model.read().map((x, i) => (rows.includes(all[i]![0]!) ? b % 8 : x)));
  },
};

/** The elements of a tensor in row-major order. */
function read(x: torch.Tensor): number[] {
  return [x.tolist()].flat(Number.POSITIVE_INFINITY) as number[];
}

/** Everything that can be seen of a tensor agrees with its model. */
function compare(pool: readonly Pair[]): void {
  for (const { real, model } of pool) {
    expect([...real.shape]).toEqual(model.shape);
    expect([...real.stride()]).toEqual(model.strides);
    expect(real.storageOffset()).toBe(model.offset);
    expect(read(real)).toEqual(model.read());
    expect(real._version).toBe(model.counter.writes);
    expect(real.untypedStorage().nbytes / real.elementSize()).toBe(model.cells.values.length);
  }
  const place = pool.map(({ real }) => real.untypedStorage().dataPtr());
  pool.forEach(({ model }, i) => {
    pool.slice(0, i).forEach((other, j) => {
      expect(place[i] === place[j]).toBe(model.cells === other.model.cells);
    });
  });
}

/** `_base` is the root of the model, `_isView()` whether it has one. */
function compareBases(pool: readonly Pair[]): void {
  for (const { real, model } of pool) {
    expect(real._isView()).toBe(model.root !== null);
    const base = pool.find((pair) => pair.model === model.root);
    if (base !== undefined) expect(real._base === base.real).toBe(true);
  }
}

const number = fc.nat({ max: 60 });
const stepOf = (kinds: string[]) =>
  fc.record({ pick: number, kind: fc.constantFrom(...kinds), a: number, b: number, c: number, d: number });
const program = fc.array(fc.oneof(stepOf(Object.keys(views)), stepOf(Object.keys(writes))), {
  minLength: 1,
  maxLength: 16,
});
const startShape = fc.constantFrom([6], [2, 3], [4, 3], [2, 3, 4], [1, 4], [3, 1, 2], [2, 2, 2, 2]);

/** Applies one step to the pool. */
function run(step: Step, pool: Pair[]): void {
  const target = pool[step.pick % pool.length]!;
  const write = writes[step.kind];
  if (write !== undefined) {
    write(target, step, pool);
    return;
  }
  if (target.model.shape.length === 0 && !["unsqueeze", "expand", "clone", "detach", "data"].includes(step.kind))
    return;
  const made = views[step.kind]!(target, step);
  if (made !== null && made.model.numel <= MOST_ELEMENTS) pool.push(made);
}

/** Two fresh tensors with different values. */
function start(shape: readonly number[]): Pair[] {
  const values = Array.from({ length: product(shape) }, (_, i) => i - 2);
  const model = Strided.of(values, shape);
  const other = Strided.of([1, 2, 3, 4], [4]);
  return [
    { real: torch.tensor(values, { dtype: torch.float64 }).reshape(shape).clone(), model },
    { real: torch.tensor([1, 2, 3, 4], { dtype: torch.float64 }), model: other },
  ];
}

test("views and writes agree with the strided model after every step", () => {
  fc.assert(
    fc.property(startShape, program, (shape, steps) => {
      const pool = start(shape);
      compare(pool);
      for (const step of steps) {
        run(step, pool);
        compare(pool);
      }
      compareBases(pool);
    }),
    { numRuns: 150, seed: 20 },
  );
});

test("contiguous() shares exactly when the model's strides are row-major", () => {
  fc.assert(
    fc.property(startShape, fc.array(stepOf(Object.keys(views)), { maxLength: 6 }), (shape, steps) => {
      const pool = start(shape);
      for (const step of steps) run(step, pool);
      for (const { real, model } of pool) {
        const wanted = rowMajor(model.shape);
        const rowwise =
          model.numel === 0 || model.shape.every((size, dim) => size === 1 || model.strides[dim] === wanted[dim]);
        expect(real.isContiguous()).toBe(rowwise);
        expect(real.contiguous() === real).toBe(rowwise);
        expect(read(real.contiguous())).toEqual(model.read());
      }
    }),
    { numRuns: 60, seed: 21 },
  );
});
