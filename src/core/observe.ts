/** A channel of events about models, optimizers and copies, for tools that watch; free while nobody listens. */
import { leaving } from "./scope.ts";
import type { Storage } from "./storage.ts";

/** What can be heard. Modules, optimizers and values are objects here: the core does not know their classes. */
export type ObservedEvent =
  /** `module.stateDict()` made `state`, whose tensors are the module's memory. */
  | { readonly kind: "stateDict"; readonly module: object; readonly state: ReadonlyMap<string, unknown> }
  /** `optimizer.stateDict()` made `state`, whose tensors are the optimizer's memory. */
  | { readonly kind: "optimizerState"; readonly optimizer: object; readonly state: object }
  /** `module.loadStateDict(source)` passed its checks and writes now, or puts tensors in place with `assign`. */
  | { readonly kind: "load"; readonly module: object; readonly source: object; readonly assign: boolean }
  /** The field `name` of a module holds another Parameter or Module now. */
  | {
      readonly kind: "replace";
      readonly module: object;
      readonly name: string;
      readonly before: object;
      readonly after: object | null;
    }
  /** While a module ran, a Parameter or Buffer was made; null stands for a module that nobody named. */
  | { readonly kind: "create"; readonly what: "parameter" | "buffer"; readonly name: string | null }
  /** A module is called by user code, not by another module; its end has the output. */
  | { readonly kind: "forward"; readonly module: object; readonly args: readonly unknown[] }
  /** `train()` or `eval()` of a module. */
  | { readonly kind: "mode"; readonly module: object; readonly training: boolean }
  | { readonly kind: "optimizer"; readonly optimizer: object }
  /** `step()` begins; its end comes when the parameters were written. */
  | { readonly kind: "step"; readonly optimizer: object }
  | { readonly kind: "zeroGrad"; readonly optimizer: object }
  | { readonly kind: "optimizerLoad"; readonly optimizer: object; readonly source: object }
  | { readonly kind: "deepcopy"; readonly source: unknown; readonly copy: unknown }
  /** `copy.copy` of a module. */
  | { readonly kind: "copy"; readonly source: object; readonly copy: object }
  /** User code and the library share this memory from now on. */
  | { readonly kind: "share"; readonly storage: Storage }
  /** `value` is about to be written; `wholeStorages`: in a format that holds storages, not elements. */
  | { readonly kind: "save"; readonly value: unknown; readonly wholeStorages?: boolean };

/** Called when what an event announced is over, with its result where it has one. */
export type Ending = (result?: unknown) => void;

/** Hears every event; what it returns is called at the end of those that take time. */
export type Listener = (event: ObservedEvent) => Ending | undefined | void;

const listeners = new Set<Listener>();

/** Calls `listener` with every event until the returned function is called. */
export function observe(listener: Listener): () => void {
  const entry: Listener = (event) => listener(event);
  listeners.add(entry);
  return () => void listeners.delete(entry);
}

/**
 * Tells the listeners, if there are any, of the event that `make` describes. Where somebody wants to hear its end, the
 * result is to be called then.
 */
export function announce(make: () => ObservedEvent): Ending | null {
  if (listeners.size === 0) return null;
  const event = make();
  let endings: Ending[] | null = null;
  for (const listener of [...listeners]) {
    const ending = leaving(() => listener(event));
    if (ending !== undefined) (endings ??= []).push(ending as Ending);
  }
  if (endings === null) return null;
  const all = endings;
  return (result) => {
    for (const ending of all) leaving(() => ending(result));
  };
}
