/** Declarations become callables: argument parsing, the boundary to user code, kernels and derivatives. */
import { checkInplace, rebase, viewOf } from "../autograd/inplace.ts";
import { withGrad } from "../autograd/mode.ts";
import { attach, type Formula, FormulaNode, type Node, recording, SavedTensor } from "../autograd/node.ts";
import { canCast, type DType } from "../core/dtype.ts";
import { check, typeName } from "../core/errors.ts";
import { equalShapes, type Layout, list } from "../core/layout.ts";
import { parseAny, type Signature, signature, type Values } from "../core/params.ts";
import { isScalar, type Operand } from "../core/scalar.ts";
import { enter, escape, exit, outermost } from "../core/scope.ts";
import { bump, isTensor, type Tensor } from "../core/tensor.ts";
import { type Expr, load, type Value } from "../ir/expr.ts";
import type { Binary, OpInfo, Unary } from "./call.ts";
import { emptyLike } from "./operands.ts";
import { computeInto, namesOut } from "./out.ts";
import { checkWritable, type DTypeRule, type GradRule, Pointwise } from "./pointwise.ts";

export type { Values } from "../core/params.ts";
export type { GradRule } from "./pointwise.ts";

/** A callable with its information; what every helper below returns, under its declared type. */
export interface Callable {
  (...args: unknown[]): unknown;
  readonly op: OpInfo;
  /** The in-place form, where it is more than a copy of the result. */
  readonly write?: (self: Tensor, ...args: unknown[]) => Tensor;
}

/** What declarations of all kinds have. */
export interface Common {
  readonly name: string;
  /** Signatures after `self`; see core/params.ts. */
  readonly params?: string | readonly string[];
  readonly inplace?: boolean;
  /** Which argument is the method's receiver; default 0, null for a function without a method. */
  readonly receiver?: number | null;
  /** False for a method that PyTorch has no function for. */
  readonly isFunction?: boolean;
}

const parsed = new Map<string, Signature>();

function signatureOf(text: string): Signature {
  let sig = parsed.get(text);
  if (sig === undefined) {
    sig = signature(text);
    parsed.set(text, sig);
  }
  return sig;
}

/** The signatures of an operator, parsed at its first call. */
function signaturesOf(op: OpInfo): () => readonly Signature[] {
  let list: readonly Signature[] | undefined;
  return () => {
    list ??= op.params.map(signatureOf);
    return list;
  };
}

/** Marks whatever user code gets: tensors, lists and named tuples of them. */
export function leave<R>(result: R): R {
  if (isTensor(result)) escape(result);
  else if (Array.isArray(result)) for (const x of result) leave(x);
  else if (typeof result === "object" && result !== null && Symbol.iterator in result) {
    for (const x of result as unknown as Iterable<unknown>) leave(x);
  }
  return result;
}

/** Runs an operator's body as library code; what leaves it to user code is marked. */
export function bounded<R>(body: () => R): R {
  const outer = outermost();
  const mark = enter();
  try {
    const result = body();
    return outer ? leave(result) : result;
  } finally {
    exit(mark);
  }
}

function info(kind: OpInfo["kind"], c: Common): OpInfo {
  const params = c.params ?? "";
  return {
    name: c.name,
    kind,
    params: typeof params === "string" ? [params] : params,
    receiver: c.receiver === undefined ? 0 : c.receiver,
    inplace: c.inplace ?? false,
    isFunction: c.isFunction ?? true,
  };
}

/** Gives a function its operator information, under the type that its export declares. */
function publish<T>(fn: (...args: never[]) => unknown, op: OpInfo, write?: unknown): T {
  Object.defineProperty(fn, "name", { value: op.name });
  return Object.assign(fn, { op, ...(write === undefined ? {} : { write }) }) as unknown as T;
}

/** Throws unless the first argument is a tensor. */
export function needTensor(op: string, value: unknown): Tensor {
  if (isTensor(value)) return value;
  throw new TypeError(`${op}(): argument 'input' (position 1) must be Tensor, not ${typeName(value)}`);
}

// ---------------------------------------------------------------- pointwise

export interface UnaryDeclaration extends Omit<Common, "params"> {
  readonly value: (x: Expr) => Value;
  /** Overrides the chain rule; `x` is the input, `out` the result. */
  readonly grad?: (g: Expr, at: { readonly x: Expr; readonly out: Expr }) => Value;
  readonly dtype?: DTypeRule;
  readonly node?: string;
}

const asExpr = (value: Value): Expr => (typeof value === "object" ? value : { op: "const", value });

/** An elementwise operator of one tensor; has an in-place form unless `inplace: false`. */
/* @__NO_SIDE_EFFECTS__ */
export function unary(d: UnaryDeclaration): Unary {
  const grad = d.grad;
  const kernel = new Pointwise({
    name: d.name,
    ...(d.node === undefined ? {} : { node: d.node }),
    arity: 1,
    expr: asExpr(d.value(load(0))),
    rule: d.dtype ?? "promote",
    grads: [grad === undefined ? null : (g, [x], out) => asExpr(grad(g, { x: x!, out }))],
  });
  const call = (...args: unknown[]): Tensor => {
    const self = needTensor(d.name, args[0]);
    if (args.length > 1 && namesOut(args)) return computeInto(d.name, args, call) as Tensor;
    if (args.length > 1) parseAny(d.name, [signatureOf("")], args.slice(1));
    const out = kernel.apply([self]);
    if (outermost()) escape(out);
    return out;
  };
  const write = (self: Tensor): Tensor => kernel.applyInplace(self, [self]);
  return publish(call, info("pointwise", { inplace: true, ...d }), write);
}

export interface BinaryDeclaration extends Omit<Common, "params"> {
  readonly value: (a: Expr, b: Expr) => Value;
  readonly gradSelf?: (g: Expr, at: { readonly a: Expr; readonly b: Expr; readonly out: Expr }) => Value;
  readonly gradOther?: (g: Expr, at: { readonly a: Expr; readonly b: Expr; readonly out: Expr }) => Value;
  readonly dtype?: DTypeRule;
  readonly node?: string;
  /** Refuses operands before anything is computed. */
  readonly check?: (a: Operand, b: Operand) => void;
}

const otherSignature = "other:operand";

/** An elementwise operator of two operands, broadcast; has an in-place form unless `inplace: false`. */
/* @__NO_SIDE_EFFECTS__ */
export function binary(d: BinaryDeclaration): Binary {
  const { gradSelf, gradOther } = d;
  const kernel = new Pointwise({
    name: d.name,
    ...(d.node === undefined ? {} : { node: d.node }),
    arity: 2,
    expr: asExpr(d.value(load(0), load(1))),
    rule: d.dtype ?? "promote",
    grads: [
      gradSelf === undefined ? null : (g, [a, b], out) => asExpr(gradSelf(g, { a: a!, b: b!, out })),
      gradOther === undefined ? null : (g, [a, b], out) => asExpr(gradOther(g, { a: a!, b: b!, out })),
    ],
  });
  const operands = (args: unknown[], name = d.name): [Operand, Operand] => {
    const [self, other] = args;
    if (args.length === 2 && (isTensor(other) || isScalar(other))) {
      if (isTensor(self) || (isScalar(self) && isTensor(other))) return [self, other];
    }
    const { values } = parseAny(name, [signatureOf(otherSignature)], args.slice(1));
    if (!isTensor(self) && !(isScalar(self) && isTensor(values.other))) needTensor(d.name, self);
    return [self as Operand, values.other as Operand];
  };
  const call = (...args: unknown[]): Tensor => {
    if (args.length > 2 && namesOut(args)) return computeInto(d.name, args, call) as Tensor;
    const pair = operands(args);
    d.check?.(pair[0], pair[1]);
    const out = kernel.apply(pair);
    if (outermost()) escape(out);
    return out;
  };
  const write = (...args: unknown[]): Tensor => {
    const pair = operands(args, `${d.name}_`);
    d.check?.(pair[0], pair[1]);
    return kernel.applyInplace(needTensor(d.name, pair[0]), pair);
  };
  return publish(call, info("pointwise", { inplace: true, params: otherSignature, ...d }), write);
}

/** A comparison: the result is bool, nothing flows back. */
/* @__NO_SIDE_EFFECTS__ */
export function comparison(d: BinaryDeclaration): Binary {
  return binary({ dtype: "bool", ...d });
}

/** Whether a call has a tensor and one more operand, and nothing else. */
function isPair(args: unknown[]): args is [Tensor, Operand] {
  return args.length === 2 && isTensor(args[0]) && (isTensor(args[1]) || isScalar(args[1]));
}

/** Several operands and parameters that pick among kernels: the body applies them. */
export interface ElementwiseDeclaration extends Common {
  /** Which kernel, on which operands; `self` comes first where there is an in-place form. */
  readonly kernel: (self: Tensor, values: Values, which: number) => { kernel: Pointwise; operands: Operand[] };
  /** The kernel of two operands without further arguments, on just these: spares parsing. */
  readonly plain?: (self: Tensor, other: Operand) => Pointwise;
}

/** An elementwise operator with parameters: `clamp`, `lerp`, `add` with `alpha`, … */
/* @__NO_SIDE_EFFECTS__ */
export function elementwise<T>(d: ElementwiseDeclaration): T {
  const op = info("pointwise", { inplace: true, ...d });
  const signatures = signaturesOf(op);
  const select = (args: unknown[], name = d.name) => {
    const self = args[0] as Tensor;
    const { values, which } = parseAny(name, signatures(), args.slice(1));
    return { self, ...d.kernel(self, values, which) };
  };
  const call = (...args: unknown[]): Tensor => {
    if (d.plain !== undefined && isPair(args)) {
      const out = d.plain(args[0], args[1]).apply(args);
      if (outermost()) escape(out);
      return out;
    }
    if (args.length > 1 && namesOut(args)) return computeInto(d.name, args, call) as Tensor;
    if (op.receiver === 0 && !isScalar(args[0])) needTensor(d.name, args[0]);
    const { kernel, operands } = select(args);
    return bounded(() => kernel.apply(operands));
  };
  const write = (...args: unknown[]): Tensor => {
    if (d.plain !== undefined && isPair(args)) return d.plain(args[0], args[1]).applyInplace(args[0], args);
    const { self, kernel, operands } = select([needTensor(d.name, args[0]), ...args.slice(1)], `${d.name}_`);
    return kernel.applyInplace(self, operands);
  };
  return publish(call, op, write);
}

/** A pointwise kernel for `elementwise` and library code. */
export function pointwise(
  name: string,
  arity: number,
  value: (...inputs: Expr[]) => Value,
  options: { node?: string; dtype?: DTypeRule; grads?: readonly (GradRule | null)[] } = {},
): Pointwise {
  const inputs = Array.from({ length: arity }, (_, i) => load(i));
  return new Pointwise({
    name,
    ...(options.node === undefined ? {} : { node: options.node }),
    arity,
    expr: asExpr(value(...inputs)),
    rule: options.dtype ?? "promote",
    ...(options.grads === undefined ? {} : { grads: options.grads }),
  });
}

// ---------------------------------------------------------------- views

export interface ViewDeclaration extends Common {
  readonly layout: (input: Layout, values: Values, self: Tensor) => Layout;
  /** The gradient of the input from that of the view, by methods that are differentiable themselves. */
  readonly grad: (g: Tensor, input: Layout, values: Values) => Tensor;
  readonly node?: string | ((values: Values) => string);
}

/** An operator whose result shares storage; its in-place form, if any, changes the layout only. */
/* @__NO_SIDE_EFFECTS__ */
export function view<T>(d: ViewDeclaration): T {
  const op = info("view", d);
  const signatures = signaturesOf(op);
  const fixedName = typeof d.node === "string" ? d.node : `${capitalize(d.name)}Backward0`;
  const nodeName = typeof d.node === "function" ? d.node : () => fixedName;
  const call = (...args: unknown[]): Tensor => {
    const self = needTensor(d.name, args[0]);
    const { values } = parseAny(d.name, signatures(), args.slice(1));
    const input = self.impl.layout;
    const layout = d.layout(input, values, self);
    const out = makeView(self, layout, nodeName(values), (g) => d.grad(g, input, values));
    if (outermost()) escape(out);
    return out;
  };
  const write = (...args: unknown[]): Tensor => {
    const self = needTensor(d.name, args[0]);
    const { values } = parseAny(`${d.name}_`, signatures(), args.slice(1));
    const input = self.impl.layout;
    const layout = d.layout(input, values, self);
    const recorded = recording([self]);
    checkInplace(self, recorded);
    const node = recorded ? new FormulaNode(nodeName(values), [self], [], ([g]) => [d.grad(g!, input, values)]) : null;
    relayout(self, layout, node);
    return self;
  };
  return publish(call, op, write);
}

const capitalize = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** A differentiable view of `self`. */
export function makeView(
  self: Tensor,
  layout: Layout,
  name: string,
  grad: (g: Tensor) => Tensor,
  multi = false,
  dtype?: DType,
): Tensor {
  const out = viewOf(self, layout, multi, dtype);
  if (recording([self])) attach(new FormulaNode(name, [self], [], ([g]) => [grad(g!)]), [out]);
  return out;
}

/** Several views made by one node, whose in-place forms autograd refuses. */
export function makeViews(
  self: Tensor,
  layouts: readonly Layout[],
  name: string,
  grad: (grads: (Tensor | null)[]) => Tensor,
): Tensor[] {
  const outs = layouts.map((layout) => viewOf(self, layout, true));
  if (recording([self])) attach(new FormulaNode(name, [self], [], (grads) => [grad(grads)]), outs);
  return outs;
}

/** Changes a tensor's layout in place. */
function relayout(self: Tensor, layout: Layout, node: Node | null): void {
  self.impl.layout = layout;
  bump(self);
  if (node !== null) rebase(self, node);
}

// ---------------------------------------------------------------- composites and custom operators

export interface BodyDeclaration extends Common {
  readonly kind?: OpInfo["kind"];
}

/** The body of an operator: the receiver first, then values by name; `which` tells the signature that fitted. */
export type Body<R> = (self: Tensor, values: Values, which: number) => R;

/** An operator in terms of others, whose derivatives it inherits. */
/* @__NO_SIDE_EFFECTS__ */
export function composite<T>(d: BodyDeclaration, body: Body<unknown>): T {
  return define("composite", d, body);
}

/** An operator with a kernel and a derivative of its own, through `differentiable`. */
/* @__NO_SIDE_EFFECTS__ */
export function custom<T>(d: BodyDeclaration, body: Body<unknown>): T {
  return define("custom", d, body);
}

function define<T>(kind: OpInfo["kind"], d: BodyDeclaration, body: Body<unknown>): T {
  const op = info(d.kind ?? kind, d);
  const signatures = signaturesOf(op);
  const call = (...args: unknown[]): unknown => {
    if (args.length > 1 && namesOut(args)) return computeInto(d.name, args, call);
    const self = needTensor(d.name, args[0]);
    const { values, which } = parseAny(d.name, signatures(), args.slice(1));
    return bounded(() => body(self, values, which));
  };
  const write = (...args: unknown[]): Tensor => {
    const self = needTensor(d.name, args[0]);
    return overwrite(self, (source) => call(source, ...args.slice(1)) as Tensor);
  };
  return publish(call, op, op.inplace ? write : undefined);
}

/** A function of the package without a tensor to be the method of: creation, `cat`, `einsum`, … */
/* @__NO_SIDE_EFFECTS__ */
export function fn<T>(d: Omit<BodyDeclaration, "receiver">, body: (values: Values, which: number) => unknown): T {
  const op = info(d.kind ?? "composite", { ...d, receiver: null });
  const signatures = signaturesOf(op);
  const call = (...args: unknown[]): unknown => {
    if (namesOut(args)) return computeInto(d.name, args, call);
    const { values, which } = parseAny(d.name, signatures(), args);
    return bounded(() => body(values, which));
  };
  return publish(call, op);
}

/**
 * The in-place form of an operator that has only a value: computes from a copy of `self`, writes the result, and makes
 * its history that of `self`.
 */
export function overwrite(self: Tensor, compute: (source: Tensor) => Tensor): Tensor {
  const recorded = recording([self]);
  checkInplace(self, recorded);
  const source = recorded ? self.clone() : self;
  const out = compute(source);
  return writeResult(self, out);
}

/** Writes `out`, with its history, over `self`. */
export function writeResult(self: Tensor, out: Tensor): Tensor {
  const node = recording([out]) ? (out.gradFn as Node | null) : null;
  checkInplace(self, node !== null);
  check(
    canCast(out.impl.dtype, self.impl.dtype),
    () =>
      `result type ${out.impl.dtype.scalarName} can't be cast to the desired output type ${self.impl.dtype.scalarName}`,
  );
  check(
    equalShapes(out.impl.layout.shape, self.impl.layout.shape),
    () =>
      `output with shape ${list(self.impl.layout.shape)} doesn't match the broadcast shape ${list(out.impl.layout.shape)}`,
  );
  checkWritable(self, []);
  copyKernel.into([out], self, out.impl.dtype === self.impl.dtype ? self.impl.dtype : out.impl.dtype);
  bump(self);
  if (node !== null) rebase(self, node);
  return self;
}

/** Elementwise copy with conversion. */
export const copyKernel: Pointwise = pointwise("copy", 1, (x) => x!);

/** The tensor, with a pending conjugation or negation carried out: what kernels read that take memory as it is. */
export function plain(t: Tensor): Tensor {
  if (!t.impl.dtype.isLazy) return t;
  return copyKernel.into([t], emptyLike(t.impl.layout.fresh(), t.dtype, t.device), t.dtype.toReal());
}

/**
 * Records `outputs` as made from `inputs` with this derivative, where anything requires grad. `saved` are the tensors
 * that the formula reads, in its order; null where it will not read one.
 */
export function differentiable<R extends Tensor | readonly Tensor[]>(
  name: string,
  outputs: R,
  inputs: readonly (Tensor | null)[],
  saved: readonly (Tensor | null)[],
  formula: Formula,
): R {
  if (!recording(inputs)) return outputs;
  const outs: readonly Tensor[] = isTensor(outputs) ? [outputs] : (outputs as readonly Tensor[]);
  const kept = saved.map((t) => (t === null ? null : new SavedTensor(t, outs.includes(t) ? name : null)));
  const node = new FormulaNode(name, inputs, kept, formula);
  attach(node, outs.every(isDifferentiable) ? outs : outs.filter(isDifferentiable));
  return outputs;
}

const isDifferentiable = (t: Tensor): boolean => t.impl.dtype.isDifferentiable;

/** Runs a body without recording: the value of a custom operator. */
export const unrecorded = <R>(body: () => R): R => withGrad(false, body);
