/** Runs the graph backward: one loop over a queue by sequence number, without recursion, knowing no operator. */
import { check, RuntimeError } from "../core/errors.ts";
import { equalShapes, list } from "../core/layout.ts";
import { freeSince, keep, leaving, position } from "../core/scope.ts";
import type { Storage } from "../core/storage.ts";
import { type Tensor, wrap } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { mode, withGrad } from "./mode.ts";
import { type Grads, gradEdge, graph, metaOf, Node, type OutputMeta } from "./node.ts";

/** The end of the graph: adds what arrives to a leaf's `grad`. */
export class AccumulateGrad extends Node {
  readonly variable: Tensor;

  constructor(variable: Tensor) {
    super("AccumulateGrad", []);
    this.variable = variable;
    this.seq = Number.POSITIVE_INFINITY;
    this.outputs[0] = { shape: variable.impl.layout.shape, dtype: variable.impl.dtype };
  }

  override backward(grads: Grads): Grads {
    const g = grads[0];
    if (g == null) return [];
    const meta = metaOf(this.variable);
    if (meta.grad === null) meta.grad = mode.grad ? g : owned(g, this.variable);
    else if (mode.grad) meta.grad = meta.grad.add(g);
    else meta.grad.add_(g);
    keep(meta.grad!);
    for (const hook of meta.hooks?.values() ?? []) leaving(() => hook(this.variable));
    return [];
  }
}

/** `g` itself where nobody else holds it and it lies as the leaf does, else a copy that does. */
function owned(g: Tensor, variable: Tensor): Tensor {
  const { storage, layout } = g.impl;
  const whole = layout.offset === 0 && layout.numel * g.impl.dtype.itemsize === storage.nbytes;
  const alike =
    equalShapes(layout.strides, variable.impl.layout.strides) || (layout.contiguous && variable.impl.layout.contiguous);
  if (!storage.escaped && whole && alike && layout.dense) return wrap(storage, layout, g.impl.dtype);
  const { shape, strides } = variable.impl.layout.fresh();
  return withGrad(false, () => g.newEmptyStrided(shape, strides).copy_(g));
}

graph.accumulator = (t: Tensor): Node => {
  const meta = metaOf(t);
  meta.accumulator ??= new AccumulateGrad(t);
  const node = meta.accumulator as Node;
  if (node.outputs[0]!.dtype.shown !== t.dtype || !equalShapes(node.outputs[0]!.shape, t.impl.layout.shape)) {
    node.outputs[0] = { shape: t.impl.layout.shape, dtype: t.impl.dtype };
  }
  return node;
};

/** A binary heap of nodes, the latest first. */
class Queue {
  readonly #items: Node[] = [];

  get empty(): boolean {
    return this.#items.length === 0;
  }

  push(node: Node): void {
    const items = this.#items;
    let at = items.length;
    items.push(node);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (items[up]!.seq >= node.seq) break;
      items[at] = items[up]!;
      at = up;
    }
    items[at] = node;
  }

  pop(): Node {
    const items = this.#items;
    const top = items[0]!;
    const last = items.pop()!;
    if (items.length === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && items[down + 1]!.seq > items[down]!.seq) down++;
      if (items[down]!.seq <= last.seq) break;
      items[at] = items[down]!;
      at = down;
    }
    items[at] = last;
    return top;
  }
}

/** A place in the graph whose gradient the caller wants. */
interface Capture {
  readonly node: Node;
  readonly nr: number;
  readonly index: number;
}

export interface BackwardOptions {
  readonly retainGraph: boolean;
  readonly createGraph: boolean;
  /** Gradients to return instead of accumulating; null: accumulate into all leaves. */
  readonly capture: readonly (Tensor | null)[] | null;
  /** Leaves to accumulate into, where not all. */
  readonly only?: ReadonlySet<Node>;
}

/** Runs backward from `roots` with these gradients; returns the captured gradients. */
export function runBackward(roots: readonly Tensor[], grads: readonly Tensor[], options: BackwardOptions): Grads {
  return withGrad(options.createGraph, () => new Run(roots, grads, options).go());
}

/** What a run knows of a node that it will reach. */
class Task {
  readonly run: Run;
  /** What the node had of a run around this one, such as that of a checkpoint's outer graph. */
  readonly outer: Task | null;
  /** Edges from nodes that have not run yet. */
  waiting = 0;
  /** The gradients that have arrived, by output. */
  grads: Grads | null = null;

  constructor(run: Run, outer: Task | null) {
    this.run = run;
    this.outer = outer;
  }
}

class Run {
  readonly #options: BackwardOptions;
  /** Every node that can be reached. */
  readonly #nodes: Node[] = [];
  readonly #queue = new Queue();
  readonly #captures: Map<Node, Capture[]> | null;
  readonly #captured: Grads;
  readonly #needed: Set<Node> | null;
  constructor(roots: readonly Tensor[], grads: readonly Tensor[], options: BackwardOptions) {
    this.#options = options;
    this.#captured = new Array(options.capture?.length ?? 0).fill(null);
    const starts = roots.map((t) => gradEdge(t)!);
    this.#captures = options.capture === null ? null : capturesOf(options.capture);
    const targets = this.#captures !== null ? new Set(this.#captures.keys()) : (options.only ?? null);
    this.#discover(starts);
    this.#needed = targets === null ? null : leadingTo(targets, this.#nodes);
    roots.forEach((t, i) => {
      this.#add(starts[i]!, outputNr(t), grads[i]!);
    });
    const first = starts.length === 1 ? starts : new Set(starts);
    for (const node of first) if (this.#taskOf(node).waiting === 0) this.#queue.push(node);
  }

  /** Makes the tasks of all nodes that can be reached, and counts their edges. */
  #discover(starts: readonly Node[]): void {
    const nodes = this.#nodes;
    for (const node of starts) this.#taskOf(node);
    for (let at = 0; at < nodes.length; at++) {
      for (const next of nodes[at]!.next) if (next !== null) this.#taskOf(next).waiting++;
    }
  }

  #taskOf(node: Node): Task {
    let task = node.task as Task | null;
    if (task !== null && task.run === this) return task;
    task = new Task(this, task);
    node.task = task;
    this.#nodes.push(node);
    return task;
  }

  go(): Grads {
    const start = position();
    try {
      while (!this.#queue.empty) {
        this.#step(this.#queue.pop());
        // A recorded backward may keep anything; else what no pending gradient needs is garbage by now.
        if (!this.#options.createGraph) freeSince(start, isPending);
      }
      return this.#captured;
    } finally {
      this.#end();
    }
  }

  /** Gives the nodes back to the run around this one, and ends what still waits, also after an error. */
  #end(): void {
    for (const node of this.#nodes) {
      const task = node.task as Task;
      for (const g of task.grads ?? []) if (g !== null) unuse(g);
      node.task = task.outer;
    }
    for (const g of this.#captured) if (g !== null) unuse(g);
  }

  #step(node: Node): void {
    const task = this.#taskOf(node);
    let grads: Grads = task.grads ?? new Array(node.outputs.length).fill(null);
    task.grads = null;
    for (const g of grads) if (g !== null) unuse(g);
    if (node.preHooks !== null || node.nodePreHooks !== null) grads = runPreHooks(node, grads);
    if (this.#captures !== null) this.#capture(node, grads);
    const wanted = this.#wants(node);
    const outs = wanted ? this.#apply(node, grads) : [];
    if (wanted && !this.#options.retainGraph) node.release();
    for (let i = 0; i < node.next.length; i++) {
      const next = node.next[i];
      if (next == null) continue;
      const g = outs[i] ?? null;
      if (g !== null && this.#leads(next))
        this.#add(next, node.nextNr[i]!, conform(g, next.outputs[node.nextNr[i]!], node, i));
      if (--this.#taskOf(next).waiting === 0) this.#queue.push(next);
    }
  }

  #capture(node: Node, grads: Grads): void {
    for (const c of this.#captures?.get(node) ?? []) {
      const g = grads[c.nr] ?? null;
      this.#captured[c.index] = g;
      if (g !== null) use(g);
    }
  }

  #leads(node: Node): boolean {
    return this.#needed === null || this.#needed.has(node);
  }

  /** A captured leaf is not accumulated into; a node that leads nowhere is not run. */
  #wants(node: Node): boolean {
    if (this.#needed === null) return true;
    if (node.next.some((next) => next !== null && this.#needed!.has(next))) return true;
    return this.#options.capture === null && this.#needed.has(node) && node.next.length === 0;
  }

  #apply(node: Node, grads: Grads): Grads {
    const needs = node.next.map((next) => next !== null && this.#leads(next));
    let outs: Grads;
    try {
      outs = node.backward(grads, needs);
    } catch (error) {
      if (node.stack !== null) explain(node);
      throw error;
    }
    for (const hook of node.nodeHooks ?? []) outs = leaving(() => hook(outs, grads)) ?? outs;
    if (mode.anomaly && mode.checkNan) refuseNan(node, outs);
    return outs;
  }

  #add(node: Node, nr: number, g: Tensor): void {
    const task = this.#taskOf(node);
    task.grads ??= new Array(node.outputs.length).fill(null);
    const before = task.grads[nr] ?? null;
    const sum = before === null ? g : before.add(g);
    if (before !== null) unuse(before);
    use(sum);
    task.grads[nr] = sum;
  }
}

const isPending = (storage: Storage): boolean => storage.pending > 0;
const use = (g: Tensor): void => void g.impl.storage.pending++;
const unuse = (g: Tensor): void => void g.impl.storage.pending--;

const outputNr = (t: Tensor): number => (t.impl.meta!.gradFn === null ? 0 : t.impl.meta!.outputNr);

/** Where in the graph the gradients of these tensors can be taken. */
function capturesOf(tensors: readonly (Tensor | null)[]): Map<Node, Capture[]> {
  const captures = new Map<Node, Capture[]>();
  tensors.forEach((t, index) => {
    const node = t === null ? null : gradEdge(t);
    if (t === null || node === null) return;
    captures.set(node, [...(captures.get(node) ?? []), { node, nr: outputNr(t), index }]);
  });
  return captures;
}

/** Those of `nodes` from which a target can be reached. */
function leadingTo(targets: ReadonlySet<Node>, nodes: readonly Node[]): Set<Node> {
  // A node's inputs were made before it, so going up by sequence number meets inputs first.
  const rank = (node: Node): number => (node.seq === Number.POSITIVE_INFINITY ? -1 : node.seq);
  const needed = new Set<Node>();
  for (const node of [...nodes].sort((a, b) => rank(a) - rank(b))) {
    if (targets.has(node) || node.next.some((next) => next !== null && needed.has(next))) needed.add(node);
  }
  return needed;
}

function runPreHooks(node: Node, grads: Grads): Grads {
  let result = grads;
  for (const hook of node.preHooks ?? []) {
    const g = result[hook.nr];
    if (g == null) continue;
    g.impl.storage.escaped = true;
    const replaced = leaving(() => hook.call(g));
    if (replaced != null) result = result.with(hook.nr, replaced);
  }
  for (const hook of node.nodePreHooks ?? []) result = leaving(() => hook(result)) ?? result;
  return result;
}

/** `g` with the dtype and shape of the output that it belongs to; broadcast dims are summed away. */
function conform(g: Tensor, meta: OutputMeta | undefined, node: Node, i: number): Tensor {
  if (meta === undefined) return g;
  let result = g;
  if (!equalShapes(g.impl.layout.shape, meta.shape)) {
    check(
      sumsTo(g.impl.layout.shape, meta.shape),
      () =>
        `Function ${node.title} returned an invalid gradient at index ${i} - got ${list(g.impl.layout.shape)} but ` +
        `expected shape compatible with ${list(meta.shape)}`,
    );
    result = result.sumToSize(meta.shape);
  }
  const { shown } = meta.dtype;
  if (result.impl.dtype.shown === shown) return result;
  // The gradient of a real tensor that became complex is the real part.
  return (result.dtype.isComplex && !shown.isComplex ? result.real : result).to(shown);
}

function sumsTo(from: readonly number[], to: readonly number[]): boolean {
  const lead = from.length - to.length;
  return lead >= 0 && to.every((n, i) => n === 1 || n === from[i + lead]);
}

function explain(node: Node): void {
  warn("anomaly", `Error detected in ${node.title}. Traceback of forward call that caused the error:\n${node.stack}`);
}

function refuseNan(node: Node, outs: Grads): void {
  outs.forEach((g, i) => {
    if (g === null || !g.impl.dtype.isDifferentiable || !g.isnan().any().item()) return;
    explain(node);
    throw new RuntimeError(`Function '${node.title}' returned nan values in its ${i}th output.`);
  });
}
