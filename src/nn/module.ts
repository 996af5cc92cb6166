/** `nn.Module`: a callable object that knows its parameters, buffers and children by the names of its fields. */
import { noGrad } from "../autograd/mode.ts";
import type { Device } from "../core/device.ts";
import { type DType, dtypes } from "../core/dtype.ts";
import { AttributeError, check } from "../core/errors.ts";
import { announce } from "../core/observe.ts";
import { parseAny, signature, type Values } from "../core/params.ts";
import { StateDict } from "../core/statedict.ts";
import { printsAs } from "../core/symbols.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { DeviceLike, DTypeLike } from "../ops/call.ts";
import { read } from "./arguments.ts";
import { callable } from "./call.ts";
import type {
  ForwardHook,
  ForwardPreHook,
  FullBackwardHook,
  FullBackwardPreHook,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  RemovableHandle,
  StateDictHook,
  StateDictPreHook,
} from "./hooks.ts";
import type { Parameter } from "./parameter.ts";
import { printModule } from "./print.ts";
import {
  adopt,
  isModule,
  moduleBrand,
  noAttribute,
  type Registered,
  Registry,
  registerBuffer,
  registerModule,
  registerParameter,
  registry,
} from "./registry.ts";
import {
  collect,
  type IncompatibleKeys,
  type LoadOptions,
  type LocalMetadata,
  load,
  loadOwn,
  plain,
  type StateDictOptions,
  saveOwn,
} from "./state.ts";
import { type MemberOptions, namedMembers } from "./walk.ts";

/** A module of any arguments and result, for mixed lists. */
// biome-ignore lint/suspicious/noExplicitAny: arguments stand on both sides of the methods, so that only any fits all modules
export type AnyModule = Module<any[], any>;

/** What a state dict may be given as. */
export type StateDictLike = ReadonlyMap<string, unknown> | { readonly [key: string]: unknown };

/** Where `to` moves a module. */
export interface ModuleToOptions {
  device?: DeviceLike | null;
  dtype?: DTypeLike | null;
  nonBlocking?: boolean;
}

/** The forms of `to`. */
export type ModuleToArguments =
  | [dtype: DTypeLike, nonBlocking?: boolean]
  | [device: DeviceLike | null, dtype?: DTypeLike | null, nonBlocking?: boolean]
  | [tensor: Tensor, nonBlocking?: boolean]
  | [options: ModuleToOptions];

const toSignatures = [
  signature("dtype:dtype nonBlocking:bool=false"),
  signature("device:device?=null dtype:dtype?=null nonBlocking:bool=false"),
  signature("tensor:tensor nonBlocking:bool=false"),
];

const memberSignature = "prefix:str='' recurse:bool=true removeDuplicate:bool=true";

export interface Module<A extends unknown[] = [input: Tensor], R = Tensor> extends Registered {
  /** Runs `forward` between the hooks. */
  (...args: A): R;
}

/**
 * The base of all models and layers: subclass it, give it fields, define `forward`, and call the instance.
 * @example class Net extends nn.Module { fc = new nn.Linear(4, 2); forward(x: torch.Tensor) { return this.fc(x).relu(); } }
 */
export class Module<A extends unknown[] = [input: Tensor], R = Tensor> {
  /** Whether the module trains; set by `train()` and `eval()`. */
  declare training: boolean;

  constructor() {
    const module = callable(new.target.prototype as Module<A, R>, new Registry());
    module.training = true;
    // biome-ignore lint/correctness/noConstructorReturn: an instance is a function, so that it can be called
    return module;
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    if (this !== Module) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isModule(value);
  }

  /** What this returns goes into state dicts, where a class overrides it. */
  getExtraState(): unknown {
    return null;
  }

  /** Gets what `getExtraState` had returned, where a class overrides it. */
  setExtraState(_state: unknown): void {}

  /** The version of the layout of this class's state, which state dicts carry. */
  get _version(): number {
    return 1;
  }

  /** The live table of parameters by name. */
  get _parameters(): Map<string, Parameter | null> {
    return adopt(this).parameters;
  }

  /** The live table of buffers by name. */
  get _buffers(): Map<string, Tensor | null> {
    return adopt(this).buffers;
  }

  /** The live table of children by name. */
  get _modules(): Map<string, AnyModule | null> {
    return adopt(this).modules;
  }

  // -------------------------------------------------------------- registration

  /** Makes `param` the module's parameter `name`, readable as a field; null reserves the name. */
  registerParameter(name: string, param: Parameter | null): void {
    registerParameter(this, name, param);
  }

  /** Makes `tensor` part of the module's state; in state dicts unless `persistent` is false. */
  registerBuffer(name: string, tensor: Tensor | null, persistent: boolean | { persistent?: boolean } = true): void {
    registerBuffer(this, name, tensor, typeof persistent === "object" ? (persistent.persistent ?? true) : persistent);
  }

  /** Makes `module` a child, readable as a field. */
  addModule(name: string, module: AnyModule | null): void {
    registerModule(this, name, module);
  }

  /** Makes `module` a child, readable as a field. */
  registerModule(name: string, module: AnyModule | null): void {
    registerModule(this, name, module);
  }

  // -------------------------------------------------------------- walks

  /** The parameters, each once, in order of registration; all below too unless `recurse` is false. */
  parameters(recurse: boolean | { recurse?: boolean } = true): Generator<Parameter, void> {
    const all = typeof recurse === "object" ? (recurse.recurse ?? true) : recurse;
    return values(this.namedParameters({ recurse: all }));
  }

  /** The parameters with their dotted names. */
  namedParameters(prefix?: string, recurse?: boolean, removeDuplicate?: boolean): Generator<[string, Parameter], void>;
  namedParameters(options: MemberOptions): Generator<[string, Parameter], void>;
  namedParameters(...args: unknown[]): Generator<[string, Parameter], void> {
    return namedMembers(this, read("namedParameters", memberSignature, args), (table) => table.parameters);
  }

  /** The buffers, each once. */
  buffers(recurse: boolean | { recurse?: boolean } = true): Generator<Tensor, void> {
    const all = typeof recurse === "object" ? (recurse.recurse ?? true) : recurse;
    return values(this.namedBuffers({ recurse: all }));
  }

  /** The buffers with their dotted names. */
  namedBuffers(prefix?: string, recurse?: boolean, removeDuplicate?: boolean): Generator<[string, Tensor], void>;
  namedBuffers(options: MemberOptions): Generator<[string, Tensor], void>;
  namedBuffers(...args: unknown[]): Generator<[string, Tensor], void> {
    return namedMembers(this, read("namedBuffers", memberSignature, args), (table) => table.buffers);
  }

  /** The direct children, each once. */
  children(): Generator<AnyModule, void> {
    return values(this.namedChildren());
  }

  /** The direct children with their names. */
  *namedChildren(): Generator<[string, AnyModule], void> {
    const seen = new Set<AnyModule>();
    for (const [name, child] of adopt(this).modules) {
      if (child === null || seen.has(child)) continue;
      seen.add(child);
      yield [name, child];
    }
  }

  /** This module and all below it, each once. */
  modules(): Generator<AnyModule, void> {
    return values(this.namedModules());
  }

  /** This module under the name `""` (or `prefix`) and all below it with their dotted names. */
  namedModules(memo?: Set<AnyModule> | null, prefix?: string, removeDuplicate?: boolean): NamedModules;
  namedModules(options: { memo?: Set<AnyModule> | null; prefix?: string; removeDuplicate?: boolean }): NamedModules;
  namedModules(...args: unknown[]): NamedModules {
    const v = read("namedModules", "memo:any?=null prefix:str='' removeDuplicate:bool=true", args);
    return walkModules(
      this,
      (v.memo as Set<AnyModule> | null) ?? new Set(),
      v.prefix as string,
      v.removeDuplicate === true,
    );
  }

  /** The module at a dotted path; `""` is this one. */
  getSubmodule(target: string): AnyModule {
    let at: AnyModule = this;
    if (target === "") return at;
    for (const name of target.split(".")) {
      adopt(at);
      if (!(name in at)) throw noAttribute(at, name);
      const next: unknown = Reflect.get(at, name);
      check(isModule(next), () => `\`${name}\` is not an nn.Module`, AttributeError);
      at = next;
    }
    return at;
  }

  /** The parameter at a dotted path. */
  getParameter(target: string): Parameter {
    const [owner, name] = ownerOf(this, target);
    const param = adopt(owner).parameters.get(name);
    if (param === undefined && !(name in owner)) throw noAttribute(owner, name);
    check(param != null, () => `\`${name}\` is not an nn.Parameter`, AttributeError);
    return param;
  }

  /** The buffer at a dotted path. */
  getBuffer(target: string): Tensor {
    const [owner, name] = ownerOf(this, target);
    const buffer = adopt(owner).buffers.get(name);
    if (buffer === undefined && !(name in owner)) throw noAttribute(owner, name);
    check(buffer != null, () => `\`${name}\` is not a buffer`, AttributeError);
    return buffer;
  }

  /** Calls `fn` with every module, children before their parents. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  // -------------------------------------------------------------- modes and conversions

  /** Sets training mode here and below. */
  train(mode = true): this {
    if (typeof mode !== "boolean") throw new TypeError("training mode is expected to be boolean");
    this.training = mode;
    announce(() => ({ kind: "mode", module: this, training: mode }));
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /** Sets evaluation mode here and below. */
  eval(): this {
    return this.train(false);
  }

  /** Sets `requiresGrad` of all parameters. */
  requiresGrad_(requiresGrad = true): this {
    for (const param of this.parameters()) param.requiresGrad_(requiresGrad);
    return this;
  }

  /** Drops the gradients of all parameters, or fills them with zeros. */
  zeroGrad(setToNone: boolean | { setToNone?: boolean } = true): void {
    const drop = typeof setToNone === "object" ? (setToNone.setToNone ?? true) : setToNone;
    for (const param of this.parameters()) clearGrad(param, drop);
  }

  /** Converts and moves parameters, gradients and buffers in place; integers keep their dtype. */
  to(...args: ModuleToArguments): this {
    const { values: v } = parseAny("to", toSignatures, args);
    const like = v.tensor as Tensor | undefined;
    const dtype = (v.dtype as DType | null | undefined) ?? like?.dtype ?? null;
    check(
      dtype === null || dtype.isDifferentiable,
      () => `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${dtype}`,
      TypeError,
    );
    return this._apply((t) => t.to(conversion(v, like, t.dtype.isDifferentiable ? dtype : null)));
  }

  /** Converts floating point parameters and buffers to float32. */
  float(): this {
    return this._apply((t) => (t.dtype.isFloatingPoint ? t.float() : t));
  }

  /** Converts floating point parameters and buffers to float64. */
  double(): this {
    return this._apply((t) => (t.dtype.isFloatingPoint ? t.double() : t));
  }

  /** Converts floating point parameters and buffers to float16. */
  half(): this {
    return this._apply((t) => (t.dtype.isFloatingPoint ? t.half() : t));
  }

  /** Converts floating point parameters and buffers to bfloat16. */
  bfloat16(): this {
    return this._apply((t) => (t.dtype.isFloatingPoint ? t.bfloat16() : t));
  }

  /** Converts all parameters and buffers to a dtype. */
  type(dstType: DTypeLike): this {
    const dtype = typeof dstType === "string" ? dtypes[dstType] : dstType;
    return this._apply((t) => t.to(dtype));
  }

  /** Moves to the cpu. */
  cpu(): this {
    return this._apply((t) => t.cpu());
  }

  /** PyTorch's error: there is no CUDA here. */
  cuda(device?: unknown): this {
    return this._apply((t) => t.cuda(device));
  }

  /** Uninitialised parameters and buffers on a device. */
  toEmpty(options: { device: DeviceLike; recurse?: boolean }): this {
    const device = options.device as Device | string;
    return this._apply((t) => t.newEmpty(t.shape, { device }), options.recurse ?? true);
  }

  /** Replaces the data of every parameter, gradient and buffer by what `fn` makes of it. */
  _apply(fn: (t: Tensor) => Tensor, recurse = true): this {
    if (recurse) for (const child of this.children()) child._apply(fn);
    const table = adopt(this);
    for (const param of table.parameters.values()) {
      if (param === null) continue;
      noGrad(() => {
        const grad = param.grad;
        param.data = fn(param).data;
        if (grad === null) return;
        const wanted = grad.requiresGrad;
        grad.data = fn(grad).data;
        if (grad.isLeaf) grad.requiresGrad_(wanted);
      });
    }
    for (const [name, buffer] of table.buffers) if (buffer !== null) table.buffers.set(name, fn(buffer));
    return this;
  }

  // -------------------------------------------------------------- state

  /** The module's own memory by dotted names: parameters and persistent buffers, detached, here and below. */
  stateDict(options?: StateDictOptions): StateDict;
  stateDict(destination: StateDict | null, prefix?: string, keepVars?: boolean): StateDict;
  stateDict(...args: unknown[]): StateDict {
    if (args[0] instanceof Map) warn("state-dict-positional", positionalStateDict);
    const v = read("stateDict", "destination:any?=null prefix:str='' keepVars:bool=false", args);
    const given = v.destination as StateDict | null;
    const destination = given ?? new StateDict();
    if (given === null) destination._metadata = new Map();
    const state = collect(this, destination, v.prefix as string, v.keepVars === true);
    if (given === null) announce(() => ({ kind: "stateDict", module: this, state }));
    return state;
  }

  /**
   * Copies the values of a state dict into the module's own memory; nothing changes where it throws.
   * @throws RuntimeError with every missing, unexpected and misshapen key.
   */
  loadStateDict(stateDict: StateDictLike, strict?: boolean, assign?: boolean): IncompatibleKeys;
  loadStateDict(stateDict: StateDictLike, options: LoadOptions): IncompatibleKeys;
  loadStateDict(...args: unknown[]): IncompatibleKeys {
    const rest = read("loadStateDict", "strict:bool=true assign:bool=false", args.slice(1));
    return load(this, args[0], rest.strict === true, rest.assign === true);
  }

  /** Puts this module's own entries into a state dict; subclasses may override it. */
  _saveToStateDict(destination: StateDict, prefix: string, keepVars: boolean): void {
    saveOwn(this, destination, prefix, keepVars);
  }

  /** Checks this module's own entries of a state dict and plans their writes; subclasses may override it. */
  _loadFromStateDict(
    stateDict: StateDict<unknown>,
    prefix: string,
    localMetadata: LocalMetadata,
    strict: boolean,
    missingKeys: string[],
    unexpectedKeys: string[],
    errorMessages: string[],
  ): void {
    loadOwn(this, stateDict, prefix, localMetadata, strict, missingKeys, unexpectedKeys, errorMessages);
  }

  // -------------------------------------------------------------- hooks

  /** Runs `hook(module, args)` before every `forward`. */
  registerForwardPreHook(hook: ForwardPreHook<this, A>, options?: { prepend?: boolean }): RemovableHandle {
    return this[registry].hooks.forwardPre.add(hook, options);
  }

  /** Runs `hook(module, args, output)` after every `forward`. */
  registerForwardHook(
    hook: ForwardHook<this, A, R>,
    options?: { prepend?: boolean; alwaysCall?: boolean },
  ): RemovableHandle {
    return this[registry].hooks.forward.add(hook, options);
  }

  /** Runs `hook(module, gradInput, gradOutput)` when the gradients of the inputs are known. */
  registerFullBackwardHook(hook: FullBackwardHook<this>, options?: { prepend?: boolean }): RemovableHandle {
    return this[registry].hooks.backward.add(hook, options);
  }

  /** Runs `hook(module, gradOutput)` before the module's part of backward. */
  registerFullBackwardPreHook(hook: FullBackwardPreHook<this>, options?: { prepend?: boolean }): RemovableHandle {
    return this[registry].hooks.backwardPre.add(hook, options);
  }

  /** Runs `hook(module, prefix, keepVars)` before the module puts its entries into a state dict. */
  registerStateDictPreHook(hook: StateDictPreHook<this>): RemovableHandle {
    return this[registry].hooks.stateDictPre.add(hook);
  }

  /** Runs `hook(module, stateDict, prefix, localMetadata)` after the module's entries are in a state dict. */
  registerStateDictPostHook(hook: StateDictHook<this>): RemovableHandle {
    return this[registry].hooks.stateDict.add(hook);
  }

  /** The older name of `registerStateDictPostHook`. */
  _registerStateDictHook(hook: StateDictHook<this>): RemovableHandle {
    return this[registry].hooks.stateDict.add(hook);
  }

  /** Runs before the module reads its entries of a state dict; with `withModule`, the module comes first. */
  _registerLoadStateDictPreHook(hook: LoadStateDictPreHook): RemovableHandle {
    return this[registry].hooks.loadPre.add(hook);
  }

  /** Runs `hook(module, stateDict, …)` before the module reads its entries of a state dict. */
  registerLoadStateDictPreHook(
    hook: (module: this, ...args: Parameters<LoadStateDictPreHook>) => void,
  ): RemovableHandle {
    return this[registry].hooks.loadPre.add((...args: Parameters<LoadStateDictPreHook>) => hook(this, ...args));
  }

  /** Runs `hook(module, incompatibleKeys)` after loading. */
  registerLoadStateDictPostHook(hook: LoadStateDictPostHook<this>): RemovableHandle {
    return this[registry].hooks.loadPost.add(hook);
  }

  // -------------------------------------------------------------- printing

  /** The arguments that the printed form shows. */
  extraRepr(): string {
    return "";
  }

  toString(): string {
    return printModule(this, adopt(this).modules);
  }
}

type NamedModules = Generator<[string, AnyModule], void>;

plain.getExtraState = Module.prototype.getExtraState;
plain.setExtraState = Module.prototype.setExtraState;
Object.defineProperty(Module.prototype, moduleBrand, { value: true });
printsAs(Module, (module) => module.toString());

const positionalStateDict =
  "Positional args are being deprecated, use kwargs instead. Refer to " +
  "https://pytorch.org/docs/master/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.";

function* values<T>(pairs: Iterable<readonly [string, T]>): Generator<T, void> {
  for (const [, value] of pairs) yield value;
}

function* walkModules(module: AnyModule, memo: Set<AnyModule>, prefix: string, once: boolean): NamedModules {
  if (memo.has(module)) return;
  if (once) memo.add(module);
  yield [prefix, module];
  for (const [name, child] of adopt(module).modules) {
    if (child !== null) yield* walkModules(child, memo, prefix === "" ? name : `${prefix}.${name}`, once);
  }
}

function ownerOf(module: AnyModule, target: string): [AnyModule, string] {
  const dot = target.lastIndexOf(".");
  return [module.getSubmodule(target.slice(0, Math.max(dot, 0))), target.slice(dot + 1)];
}

function conversion(v: Values, like: Tensor | undefined, dtype: DType | null): ModuleToOptions {
  const device = (v.device as Device | null | undefined) ?? like?.device ?? null;
  return { device, dtype, nonBlocking: v.nonBlocking === true };
}

/** What `zeroGrad` does to one parameter. */
export function clearGrad(param: Tensor, drop: boolean): void {
  const grad = param.grad;
  if (grad === null) return;
  if (drop) {
    param.grad = null;
    return;
  }
  if (grad.gradFn !== null) grad.detach_();
  else grad.requiresGrad_(false);
  noGrad(() => grad.zero_());
}
