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
 * The base of all models and layers: subclass it, give it fields, define `forward`, and call the instance. A Parameter,
 * a Module or a registered buffer that is an own field is registered under the field's name, in order of assignment.
 * What takes and gives something else than one tensor says so: `nn.Module<[x: Tensor, h: Tensor], [Tensor, Tensor]>`.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 * @example
 * class Net extends nn.Module {
 *   hidden = new nn.Linear(3, 4);
 *   out = new nn.Linear(4, 2);
 *   forward(x: torch.Tensor) {
 *     return this.out(this.hidden(x).relu());
 *   }
 * }
 * const net = new Net();
 * net(torch.ones(1, 3)).shape // torch.Size([1, 2])
 * [...net.parameters()].length // 4
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

  /**
   * Makes `param` the module's parameter `name`, readable as a field; null reserves the name, as for a layer without
   * bias.
   * @throws KeyError for a name with a dot, or one that is taken; TypeError for what is no Parameter; ValueError for a
   *   tensor with history.
   */
  registerParameter(name: string, param: Parameter | null): void {
    registerParameter(this, name, param);
  }

  /**
   * Makes `tensor` part of the module's state, readable as a field: it moves with `to`, and is in state dicts unless
   * `persistent` is false.
   * @throws KeyError for a name with a dot, or one that is taken; TypeError for what is no tensor.
   * @example
   * const module = new nn.Module();
   * module.registerBuffer("mean", torch.zeros(2));
   * module.stateDict().has("mean") // true
   */
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

  /**
   * The parameters, each once, in order of registration; all below too unless `recurse` is false. A generator:
   * `[...model.parameters()]` is a list.
   * @example [...model.parameters()].map((p) => p.numel()) // [ 6, 2 ]
   */
  parameters(recurse: boolean | { recurse?: boolean } = true): Generator<Parameter, void> {
    const all = typeof recurse === "object" ? (recurse.recurse ?? true) : recurse;
    return values(this.namedParameters({ recurse: all }));
  }

  /**
   * The parameters with their dotted names, which begin with `prefix`; twins once unless `removeDuplicate` is false.
   * @example [...model.namedParameters()].map(([name]) => name) // [ 'fc.weight', 'fc.bias' ]
   */
  namedParameters(prefix?: string, recurse?: boolean, removeDuplicate?: boolean): Generator<[string, Parameter], void>;
  namedParameters(options: MemberOptions): Generator<[string, Parameter], void>;
  namedParameters(...args: unknown[]): Generator<[string, Parameter], void> {
    return namedMembers(this, read("namedParameters", memberSignature, args), (table) => table.parameters);
  }

  /** The buffers, each once, in order of registration; all below too unless `recurse` is false. */
  buffers(recurse: boolean | { recurse?: boolean } = true): Generator<Tensor, void> {
    const all = typeof recurse === "object" ? (recurse.recurse ?? true) : recurse;
    return values(this.namedBuffers({ recurse: all }));
  }

  /** The buffers with their dotted names, which begin with `prefix`; twins once unless `removeDuplicate` is false. */
  namedBuffers(prefix?: string, recurse?: boolean, removeDuplicate?: boolean): Generator<[string, Tensor], void>;
  namedBuffers(options: MemberOptions): Generator<[string, Tensor], void>;
  namedBuffers(...args: unknown[]): Generator<[string, Tensor], void> {
    return namedMembers(this, read("namedBuffers", memberSignature, args), (table) => table.buffers);
  }

  /** The direct children, each once, in order of registration. */
  children(): Generator<AnyModule, void> {
    return values(this.namedChildren());
  }

  /** The direct children with their names, each once. */
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

  /**
   * This module under the name `""` (or `prefix`) and all below it with their dotted names, each once.
   * @example [...model.namedModules()].map(([name]) => name) // [ '', 'fc' ]
   */
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

  /**
   * The module at a dotted path; `""` is this one.
   * @throws AttributeError where there is none.
   * @example model.getSubmodule("fc") === model.fc // true
   */
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

  /**
   * The parameter at a dotted path.
   * @throws AttributeError where there is none, or something else.
   */
  getParameter(target: string): Parameter {
    const [owner, name] = ownerOf(this, target);
    const param = adopt(owner).parameters.get(name);
    if (param === undefined && !(name in owner)) throw noAttribute(owner, name);
    check(param != null, () => `\`${name}\` is not an nn.Parameter`, AttributeError);
    return param;
  }

  /**
   * The buffer at a dotted path.
   * @throws AttributeError where there is none, or something else.
   */
  getBuffer(target: string): Tensor {
    const [owner, name] = ownerOf(this, target);
    const buffer = adopt(owner).buffers.get(name);
    if (buffer === undefined && !(name in owner)) throw noAttribute(owner, name);
    check(buffer != null, () => `\`${name}\` is not a buffer`, AttributeError);
    return buffer;
  }

  /**
   * Calls `fn` with every module, children before their parents; returns this module.
   * @example
   * model.apply((module) => {
   *   if (module instanceof nn.Linear) nn.init.zeros_(module.weight);
   * });
   * model.fc.weight.sum().item() // 0
   */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  // -------------------------------------------------------------- modes and conversions

  /**
   * Sets training mode here and below, for dropout and batch statistics; returns this module.
   * @throws TypeError "training mode is expected to be boolean".
   * @example model.train().training // true
   */
  train(mode = true): this {
    if (typeof mode !== "boolean") throw new TypeError("training mode is expected to be boolean");
    this.training = mode;
    announce(() => ({ kind: "mode", module: this, training: mode }));
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /**
   * Sets evaluation mode here and below: the same as `train(false)`. It does not turn gradients off; that is
   * `torch.noGrad`.
   * @example model.eval().training // false
   */
  eval(): this {
    return this.train(false);
  }

  /**
   * Whether the parameters, here and below, get gradients; returns this module.
   * @example model.requiresGrad_(false).fc.weight.requiresGrad // false
   */
  requiresGrad_(requiresGrad = true): this {
    for (const param of this.parameters()) param.requiresGrad_(requiresGrad);
    return this;
  }

  /** Drops the gradients of all parameters; with `setToNone: false` fills them with zeros. */
  zeroGrad(setToNone: boolean | { setToNone?: boolean } = true): void {
    const drop = typeof setToNone === "object" ? (setToNone.setToNone ?? true) : setToNone;
    for (const param of this.parameters()) clearGrad(param, drop);
  }

  /**
   * Converts and moves parameters, gradients and buffers in place, and returns this module: by dtype, device, or like a
   * tensor. Only floating-point tensors change their dtype. The Parameters stay the objects that they were.
   * @throws TypeError for a dtype that is no floating-point one.
   * @example model.to("float64").fc.weight.dtype // torch.float64
   */
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

  /** Gives parameters and buffers uninitialised memory on a device, in place; for modules made on `meta`. */
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

  /**
   * The module's own memory by dotted names: parameters and persistent buffers, detached, here and below. It is live:
   * later training shows in it. A copy is `torch.lens.snapshot(model)`, or `copy.deepcopy(model.stateDict())`. Options:
   * `destination` to add to, `prefix`, `keepVars` for the Parameters themselves.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
   * @example
   * const live = model.stateDict();
   * torch.noGrad(() => model.fc.bias!.zero_());
   * live.get("fc.bias") // tensor([0., 0.])
   */
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
   * Copies the values of a state dict (a Map or an object) into the module's own memory; nothing changes where it
   * throws. With `strict` false, keys that do not match are only reported; with `assign` the given tensors take the
   * place of the module's.
   * @throws RuntimeError with every missing, unexpected and misshapen key; TypeError for what is no dictionary, such as
   *   a path.
   * @example model.loadStateDict(new Net().stateDict()) // <All keys matched successfully>
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

  /**
   * Runs `hook(module, args)` before every `forward`; what it returns replaces the arguments. `remove()` of the result
   * takes it away.
   */
  registerForwardPreHook(hook: ForwardPreHook<this, A>, options?: { prepend?: boolean }): RemovableHandle {
    return this[registry].hooks.forwardPre.add(hook, options);
  }

  /**
   * Runs `hook(module, args, output)` after every `forward`; what it returns replaces the output. `remove()` of the
   * result takes it away.
   * @example
   * const shapes: string[] = [];
   * const handle = model.registerForwardHook((_module, _args, output) => void shapes.push(String(output.shape)));
   * model(x);
   * handle.remove();
   * shapes // [ 'torch.Size([2, 2])' ]
   */
  registerForwardHook(
    hook: ForwardHook<this, A, R>,
    options?: { prepend?: boolean; alwaysCall?: boolean },
  ): RemovableHandle {
    return this[registry].hooks.forward.add(hook, options);
  }

  /**
   * Runs `hook(module, gradInput, gradOutput)` when the gradients of the inputs are known; what it returns replaces
   * them.
   */
  registerFullBackwardHook(hook: FullBackwardHook<this>, options?: { prepend?: boolean }): RemovableHandle {
    return this[registry].hooks.backward.add(hook, options);
  }

  /** Runs `hook(module, gradOutput)` before the module's part of backward; what it returns replaces the gradients. */
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

  /** The arguments that the printed form shows; a class overrides it. */
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
