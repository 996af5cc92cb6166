/** The graph: nodes with edges to the nodes of their inputs, and the tensors that they saved. */

import type { DType } from "../core/dtype.ts";
import { RuntimeError } from "../core/errors.ts";
import { list } from "../core/layout.ts";
import { noteRecorded, offer } from "../core/scope.ts";
import { callerStack } from "../core/stack.ts";
import { printsAs } from "../core/symbols.ts";
import type { AutogradMeta, GradFn, Tensor } from "../core/tensor.ts";
import { legacyTypeName } from "../core/tensor.ts";
import { mode } from "./mode.ts";

/** Gradients by input or output; null where there is none. */
export type Grads = (Tensor | null)[];

/** Shape and dtype that a gradient flowing into an output must have. */
export interface OutputMeta {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Called with the gradient of one output; may replace it. */
export interface PreHook {
  readonly nr: number;
  readonly call: (grad: Tensor) => Tensor | undefined | null;
}

/** Called with all gradients before or after a node runs. */
export type NodeHook = (...grads: [Grads] | [Grads, Grads]) => Grads | undefined | null;

let sequence = 0;

/**
 * One recorded operation.
 * @example w.mul(2).gradFn instanceof autograd.Node // true
 */
export abstract class Node implements GradFn {
  /** PyTorch's name of it, such as `MulBackward0`. */
  readonly title: string;
  /** Later nodes run first. */
  seq: number = sequence++;
  next: (Node | null)[];
  nextNr: number[];
  outputs: OutputMeta[] = [];
  preHooks: PreHook[] | null = null;
  nodePreHooks: ((grads: Grads) => Grads | undefined | null)[] | null = null;
  nodeHooks: ((gradInputs: Grads, gradOutputs: Grads) => Grads | undefined | null)[] | null = null;
  /** What the running backward knows of it; the engine's. */
  task: object | null = null;
  /** Where the forward call was made, in anomaly mode. */
  readonly stack: string | null = mode.anomaly ? callerStack() : null;

  constructor(name: string, inputs: readonly (Tensor | null)[]) {
    this.title = name;
    noteRecorded();
    this.next = new Array(inputs.length).fill(null);
    this.nextNr = new Array(inputs.length).fill(0);
    for (let i = 0; i < inputs.length; i++) {
      const t = inputs[i];
      if (t == null || t.impl.meta === null) continue;
      this.next[i] = gradEdge(t);
      this.nextNr[i] = edgeNr(t);
    }
  }

  /** Gradients of the inputs from those of the outputs; only where `needs` says so. */
  abstract backward(grads: Grads, needs: readonly boolean[]): Grads;

  /** Gives up what was saved. */
  release(): void {}

  /** The nodes of the inputs, with the output that the edge comes from. */
  get nextFunctions(): [Node | null, number][] {
    return this.next.map((node, i) => [node, this.nextNr[i]!]);
  }

  /** Runs `hook(gradInputs, gradOutputs)` after this node; what it returns replaces the inputs' gradients. */
  registerHook(hook: (gradInputs: Grads, gradOutputs: Grads) => Grads | undefined | null): { remove(): void } {
    return addTo((this.nodeHooks ??= []), hook);
  }

  /** Runs `hook(gradOutputs)` before this node; what it returns replaces them. */
  registerPrehook(hook: (grads: Grads) => Grads | undefined | null): { remove(): void } {
    return addTo((this.nodePreHooks ??= []), hook);
  }

  /** `MulBackward0` and its kin. */
  name(): string {
    return this.title;
  }

  toString(): string {
    return `<${this.title} object at 0x${(0x7f0000000000 + this.seq * 64).toString(16)}>`;
  }
}

printsAs(Node);

/** Adds to a list of hooks; the handle takes it out again. */
export function addTo<T>(hooks: T[], hook: T): { remove(): void } {
  const entry = hook;
  hooks.push(entry);
  return {
    remove() {
      const at = hooks.indexOf(entry);
      if (at >= 0) hooks.splice(at, 1);
    },
  };
}

/** What graph and in-place code tell each other, to keep node.ts free of cycles. */
export const graph: {
  /** The node of a tensor, regenerated where it is a stale view. */
  gradFn(t: Tensor): Node | null;
  accumulator(t: Tensor): Node;
} = {} as never;

/** The meta of a tensor, made when it is first needed. */
export function metaOf(t: Tensor): AutogradMeta {
  t.impl.meta ??= {
    requiresGrad: false,
    grad: null,
    gradFn: null,
    outputNr: 0,
    retainsGrad: false,
    hooks: null,
    accumulator: null,
    view: null,
  };
  return t.impl.meta;
}

/** PyTorch's `requires_grad`: of its own, by history, or through the base of a view. */
export function requiresGrad(t: Tensor): boolean {
  const meta = t.impl.meta;
  if (meta === null) return false;
  return meta.requiresGrad || meta.gradFn !== null || (meta.view !== null && requiresGrad(meta.view.base));
}

/** The node that a gradient of `t` flows into, or null. */
export function gradEdge(t: Tensor): Node | null {
  const fn = graph.gradFn(t);
  if (fn !== null) return fn;
  return t.impl.meta?.requiresGrad ? graph.accumulator(t) : null;
}

const edgeNr = (t: Tensor): number => (t.impl.meta?.gradFn ? t.impl.meta.outputNr : 0);

/** A tensor kept for backward, with the version that it had. */
export class SavedTensor {
  #tensor: Tensor | null;
  readonly #version: number;
  /** The node that an output was saved by; null for an input, whose node is looked up when it matters. */
  readonly #producer: string | null;

  constructor(tensor: Tensor, producer: string | null = null) {
    if (tensor.impl.inference && !mode.inference) {
      throw new RuntimeError(
        "Inference tensors cannot be saved for backward. To work around you can make a clone to get a normal tensor and use it in autograd.",
      );
    }
    this.#tensor = tensor;
    tensor.impl.storage.held++;
    this.#version = tensor._version;
    this.#producer = producer;
  }

  /** The tensor; throws PyTorch's errors where it was freed or written to since. */
  get(): Tensor {
    const t = this.#tensor;
    if (t === null) throw new RuntimeError(freedMessage);
    if (t._version !== this.#version) throw new RuntimeError(this.#staleMessage(t));
    return t;
  }

  release(): void {
    if (this.#tensor === null) return;
    const storage = this.#tensor.impl.storage;
    this.#tensor = null;
    if (--storage.held === 0 && !storage.escaped) offer(storage);
  }

  #staleMessage(t: Tensor): string {
    const meta = t.impl.meta;
    const fn = this.#producer ?? meta?.gradFn?.title;
    const origin = fn === undefined ? "" : `, which is output ${meta?.outputNr ?? 0} of ${fn},`;
    return (
      "one of the variables needed for gradient computation has been modified by an inplace operation: " +
      `[${legacyTypeName(t)} ${list(t.impl.layout.shape)}]${origin} is at version ${t._version}; expected version ` +
      `${this.#version} instead. Hint: enable anomaly detection to find the operation that failed to compute its ` +
      `gradient, with torch.autograd.set_detect_anomaly(True).`
    );
  }
}

export const freedMessage: string =
  "Trying to backward through the graph a second time (or directly access saved tensors after they have already been " +
  "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify " +
  "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors " +
  "after calling backward.";

/** What a formula reads: tensors saved in forward, checked when taken. */
export type Saved = readonly (SavedTensor | null)[];

/** Gradients of the inputs; `needs[i]` tells whether input i's is wanted. */
export type Formula = (grads: Tensor[], saved: Tensor[], needs: readonly boolean[]) => readonly (Tensor | null)[];

/** A node whose derivative is a formula over its outputs' gradients and saved tensors. */
export class FormulaNode extends Node {
  readonly #saved: Saved;
  readonly #formula: Formula;
  /** Whether the formula reads values of forward, so that it cannot run once they are given up. */
  readonly #keeps: boolean;
  #released = false;

  constructor(
    name: string,
    inputs: readonly (Tensor | null)[],
    saved: Saved,
    formula: Formula,
    keeps: boolean = saved.some((s) => s !== null),
  ) {
    super(name, inputs);
    this.#saved = saved;
    this.#formula = formula;
    this.#keeps = keeps;
  }

  override backward(grads: Grads, needs: readonly boolean[]): Grads {
    if (this.#released) throw new RuntimeError(freedMessage);
    if (grads.every((g) => g === null)) return new Array(this.next.length).fill(null);
    const saved = this.#saved.map((s) => (s === null ? (null as never) : s.get()));
    return [...this.#formula(grads as Tensor[], saved, needs)];
  }

  override release(): void {
    if (!this.#keeps) return;
    this.#released = true;
    for (const s of this.#saved) s?.release();
  }
}

/**
 * Attaches history to the outputs of an operation: whether anything requires grad is the caller's question
 * (`recording`). `saved` may name outputs too.
 */
export function attach(node: Node, outputs: readonly Tensor[]): void {
  outputs.forEach((out, nr) => {
    const meta = metaOf(out);
    meta.gradFn = node;
    meta.outputNr = nr;
    node.outputs[nr] = { shape: out.impl.layout.shape, dtype: out.impl.dtype };
  });
}

/** Whether an operation on these inputs must be recorded. */
export function recording(inputs: readonly (Tensor | null | undefined)[]): boolean {
  if (!mode.grad) return false;
  for (const t of inputs) if (t != null && t.impl.meta !== null && requiresGrad(t)) return true;
  return false;
}
