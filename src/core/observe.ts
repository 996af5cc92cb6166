/** A channel of events about models, optimizers and copies, for tools that watch; free while nobody listens. */
import { leaving } from "./scope.ts";

/** What can be heard. Modules, optimizers and values are objects here: the core does not know their classes. */
export type ObservedEvent =
  /** `module.stateDict()` made `state`, whose tensors are the module's memory. */
  | { readonly kind: "stateDict"; readonly module: object; readonly state: ReadonlyMap<string, unknown> }
  /** `module.loadStateDict(source)` wrote, or put in place with `assign`. */
  | { readonly kind: "load"; readonly module: object; readonly source: object; readonly assign: boolean }
  /** The field `name` of a module holds another Parameter now. */
  | {
      readonly kind: "replace";
      readonly module: object;
      readonly name: string;
      readonly before: object;
      readonly after: object | null;
    }
  /** A module was called by user code, not by another module. */
  | { readonly kind: "forward"; readonly module: object }
  | { readonly kind: "optimizer"; readonly optimizer: object }
  | { readonly kind: "step"; readonly optimizer: object }
  | { readonly kind: "zeroGrad"; readonly optimizer: object }
  | { readonly kind: "optimizerLoad"; readonly optimizer: object; readonly source: object }
  | { readonly kind: "deepcopy"; readonly source: unknown; readonly copy: unknown }
  /** `value` was written to a file. */
  | { readonly kind: "save"; readonly value: unknown };

/** Hears every event. */
export type Listener = (event: ObservedEvent) => void;

const listeners = new Set<Listener>();

/** Calls `listener` with every event until the returned function is called. */
export function observe(listener: Listener): () => void {
  const entry: Listener = (event) => listener(event);
  listeners.add(entry);
  return () => void listeners.delete(entry);
}

/** Tells the listeners, if there are any, of the event that `make` describes. */
export function announce(make: () => ObservedEvent): void {
  if (listeners.size === 0) return;
  const event = make();
  for (const listener of [...listeners]) leaving(() => listener(event));
}
