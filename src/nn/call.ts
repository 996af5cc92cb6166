/** What happens when a module is called: its hooks around `forward`, and the nodes that run its backward hooks. */
import { viewOf } from "../autograd/inplace.ts";
import { type Grads, metaOf, Node, recording, requiresGrad } from "../autograd/node.ts";
import { check, NotImplementedError } from "../core/errors.ts";
import { announce } from "../core/observe.ts";
import { escape, leaving } from "../core/scope.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { calls } from "./depth.ts";
import type { Hooks } from "./hooks.ts";
import { type Registered, registry } from "./registry.ts";

/** Makes a callable object of a class: an arrow function with the class's prototype and nothing of a function's own. */
export function callable<M extends object>(prototype: M, table: Registered[typeof registry]): M & Registered {
  const call = (...args: unknown[]): unknown => invoke(module, args);
  Reflect.deleteProperty(call, "name");
  Reflect.deleteProperty(call, "length");
  const module = Object.setPrototypeOf(call, prototype) as M & Registered;
  Object.defineProperty(module, registry, { value: table });
  return module;
}

function invoke(module: object & Registered, args: unknown[]): unknown {
  const forward: unknown = Reflect.get(module, "forward");
  if (typeof forward !== "function") {
    throw new NotImplementedError(`Module [${module.constructor.name}] is missing the required "forward" function`);
  }
  const done = calls.depth === 0 ? announce(() => ({ kind: "forward", module, args })) : null;
  const { hooks } = module[registry];
  const before = calls.depth;
  calls.depth++;
  let output: unknown;
  try {
    output = hooks.any ? withHooks(module, hooks, forward, args) : Reflect.apply(forward, module, args);
  } finally {
    calls.depth = before;
  }
  done?.(output);
  return output;
}

type Forward = (...args: never[]) => unknown;

function withHooks(module: object, hooks: Hooks, forward: unknown, given: unknown[]): unknown {
  let args = given;
  hooks.forwardPre.run(
    () => [module, args],
    (result) => {
      if (result != null) args = Array.isArray(result) ? result : [result];
    },
  );
  const backward = hooks.backward.size + hooks.backwardPre.size > 0 ? new BackwardHooks(module, hooks) : null;
  if (backward !== null) args = backward.inputs(args);
  let output: unknown;
  try {
    output = Reflect.apply(forward as Forward, module, args);
  } catch (error) {
    hooks.forward.run(() => [module, args, null], undefined, "always");
    throw error;
  }
  hooks.forward.run(
    () => [module, args, output],
    (result) => {
      if (result != null) output = result;
    },
  );
  return backward === null ? output : backward.output(output);
}

/** An identity whose backward shows the gradients to a module's hooks. */
class HookNode extends Node {
  readonly #run: (grads: Grads) => Grads;

  constructor(inputs: readonly Tensor[], run: (grads: Grads) => Grads) {
    super("BackwardHookFunctionBackward", inputs);
    this.#run = run;
  }

  override backward(grads: Grads): Grads {
    for (const g of grads) if (g !== null) escape(g);
    return leaving(() => this.#run(grads));
  }
}

/** The values with each tensor passed through an identity node; null where nothing is recorded. */
function passThrough(values: readonly unknown[], run: (grads: Grads) => Grads): unknown[] | null {
  const tensors = values.filter(isTensor);
  if (!recording(tensors)) return null;
  const node = new HookNode(tensors, run);
  const outs = tensors.map((t) => (requiresGrad(t) ? viewOf(t, t.impl.layout, true) : t));
  outs.forEach((out, nr) => {
    node.outputs[nr] = { shape: out.impl.layout.shape, dtype: out.impl.dtype };
    if (!requiresGrad(tensors[nr]!)) return;
    const meta = metaOf(out);
    meta.gradFn = node;
    meta.outputNr = nr;
  });
  let next = 0;
  return values.map((value) => (isTensor(value) ? outs[next++] : value));
}

/** Gradients at the places of the tensors among `values`; null at the others. */
function spread(values: readonly unknown[], grads: Grads): (Tensor | null)[] {
  let next = 0;
  return values.map((value) => (isTensor(value) ? (grads[next++] ?? null) : null));
}

/** The backward hooks of one call. */
class BackwardHooks {
  readonly #module: object;
  readonly #hooks: Hooks;
  #inputs: readonly unknown[] = [];
  #tracked = false;
  #gradOutput: (Tensor | null)[] = [];

  constructor(module: object, hooks: Hooks) {
    this.#module = module;
    this.#hooks = hooks;
  }

  inputs(args: readonly unknown[]): unknown[] {
    this.#inputs = args;
    const passed = passThrough(args, (grads) => this.#onInputs(grads));
    this.#tracked = passed !== null;
    return passed ?? [...args];
  }

  output(output: unknown): unknown {
    const values: readonly unknown[] = Array.isArray(output) ? output : [output];
    const passed = passThrough(values, (grads) => this.#onOutputs(values, grads));
    if (passed === null) return output;
    return Array.isArray(output) ? passed : passed[0];
  }

  #onOutputs(values: readonly unknown[], grads: Grads): Grads {
    let current = spread(values, grads);
    this.#hooks.backwardPre.run(
      () => [this.#module, current],
      (result) => {
        current = replaced(current, result, "grad_output");
      },
    );
    this.#gradOutput = current;
    if (!this.#tracked) this.#withoutInputs();
    return current.filter((_, i) => isTensor(values[i]));
  }

  #withoutInputs(): void {
    const none = this.#inputs.map(() => null);
    this.#hooks.backward.run(
      () => [this.#module, none, this.#gradOutput],
      (result) => {
        check(
          result == null || (Array.isArray(result) && result.every((g) => g == null)),
          () =>
            "Backward hook for Modules where no input requires gradient should always return None or None for all gradients.",
        );
      },
    );
  }

  #onInputs(grads: Grads): Grads {
    let current = spread(this.#inputs, grads);
    this.#hooks.backward.run(
      () => [this.#module, current, this.#gradOutput],
      (result) => {
        current = replaced(current, result, "grad_input");
      },
    );
    return current.filter((_, i) => isTensor(this.#inputs[i]));
  }
}

function replaced(current: (Tensor | null)[], result: unknown, what: string): (Tensor | null)[] {
  if (result == null) return current;
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  check(
    list.length === current.length,
    () => `Backward hook returned an invalid number of ${what}, got ${list.length}, but expected ${current.length}`,
  );
  return list.map((g) => (isTensor(g) ? g : null));
}
