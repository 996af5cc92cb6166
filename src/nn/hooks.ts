/** The hooks of a module: their kinds, their order, and the handle that takes one out. */
import type { StateDict } from "../core/statedict.ts";
import type { Tensor } from "../core/tensor.ts";
import type { IncompatibleKeys } from "./state.ts";

/** Takes a hook out again; also by `using`. */
export interface RemovableHandle {
  remove(): void;
  [Symbol.dispose](): void;
}

/** A function that is compared as methods are, so that a module's own class may stand in its parameters. */
type Loose<T extends { call: unknown }> = T["call"];

/** Gradients as hooks see them. */
export type HookGrads = readonly (Tensor | null)[];

/** Runs before `forward`; an array that it returns replaces the arguments, another value becomes the only one. */
export type ForwardPreHook<M, A extends unknown[]> = Loose<{ call(module: M, args: A): unknown }>;

/** Runs after `forward`; what it returns replaces the output. */
export type ForwardHook<M, A extends unknown[], R> = Loose<{ call(module: M, args: A, output: R): unknown }>;

/** Runs when the gradients of a module's inputs are known; what it returns replaces them. */
export type FullBackwardHook<M> = Loose<{
  call(module: M, gradInput: HookGrads, gradOutput: HookGrads): Tensor | HookGrads | null | undefined | void;
}>;

/** Runs when the gradients of a module's outputs are known; what it returns replaces them. */
export type FullBackwardPreHook<M> = Loose<{
  call(module: M, gradOutput: HookGrads): Tensor | HookGrads | null | undefined | void;
}>;

/** Runs after a module put its entries into a state dict; may edit it, or return another. */
export type StateDictHook<M> = Loose<{
  call(
    module: M,
    stateDict: StateDict,
    prefix: string,
    local: { version?: number },
  ): StateDict | null | undefined | void;
}>;

/** Runs before a module puts its entries into a state dict. */
export type StateDictPreHook<M> = Loose<{ call(module: M, prefix: string, keepVars: boolean): void }>;

/** Runs before a module reads its entries; may edit the dictionary, which is a copy of the caller's. */
export type LoadStateDictPreHook = (
  stateDict: StateDict<unknown>,
  prefix: string,
  localMetadata: { version?: number },
  strict: boolean,
  missingKeys: string[],
  unexpectedKeys: string[],
  errorMessages: string[],
) => void;

/** Runs after loading; may edit the lists of keys. */
export type LoadStateDictPostHook<M> = Loose<{ call(module: M, incompatibleKeys: IncompatibleKeys): void }>;

/** What is kept of a hook: functions of any module. */
type Kept = (...args: never[]) => unknown;

/**
 * Hooks of one kind in order.
 * @internal
 */
export class HookList {
  // Not `#private`: deepcopy and copy must see it.
  entries: { readonly hook: Kept; readonly always: boolean }[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** Adds a hook at the end, or in front. */
  add(hook: Kept, options: { prepend?: boolean; alwaysCall?: boolean } = {}): RemovableHandle {
    const entry = { hook, always: options.alwaysCall === true };
    if (options.prepend === true) this.entries.unshift(entry);
    else this.entries.push(entry);
    const remove = (): void => {
      this.entries = this.entries.filter((e) => e !== entry);
    };
    return { remove, [Symbol.dispose]: remove };
  }

  /** The results of calling every hook with what `args` says at that time. */
  run(args: () => readonly unknown[], use: (result: unknown) => void = () => {}, only?: "always"): void {
    for (const entry of this.entries) {
      if (only === "always" && !entry.always) continue;
      use(Reflect.apply(entry.hook, undefined, args() as unknown[]));
    }
  }

  /** Adds the hooks of another list. */
  copyFrom(other: HookList): void {
    this.entries.push(...other.entries);
  }
}

/**
 * All hooks of a module.
 * @internal
 */
export class Hooks {
  readonly forwardPre: HookList = new HookList();
  readonly forward: HookList = new HookList();
  readonly backwardPre: HookList = new HookList();
  readonly backward: HookList = new HookList();
  readonly stateDictPre: HookList = new HookList();
  readonly stateDict: HookList = new HookList();
  readonly loadPre: HookList = new HookList();
  readonly loadPost: HookList = new HookList();

  /** Whether a call needs more than `forward`. */
  get any(): boolean {
    return this.forwardPre.size + this.forward.size + this.backwardPre.size + this.backward.size > 0;
  }

  copyFrom(other: Hooks): void {
    for (const kind of Object.keys(this) as (keyof this)[]) {
      const list = this[kind];
      const theirs = (other as this)[kind];
      if (list instanceof HookList && theirs instanceof HookList) list.copyFrom(theirs);
    }
  }
}
