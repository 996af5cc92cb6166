/** Runs the graph backward: one loop over a queue by sequence number, without recursion, knowing no operator. */
import { check, RuntimeError } from "../core/errors.ts";
import { equalShapes, list } from "../core/layout.ts";
import { freeSince, leaving, position } from "../core/scope.ts";
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
    meta.grad!.impl.storage.escaped = true;
    for (const hook of meta.hooks?.values() ?? []) leaving(() => hook(this.variable));
    return [];
  }
}

/** `g` itself where nobody else holds it and it lies as the leaf does, else a copy. */
function owned(g: Tensor, variable: Tensor): Tensor {
  const { storage, layout } = g.impl;
  const whole = layout.offset === 0 && layout.numel * g.impl.dtype.itemsize === storage.nbytes;
  const alike =
    equalShapes(layout.strides, variable.impl.layout.strides) || (layout.contiguous && variable.impl.layout.contiguous);
  if (!storage.escaped && whole && alike && layout.dense) return wrap(storage, layout, g.impl.dtype);
  return withGrad(false, () => g.detach().clone());
}

graph.accumulator = (t: Tensor): Node => {
  const meta = metaOf(t);
  meta.accumulator ??= new AccumulateGrad(t);
  const node = meta.accumulator as Node;
  if (node.outputs[0]!.dtype !== t.impl.dtype || !equalShapes(node.outputs[0]!.shape, t.impl.layout.shape)) {
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

class Run {
  readonly #options: BackwardOptions;
  readonly #buffers = new Map<Node, Grads>();
  readonly #waiting = new Map<Node, number>();
  readonly #queue = new Queue();
  readonly #captures = new Map<Node, Capture[]>();
  readonly #captured: Grads;
  readonly #needed: Set<Node> | null;
  /** How many pending or captured gradients lie in a storage. */
  readonly #inUse = new Map<Storage, number>();

  constructor(roots: readonly Tensor[], grads: readonly Tensor[], options: BackwardOptions) {
    this.#options = options;
    this.#captured = new Array(options.capture?.length ?? 0).fill(null);
    const starts = roots.map((t) => gradEdge(t)!);
    options.capture?.forEach((t, index) => {
      if (t === null) return;
      const node = gradEdge(t);
      if (node === null) return;
      const entry = { node, nr: t.impl.meta!.gradFn === null ? 0 : t.impl.meta!.outputNr, index };
      this.#captures.set(node, [...(this.#captures.get(node) ?? []), entry]);
    });
    const targets = options.capture !== null ? new Set(this.#captures.keys()) : (options.only ?? null);
    this.#needed = this.#count(starts, targets);
    roots.forEach((t, i) => {
      const node = starts[i]!;
      this.#add(node, t.impl.meta!.gradFn === null ? 0 : t.impl.meta!.outputNr, grads[i]!);
    });
    for (const node of new Set(starts)) if (!this.#waiting.get(node)) this.#queue.push(node);
  }

  /** Counts edges into every reachable node; with targets also finds which nodes lead to one. */
  #count(starts: readonly Node[], targets: ReadonlySet<Node> | null): Set<Node> | null {
    const order: Node[] = [];
    const seen = new Set<Node>(starts);
    const stack = [...seen];
    while (stack.length > 0) {
      const node = stack.pop()!;
      order.push(node);
      for (const next of node.next) {
        if (next === null) continue;
        this.#waiting.set(next, (this.#waiting.get(next) ?? 0) + 1);
        if (seen.has(next)) continue;
        seen.add(next);
        stack.push(next);
      }
    }
    if (targets === null) return null;
    // A node's inputs were made before it, so going up by sequence number meets inputs first.
    const needed = new Set<Node>();
    const bySeq = order.sort(
      (a, b) => (a.seq === Number.POSITIVE_INFINITY ? -1 : a.seq) - (b.seq === Number.POSITIVE_INFINITY ? -1 : b.seq),
    );
    for (const node of bySeq) {
      if (targets.has(node) || node.next.some((next) => next !== null && needed.has(next))) needed.add(node);
    }
    return needed;
  }

  go(): Grads {
    const start = position();
    const inUse = (storage: Storage): boolean => this.#inUse.has(storage);
    while (!this.#queue.empty) {
      this.#step(this.#queue.pop());
      // A recorded backward may keep anything; else what no pending gradient needs is garbage by now.
      if (!this.#options.createGraph) freeSince(start, inUse);
    }
    return this.#captured;
  }

  #step(node: Node): void {
    let grads = this.#buffers.get(node) ?? new Array(node.outputs.length).fill(null);
    this.#buffers.delete(node);
    for (const g of grads) if (g !== null) this.#unuse(g);
    grads = runPreHooks(node, grads);
    for (const c of this.#captures.get(node) ?? []) {
      const g = grads[c.nr] ?? null;
      this.#captured[c.index] = g;
      if (g !== null) this.#use(g);
    }
    const wanted = this.#wants(node);
    const outs = wanted ? this.#apply(node, grads) : [];
    if (wanted && !this.#options.retainGraph) node.release();
    for (let i = 0; i < node.next.length; i++) {
      const next = node.next[i];
      if (next == null) continue;
      const g = outs[i] ?? null;
      if (g !== null && this.#leads(next))
        this.#add(next, node.nextNr[i]!, conform(g, next.outputs[node.nextNr[i]!], node, i));
      const left = this.#waiting.get(next)! - 1;
      this.#waiting.set(next, left);
      if (left === 0) this.#queue.push(next);
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
    let buffer = this.#buffers.get(node);
    if (buffer === undefined) {
      buffer = new Array(node.outputs.length).fill(null);
      this.#buffers.set(node, buffer);
    }
    const before = buffer[nr] ?? null;
    const sum = before === null ? g : before.add(g);
    if (before !== null) this.#unuse(before);
    this.#use(sum);
    buffer[nr] = sum;
  }

  #use(g: Tensor): void {
    const storage = g.impl.storage;
    this.#inUse.set(storage, (this.#inUse.get(storage) ?? 0) + 1);
  }

  #unuse(g: Tensor): void {
    const storage = g.impl.storage;
    const left = (this.#inUse.get(storage) ?? 0) - 1;
    if (left > 0) this.#inUse.set(storage, left);
    else this.#inUse.delete(storage);
  }
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
  return result.impl.dtype === meta.dtype ? result : result.to(meta.dtype);
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
    if (g === null || !g.impl.dtype.isFloatingPoint || !g.isnan().any().item()) return;
    explain(node);
    throw new RuntimeError(`Function '${node.title}' returned nan values in its ${i}th output.`);
  });
}
