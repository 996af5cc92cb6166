/** What all optimizers share: parameter groups, state, and their dictionaries in PyTorch's spelling. */
import { enableGrad, withGrad } from "../autograd/mode.ts";
import { deepcopy } from "../copy/index.ts";
import { cpu } from "../core/device.ts";
import { float32 } from "../core/dtype.ts";
import { check, typeName, ValueError } from "../core/errors.ts";
import { heap } from "../core/memory.ts";
import { announce } from "../core/observe.ts";
import { isOptions } from "../core/params.ts";
import { repr } from "../core/repr.ts";
import { inside, keep } from "../core/scope.ts";
import { printsAs } from "../core/symbols.ts";
import { bump, isTensor, legacyTypeName, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { HookList, type RemovableHandle } from "../nn/hooks.ts";
import { clearGrad } from "../nn/module.ts";
import { tensor, zerosLike } from "../ops/create.ts";
import { knownKey, toCamel, toSnake } from "./names.ts";

/** Parameters that are updated with the same options. */
export interface ParamGroup {
  params: Tensor[];
  lr: number;
  [option: string]: unknown;
}

/** A group as a user writes it: options that are left out are the optimizer's defaults. */
export interface ParamGroupInput {
  params: Tensor | Iterable<Tensor>;
  lr?: number;
  [option: string]: unknown;
}

/** What an optimizer is made for. */
export type Params = Iterable<Tensor> | Iterable<ParamGroupInput>;

/** What an optimizer remembers of one parameter, in PyTorch's spelling. */
export type ParamState = Record<string, unknown>;

/** An optimizer's state as files have it. */
export interface OptimizerStateDict {
  /** By the position of the parameter among all. */
  state: Map<number, ParamState>;
  param_groups: Record<string, unknown>[];
}

/** What `loadStateDict` takes: also plain objects, as JSON has them. */
export interface OptimizerStateDictLike {
  readonly state: ReadonlyMap<number, unknown> | { readonly [index: string]: unknown };
  readonly param_groups: readonly { readonly [option: string]: unknown }[];
}

/** Called around `step`. */
export type StepHook<O> = (optimizer: O, args: readonly unknown[]) => void;

/**
 * The base of all optimizers. It holds Parameters in groups with options (`paramGroups`), and what it remembers of each
 * (`state`, a Map). A deep copy of a model has other Parameters, which its optimizer does not know: make one
 * afterwards.
 * @see https://docs.pytorch.org/docs/stable/optim.html
 * @example new optim.SGD([{ params: [w], lr: 0.1 }, { params: model.parameters() }], { lr: 0.01 }).paramGroups.length // 2
 */
export abstract class Optimizer {
  readonly defaults: Record<string, unknown>;
  paramGroups: ParamGroup[] = [];
  state: Map<Tensor, ParamState> = new Map();
  /** How often `step` ran; schedulers read it. */
  _stepCount = 0;
  readonly stepPreHooks: HookList = new HookList();
  readonly stepPostHooks: HookList = new HookList();

  constructor(params: Params, defaults: Record<string, unknown>) {
    this.defaults = defaults;
    for (const flag of ["fused", "capturable"]) {
      check(defaults[flag] !== true, () => `\`${flag}=True\` requires all the params to be CUDA tensors`);
    }
    if (isTensor(params)) throw new TypeError(`${notIterable} ${legacyTypeName(params)}`);
    if (typeof params !== "object" || params === null || !(Symbol.iterator in params)) {
      throw new TypeError(`${notIterable} ${typeName(params)}`);
    }
    const list: unknown[] = [...params];
    check(list.length > 0, () => "optimizer got an empty parameter list", ValueError);
    const groups = isOptions(list[0]) ? list : [{ params: list }];
    for (const group of groups) this.addParamGroup(group as ParamGroupInput);
    announce(() => ({ kind: "optimizer", optimizer: this }));
  }

  /**
   * Adds a group; its missing options are the defaults.
   * @throws ValueError where a parameter is in a group already; TypeError for what is no tensor.
   */
  addParamGroup(paramGroup: ParamGroupInput): void {
    if (!isOptions(paramGroup)) throw new TypeError(`param_group must be a dict, but got ${typeName(paramGroup)}`);
    const params = listOf(paramGroup.params);
    for (const param of params) {
      if (!isTensor(param)) {
        throw new TypeError(`optimizer can only optimize Tensors, but one of the params is ${typeName(param)}`);
      }
      const usable = param.isLeaf || param.retainsGrad || this.defaults.differentiable === true;
      check(usable, () => "can't optimize a non-leaf Tensor", ValueError);
    }
    const known = new Set(this.paramGroups.flatMap((group) => group.params));
    check(
      !params.some((param) => known.has(param)),
      () => "some parameters appear in more than one parameter group",
      ValueError,
    );
    if (new Set(params).size < params.length) warn("duplicate-parameters", duplicates);
    const options = Object.entries({ ...this.defaults, ...paramGroup }).map(([key, value]) => [
      key,
      // Every group has its own list, which may be written to.
      Array.isArray(value) ? [...value] : value,
    ]);
    this.paramGroups.push({ ...Object.fromEntries(options), params } as ParamGroup);
  }

  /** Drops the gradients of all parameters; with `setToNone: false` fills them with zeros. */
  zeroGrad(setToNone: boolean | { setToNone?: boolean } = true): void {
    const drop = typeof setToNone === "object" ? (setToNone.setToNone ?? true) : setToNone;
    for (const { params } of this.paramGroups) for (const param of params) clearGrad(param, drop);
    announce(() => ({ kind: "zeroGrad", optimizer: this }));
  }

  /** Updates every parameter that has a gradient; a closure computes the loss anew first, and its loss is returned. */
  step(): null;
  step<R>(closure: () => R): R;
  step<R>(closure?: (() => R) | null): R | null {
    this.stepPreHooks.run(() => [this, [closure]]);
    const done = announce(() => ({ kind: "step", optimizer: this }));
    const loss = this.run(closure ?? null);
    this._stepCount++;
    this.stepPostHooks.run(() => [this, [closure]]);
    done?.();
    return loss;
  }

  /** What `step` does between its hooks. */
  protected run<R>(closure: (() => R) | null): R | null {
    const loss = closure === null ? null : enableGrad(closure);
    withGrad(this.defaults.differentiable === true, () => inside(() => this.update()));
    return loss;
  }

  /** Updates all parameters. */
  protected update(): void {
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        const grad = param.grad;
        if (grad !== null) this.updateParam(param, group.maximize === true ? grad.neg() : grad, group);
      }
    }
  }

  /** Updates one parameter by its gradient (negated already where the group maximizes). */
  protected abstract updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void;

  /** The state of a parameter, made by `fresh` when there is none. */
  protected stateOf<S extends ParamState>(param: Tensor, fresh: () => S): S {
    let state = this.state.get(param);
    if (state === undefined || Object.keys(state).length === 0) {
      state = fresh();
      for (const value of Object.values(state)) if (isTensor(value)) keep(value);
      this.state.set(param, state);
    }
    return state as S;
  }

  /**
   * State and options as PyTorch writes them: `{ state, param_groups }` with its spelling, parameters being numbers.
   * The tensors are live: later steps show in them.
   * @example optimizer.stateDict().param_groups[0]!.lr // 0.1
   */
  stateDict(): OptimizerStateDict {
    const numbers = new Map<Tensor, number>();
    for (const { params } of this.paramGroups) {
      for (const param of params) if (!numbers.has(param)) numbers.set(param, numbers.size);
    }
    const known = this.knownOptions();
    const state = new Map<number, ParamState>();
    for (const [param, kept] of this.state) {
      const number = numbers.get(param);
      if (number !== undefined) state.set(number, kept);
    }
    const groups = this.paramGroups.map(({ params, ...options }) => {
      const packed: Record<string, unknown> = {};
      for (const [key, value] of Object.entries(options)) packed[known.has(key) ? toSnake(key) : key] = value;
      packed.params = params.map((param) => numbers.get(param));
      return packed;
    });
    const taken = { state, param_groups: groups };
    announce(() => ({ kind: "optimizerState", optimizer: this, state: taken }));
    return taken;
  }

  /**
   * Takes over a copy of state and options; parameters are matched by their order.
   * @throws ValueError where groups differ in number or size.
   */
  loadStateDict(stateDict: OptimizerStateDictLike): void {
    const { state, param_groups } = deepcopy(stateDict);
    check(
      this.paramGroups.length === param_groups.length,
      () => "loaded state dict has a different number of parameter groups",
      ValueError,
    );
    const saved = param_groups.map((group) => listOf(group.params as Iterable<unknown>));
    check(
      saved.every((ids, i) => ids.length === this.paramGroups[i]!.params.length),
      () => "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
      ValueError,
    );
    const byId = new Map<string, Tensor>();
    saved.forEach((ids, i) => {
      ids.forEach((id, k) => {
        byId.set(String(id), this.paramGroups[i]!.params[k]!);
      });
    });
    const entries: Iterable<[unknown, unknown]> = state instanceof Map ? state : Object.entries(state);
    const loaded = new Map<Tensor, ParamState>();
    for (const [id, value] of entries) {
      const param = byId.get(String(id));
      if (param !== undefined) loaded.set(param, cast(param, value, null) as ParamState);
      else loaded.set(id as Tensor, value as ParamState);
    }
    const known = this.knownOptions();
    this.state = loaded;
    this.paramGroups = param_groups.map((group, i) => ({
      ...rename(group, known),
      params: this.paramGroups[i]!.params,
    })) as unknown as ParamGroup[];
    announce(() => ({ kind: "optimizerLoad", optimizer: this, source: stateDict }));
  }

  /** The options whose names files spell otherwise. */
  private knownOptions(): ReadonlySet<string> {
    return new Set([...Object.keys(this.defaults), ...knownKey]);
  }

  /** Runs `hook(optimizer, args)` before every step; `remove()` of the result takes it away. */
  registerStepPreHook(hook: StepHook<this>): RemovableHandle {
    return this.stepPreHooks.add(hook);
  }

  /** Runs `hook(optimizer, args)` after every step; `remove()` of the result takes it away. */
  registerStepPostHook(hook: StepHook<this>): RemovableHandle {
    return this.stepPostHooks.add(hook);
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params, ...options }, i) => {
      const lines = Object.entries(options).map(([key, value]) => [toSnake(key), show(value)] as const);
      lines.sort(([a], [b]) => (a < b ? -1 : 1));
      return `\nParameter Group ${i}\n${lines.map(([key, value]) => `    ${key}: ${value}\n`).join("")}`;
    });
    return `${this.constructor.name} (${groups.join("")})`;
  }
}

printsAs(Optimizer);

const notIterable = "params argument given to the optimizer should be an iterable of Tensors or dicts, but got";
const duplicates =
  "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see " +
  "github.com/pytorch/pytorch/issues/40967 for more information";

function listOf<T>(value: T | Iterable<T>): T[] {
  if (isTensor(value)) return [value];
  if (value instanceof Set) {
    throw new TypeError(
      "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will " +
        "change between runs. Please use a list instead.",
    );
  }
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) return [value as T];
  return [...(value as Iterable<T>)];
}

/** An option as Python's `str` prints it; lists of numbers stand for tuples. */
function show(value: unknown): string {
  return Array.isArray(value) ? `(${value.map(repr).join(", ")})` : typeof value === "string" ? value : repr(value);
}

/** The options with the names that they have in memory. */
function rename(group: { readonly [option: string]: unknown }, known: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(group).map(([key, value]) => [known.has(toCamel(key)) ? toCamel(key) : key, value]),
  );
}

/** State tensors in the dtype and on the device of their parameter; `step` stays as it is. */
function cast(param: Tensor, value: unknown, key: string | null): unknown {
  if (isTensor(value)) {
    if (key === "step") return value;
    return param.dtype.isFloatingPoint
      ? value.to({ device: param.device, dtype: param.dtype })
      : value.to({ device: param.device });
  }
  if (Array.isArray(value)) return value.map((item) => cast(param, item, null));
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, cast(param, v, String(k))]));
  if (isOptions(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, cast(param, v, k)]));
  return value;
}

/** Throws PyTorch's error unless `lr` and its kin are in range. */
export function inRange(ok: boolean, what: string, value: unknown): void {
  check(ok, () => `Invalid ${what}: ${value}`, ValueError);
}

/** The counter of steps, a 0-dim float tensor as PyTorch keeps it. */
export const counter = (start = 0): Tensor => tensor(start);

/** Zeros that lie as the parameter does. */
export const zeros = (param: Tensor): Tensor => zerosLike(param);

/** Counts a step and returns how many there were. */
export function count(step: Tensor): number {
  const { storage, layout, dtype } = step.impl;
  if (dtype !== float32 || storage.host !== null || storage.device !== cpu) return step.add_(1).item();
  // One number: a kernel would cost more than the rest of the step.
  const { f32 } = heap();
  const at = storage.base / dtype.itemsize + layout.offset;
  f32[at]! += 1;
  bump(step);
  return f32[at]!;
}
