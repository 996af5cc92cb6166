/** Elementwise operations: an expression with its dtype rule, its kernels, and its derivative by the chain rule. */

import { checkInplace, rebase } from "../autograd/inplace.ts";
import { mode } from "../autograd/mode.ts";
import { attach, type Formula, FormulaNode, recording, requiresGrad, SavedTensor } from "../autograd/node.ts";
import { bool, canCast, type DType, type StoredName } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { broadcastShapes, equalShapes, Layout, list, outputOrder } from "../core/layout.ts";
import { heap } from "../core/memory.ts";
import { type Operand, resultType, type Scalar, scalarBigInt, toFloat } from "../core/scalar.ts";
import { bump, isTensor, type Tensor } from "../core/tensor.ts";
import { complexGradient } from "../ir/complex/derive.ts";
import { derive, mulGrad } from "../ir/derive.ts";
import type { Expr } from "../ir/expr.ts";
import { conj, load } from "../ir/expr.ts";
import { type Operand as KernelOperand, laneDType, type PointwiseRun } from "../ir/kernel.ts";
import { loadsOf, mapLoads } from "../ir/loads.ts";
import { Kept, runner } from "../ir/runtime.ts";
import { simplify } from "../ir/simplify.ts";
import { addressOf, commonDevice, emptyLike, isMeta, numbersAsTensors, unstage } from "./operands.ts";

/**
 * How the result's dtype follows from the operands': promoted; floats only; always bool; floats, and of complex operands
 * the dtype of the parts; complex with parts of the operands' dtype.
 */
export type DTypeRule = "promote" | "float" | "bool" | "real" | "complex";

/** The dtype of what is computed in `compute`. */
function resultOf(rule: DTypeRule, compute: DType): DType {
  if (rule === "bool") return bool;
  if (rule === "real") return compute.toReal();
  return rule === "complex" ? compute.toComplex() : compute;
}

/** The derivative with respect to one input, over the gradient, the inputs and the result. */
export type GradRule = (g: Expr, inputs: readonly Expr[], out: Expr) => Expr;

export interface PointwiseSpec {
  readonly name: string;
  /** The name of its node without `Backward0`; default: the capitalised name. */
  readonly node?: string;
  readonly arity: number;
  readonly expr: Expr;
  readonly rule: DTypeRule;
  /** Overrides of the chain rule, one per input. */
  readonly grads?: readonly (GradRule | null)[];
}

/** A compiled family member: one kernel, with its dense forms by which operands are broadcast. */
interface Compiled {
  readonly run: PointwiseRun;
  readonly dense: (((n: number, ...addresses: number[]) => void) | undefined)[];
}

/** A derivative ready to run: which of [gradient, …inputs, result] its loads read. */
interface Derivative {
  readonly kernel: Pointwise;
  readonly reads: readonly number[];
}

export class Pointwise {
  readonly name: string;
  readonly nodeName: string;
  readonly arity: number;
  readonly expr: Expr;
  readonly rule: DTypeRule;
  /** Inputs that are read as booleans only, and so do not take part in promotion. */
  #boolInputs: readonly boolean[] | undefined;
  readonly #spec: PointwiseSpec;
  readonly #compiled = new Kept<Compiled>();
  /** By input; those of complex results come after those of real ones. */
  readonly #derivatives: (Derivative | null | undefined)[] = [];
  readonly #recipes = new Map<number, Recipe>();

  constructor(spec: PointwiseSpec) {
    this.#spec = spec;
    this.name = spec.name;
    this.nodeName = `${spec.node ?? capitalize(spec.name)}Backward0`;
    this.arity = spec.arity;
    this.expr = spec.expr;
    this.rule = spec.rule;
  }

  /** Found at the first call: reading hundreds of expressions would cost importers time. */
  get #asBool(): readonly boolean[] {
    if (this.#boolInputs === undefined) {
      const loads = loadsOf(this.expr);
      this.#boolInputs = Array.from({ length: this.arity }, (_, i) => loads.bool.has(i) && !loads.lane.has(i));
    }
    return this.#boolInputs;
  }

  /** The dtype that the operands are computed in. */
  computeDType(inputs: readonly Operand[]): DType {
    const common = this.#oneFloat(inputs) ?? resultType(inputs.filter((_, i) => !this.#asBool[i]));
    return this.rule === "float" || this.rule === "real" ? toFloat(common) : common;
  }

  /** The float dtype that all tensors have, which no number changes; undefined where promotion has to decide. */
  #oneFloat(inputs: readonly Operand[]): DType | undefined {
    let dtype: DType | undefined;
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!;
      if (this.#asBool[i]) continue;
      if (!isTensor(x)) {
        if (typeof x === "object") return undefined; // a complex number
        continue;
      }
      const own = x.impl.dtype.shown;
      if (own.category !== "float" || (dtype !== undefined && own !== dtype)) return undefined;
      dtype = own;
    }
    return dtype;
  }

  /** The result, recorded by autograd where an input requires it. */
  apply(inputs: readonly Operand[]): Tensor {
    const compute = this.computeDType(inputs);
    const out = this.#fresh(inputs, resultOf(this.rule, compute));
    this.#run(inputs, out, compute);
    if (!mode.grad || !out.impl.dtype.isDifferentiable || !inputs.some(requires)) return out;
    return this.#record(inputs, out, compute.isComplex);
  }

  /** The same, written into `self`, which is also input 0 (or no input at all, for fills). */
  applyInplace(self: Tensor, inputs: readonly Operand[]): Tensor {
    const compute = this.computeDType(inputs);
    const result = resultOf(this.rule, compute);
    const tensors = inputs.filter(isTensor);
    const recorded = recording(tensors);
    checkInplace(self, recorded);
    check(
      canCast(result, self.impl.dtype),
      () => `result type ${result.scalarName} can't be cast to the desired output type ${self.impl.dtype.scalarName}`,
    );
    const history = recorded ? this.#prepare(inputs, self, compute.isComplex) : null;
    commonDevice(tensors);
    checkWritable(self, tensors);
    this.#run(inputs, self, compute);
    bump(self);
    if (history !== null) {
      history.finish(self);
      rebase(self, history.node);
    }
    return self;
  }

  /** Without autograd, into a tensor of the right shape: for kernels that others build on. */
  into(inputs: readonly Operand[], out: Tensor, compute: DType = this.computeDType(inputs)): Tensor {
    this.#run(inputs, out, compute);
    return out;
  }

  #fresh(inputs: readonly Operand[], dtype: DType): Tensor {
    const tensors = inputs.every(isTensor) ? inputs : inputs.filter(isTensor);
    const device = commonDevice(tensors);
    return emptyLike(resultLayout(tensors), dtype, device);
  }

  #run(given: readonly Operand[], out: Tensor, compute: DType): void {
    if (out.impl.layout.numel === 0 || isMeta(out)) return;
    const inputs = compute.isComplex ? numbersAsTensors(given, compute) : given;
    const compiled = this.#compile(inputs, out, compute);
    const mask = denseMask(inputs, out);
    try {
      if (mask >= 0) runDense(compiled, mask, inputs, out, compute);
      else runStrided(compiled, inputs, out, compute);
    } finally {
      unstage();
    }
  }

  #compile(inputs: readonly Operand[], out: Tensor, compute: DType): Compiled {
    let key = out.impl.dtype.index * 32 + compute.index;
    for (const x of inputs) key = key * 32 + (isTensor(x) ? x.impl.dtype.index : 31);
    return this.#compiled.get(key, () => {
      const names = inputs.map((x): StoredName => (isTensor(x) ? x.impl.dtype.stored : laneDType[compute.lane]));
      const run = runner({
        skeleton: "pointwise",
        expr: this.expr,
        lane: compute.lane,
        inputs: names,
        output: out.impl.dtype.stored,
      });
      return { run, dense: [] };
    });
  }

  /** The derivative with respect to an input, or null where it is zero everywhere. */
  #derivative(i: number, complex: boolean): Derivative | null {
    const at = complex ? this.arity + i : i;
    let d = this.#derivatives[at];
    if (d !== undefined) return d;
    const rule = this.#spec.grads?.[i] ?? null;
    // The rules have complex derivatives: the gradient is the incoming one times the conjugate of the slope.
    const read = (j: number): Expr => (complex ? conj(load(1 + j)) : load(1 + j));
    const expr =
      rule === null
        ? this.#chainRule(i, complex)
        : rule(
            load(0),
            Array.from({ length: this.arity }, (_, j) => read(j)),
            read(this.arity),
          );
    const simple = simplify(expr);
    d = simple.op === "const" && simple.value === 0 ? null : this.#compact(simple);
    this.#derivatives[at] = d;
    return d;
  }

  #chainRule(i: number, complex: boolean): Expr {
    const next = (expr: Expr): Expr => mapLoads(expr, (j) => j + 1);
    if (complex) return complexGradient(load(0), next(this.expr), i + 1);
    return mulGrad(load(0), next(derive(this.expr, i)));
  }

  /** Renumbers the loads of a derivative so that it takes only what it reads; the gradient always comes first. */
  #compact(expr: Expr): Derivative {
    const used = loadsOf(expr);
    const reads = [...new Set([0, ...used.lane, ...used.bool])].sort((a, b) => a - b);
    const kernel = new Pointwise({
      name: this.name,
      node: `${this.nodeName.replace(/Backward0$/, "")}Backward`,
      arity: reads.length,
      expr: mapLoads(expr, (j) => reads.indexOf(j)),
      rule: "promote",
    });
    return { kernel, reads };
  }

  #record(inputs: readonly Operand[], out: Tensor, complex: boolean): Tensor {
    const history = this.#prepare(inputs, null, complex);
    history.finish(out);
    attach(history.node, [out]);
    return out;
  }

  /** What recording needs to know where these inputs, as bits, require their gradients. */
  #recipe(wanted: number, complex: boolean): Recipe {
    const key = complex ? ~wanted : wanted;
    let recipe = this.#recipes.get(key);
    if (recipe === undefined) {
      const derivatives = Array.from({ length: this.arity }, (_, i) =>
        wanted & (1 << i) ? this.#derivative(i, complex) : null,
      );
      const reads = new Set(derivatives.flatMap((d) => d?.reads ?? []));
      const inputs = derivatives.map((_, j) => reads.has(1 + j));
      recipe = { derivatives, inputs, out: reads.has(1 + this.arity), keeps: [...reads].some((j) => j > 0) };
      this.#recipes.set(key, recipe);
    }
    return recipe;
  }

  /** Builds the node before the write; `finish` saves the result after it. */
  #prepare(inputs: readonly Operand[], written: Tensor | null, complex: boolean): History {
    let wanted = 0;
    for (let i = 0; i < inputs.length; i++) if (requires(inputs[i]!)) wanted |= 1 << i;
    const recipe = this.#recipe(wanted, complex);
    const saved: (SavedTensor | null)[] = inputs.map((x, j) => {
      if (!isTensor(x) || !recipe.inputs[j]) return null;
      // The write would destroy what the derivative reads.
      return new SavedTensor(x === written ? x.detach().clone() : x);
    });
    saved.push(null);
    const scalars = inputs.map((x) => (isTensor(x) ? null : x));
    const shapes = inputs.map((x) => (isTensor(x) ? x.impl.layout.shape : null));
    const tensors = inputs.every(isTensor) ? inputs : inputs.map((x) => (isTensor(x) ? x : null));
    const formula: Formula = ([g], values, needs) =>
      recipe.derivatives.map((d, i) => {
        if (!needs[i]) return null;
        if (d === null) return g!.newZeros(shapes[i]!);
        return d.kernel.apply(d.reads.map((j): Operand => (j === 0 ? g! : (values[j - 1] ?? scalars[j - 1]!))));
      });
    const name = this.nodeName;
    return {
      node: new FormulaNode(name, tensors, saved, formula, recipe.keeps),
      finish(out) {
        if (recipe.out) saved[saved.length - 1] = new SavedTensor(out, name);
      },
    };
  }
}

/** How an operation is recorded: each input's derivative, and what they read. */
interface Recipe {
  readonly derivatives: readonly (Derivative | null)[];
  readonly inputs: readonly boolean[];
  readonly out: boolean;
  /** Whether they read anything but the gradient. */
  readonly keeps: boolean;
}

interface History {
  readonly node: FormulaNode;
  finish(out: Tensor): void;
}

const capitalize = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

const requires = (x: Operand): boolean => isTensor(x) && x.impl.meta !== null && requiresGrad(x);

function runDense(
  { run, dense }: Compiled,
  mask: number,
  inputs: readonly Operand[],
  out: Tensor,
  compute: DType,
): void {
  let call = dense[mask];
  if (call === undefined) {
    call = run.dense(classesOf(mask, inputs.length)) as (n: number, ...addresses: number[]) => void;
    dense[mask] = call;
  }
  const n = out.impl.layout.numel;
  const at = (i: number): number => inputAddress(inputs[i]!, i, compute);
  // Spread arguments cost more than a short row.
  switch (inputs.length) {
    case 1:
      call(n, addressOf(out, true), at(0));
      break;
    case 2:
      call(n, addressOf(out, true), at(0), at(1));
      break;
    case 3:
      call(n, addressOf(out, true), at(0), at(1), at(2));
      break;
    default:
      call(n, addressOf(out, true), ...inputs.map((_, i) => at(i)));
  }
}

function runStrided({ run }: Compiled, inputs: readonly Operand[], out: Tensor, compute: DType): void {
  const { shape, strides } = out.impl.layout;
  const operands: KernelOperand[] = [{ address: addressOf(out, true), strides }];
  inputs.forEach((x, i) => {
    const own = isTensor(x) ? x.impl.layout.expand(shape).strides : shape.map(() => 0);
    operands.push({ address: inputAddress(x, i, compute), strides: own });
  });
  run.strided(shape, operands);
}

const inputAddress = (x: Operand, i: number, compute: DType): number =>
  isTensor(x) ? addressOf(x) : scalarSlot(x, i, compute);

/** Shape by broadcasting; strides as the operands': their common order of dims where they agree, else row-major. */
export function resultLayout(tensors: readonly Tensor[]): Layout {
  const first = tensors[0];
  if (first === undefined) return Layout.contiguous([]);
  let shape: readonly number[] = first.impl.layout.shape;
  let contiguous = first.impl.layout.contiguous;
  for (let i = 1; i < tensors.length; i++) {
    const layout = tensors[i]!.impl.layout;
    shape = broadcastShapes(shape, layout.shape);
    contiguous &&= layout.contiguous;
  }
  if (contiguous) {
    for (const t of tensors) {
      const { layout } = t.impl;
      if (layout.offset === 0 && layout.canonical && equalShapes(layout.shape, shape)) return layout;
    }
    return Layout.contiguous(shape);
  }
  return orderedLayout(shape, tensors);
}

/** The layout of a result whose operands do not all lie in row-major order. */
function orderedLayout(shape: readonly number[], tensors: readonly Tensor[]): Layout {
  const strides = tensors.map((t) => t.impl.layout.expand(shape).strides);
  return Layout.contiguous(shape).freshBy(outputOrder(shape, strides));
}

/**
 * Which inputs are one element for all, as bits, where every other operand lies exactly as the result does, without
 * gaps; else -1.
 */
function denseMask(inputs: readonly Operand[], out: Tensor): number {
  const target = out.impl.layout;
  if (!target.dense) return -1;
  let mask = 0;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (!isTensor(x) || (x.impl.layout.numel === 1 && target.numel !== 1)) {
      mask |= 1 << i;
      continue;
    }
    const layout = x.impl.layout;
    if (layout === target || (layout.contiguous && target.contiguous && layout.numel === target.numel)) continue;
    if (equalShapes(layout.shape, target.shape) && sameOrder(layout, target)) continue;
    return -1;
  }
  return mask;
}

function sameOrder(a: Layout, b: Layout): boolean {
  for (let d = 0; d < a.shape.length; d++) if (a.shape[d] !== 1 && a.strides[d] !== b.strides[d]) return false;
  return true;
}

function classesOf(mask: number, arity: number): string {
  let classes = "c";
  for (let i = 0; i < arity; i++) classes += mask & (1 << i) ? "b" : "c";
  return classes;
}

/** Writes a number where kernels read it: as the lane's dtype, in the heap's scratch. */
function scalarSlot(value: Scalar, i: number, compute: DType): number {
  const h = heap();
  const address = h.scratch + 8 * i;
  switch (compute.lane) {
    case "f32":
      h.f32[address >>> 2] = Number(value);
      break;
    case "f64":
      h.f64[address >>> 3] = Number(value);
      break;
    case "i64":
      h.i64[address >>> 3] = scalarBigInt(value);
      break;
    case "i32":
      h.i32[address >>> 2] = Number(BigInt.asIntN(32, scalarBigInt(value)));
      break;
  }
  return address;
}

const internalOverlap =
  "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please " +
  "clone() the tensor before performing the operation.";
const partialOverlap =
  "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory " +
  "location. Please clone() the tensor before performing the operation.";

/** Throws PyTorch's errors where writing `self` elementwise from `inputs` is not defined. */
export function checkWritable(self: Tensor, inputs: readonly Tensor[]): void {
  const target = self.impl.layout;
  check(!target.selfOverlapping, () => internalOverlap);
  for (const t of inputs) check(!partlyOverlaps(self, t), () => partialOverlap);
  let shape = target.shape;
  for (const t of inputs) shape = broadcastShapes(shape, t.impl.layout.shape);
  check(
    equalShapes(shape, target.shape),
    () => `output with shape ${list(target.shape)} doesn't match the broadcast shape ${list(shape)}`,
  );
}

/** Whether a read tensor covers some bytes of the written one, and is not exactly it. */
function partlyOverlaps(self: Tensor, t: Tensor): boolean {
  if (t === self || t.impl.storage !== self.impl.storage) return false;
  const a = self.impl.layout;
  const b = t.impl.layout;
  if (a.numel === 0 || b.numel === 0) return false;
  const sameItem = t.impl.dtype.itemsize === self.impl.dtype.itemsize;
  if (sameItem && a.offset === b.offset && a.sameShape(b) && sameOrder(a, b)) return false;
  // As PyTorch: only operands without gaps are compared; others are trusted.
  if (!a.dense || !b.dense) return false;
  const [aStart, aEnd] = [a.offset * self.impl.dtype.itemsize, a.end * self.impl.dtype.itemsize];
  const [bStart, bEnd] = [b.offset * t.impl.dtype.itemsize, b.end * t.impl.dtype.itemsize];
  return aStart < bEnd && bStart < aEnd;
}
