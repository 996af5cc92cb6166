/** Turns the lens on and off: which of its parts hears which event. */
import { type Ending, type ObservedEvent, observe } from "../core/observe.ts";
import type { Tensor } from "../core/tensor.ts";
import type { AnyModule } from "../nn/module.ts";
import { isModule } from "../nn/registry.ts";
import { Optimizer } from "../optim/optimizer.ts";
import { onShare } from "./host.ts";
import { onCreated, onForward, onLoaded, onMode, settle } from "./modules.ts";
import { quiet } from "./quiet.ts";
import { bracket, entryOf, takeContainer, debug as tracing } from "./records.ts";
import * as states from "./states.ts";
import { onOptimizer, onReplaced, onStep } from "./steps.ts";
import { tap, untap } from "./taps.ts";

let stop: (() => void) | null = null;

/**
 * Turns the lens on or off; it is on from the start. Off, it hears nothing and costs nothing; what it remembered stays.
 * @example torch.lens.enable(false)
 */
export function enable(on = true): void {
  if (typeof on !== "boolean") throw new TypeError("enable(): expected a boolean");
  if (on === (stop !== null)) return;
  if (on) {
    tap();
    stop = observe(hear);
    return;
  }
  stop?.();
  stop = null;
  untap();
}

/**
 * Whether the lens is on.
 * @example torch.lens.isEnabled() // true
 */
export const isEnabled = (): boolean => stop !== null;

/**
 * Makes the lens note the line of every write and the way to every view, for `explain` and `drift`; costs some
 * microseconds per operation.
 * @example torch.lens.debug(true)
 */
export function debug(on = true): void {
  if (typeof on !== "boolean") throw new TypeError("debug(): expected a boolean");
  tracing.on = on;
  if (stop === null) return;
  untap();
  tap();
}

function hear(event: ObservedEvent): Ending | undefined {
  if (quiet() && event.kind !== "load") return undefined;
  switch (event.kind) {
    case "forward":
      return isModule(event.module) ? onForward(event.module, event.args) : undefined;
    case "step":
      settle();
      return event.optimizer instanceof Optimizer ? onStep(event.optimizer) : undefined;
    case "load":
      return isModule(event.module) ? onLoad(event.module, event.source, event.assign) : undefined;
    default:
      note(event);
      return undefined;
  }
}

function note(event: ObservedEvent): void {
  switch (event.kind) {
    case "stateDict":
      states.onTaken(event.module, event.state);
      break;
    case "optimizerState":
      states.onOptimizerState(event.optimizer, event.state);
      break;
    case "replace":
      if (event.after !== null) onReplaced(event.before);
      break;
    case "create":
      onCreated(event.what, event.name);
      break;
    case "mode":
      if (isModule(event.module)) onMode(event.module);
      break;
    case "optimizer":
      if (event.optimizer instanceof Optimizer) onOptimizer(event.optimizer);
      break;
    case "deepcopy":
      states.onDeepcopy(event.source, event.copy);
      break;
    case "copy":
      takeContainer(event.copy);
      break;
    case "share":
      onShare(event.storage);
      break;
    case "save":
      settle();
      states.onSave(event.value, event.wholeStorages === true);
      break;
  }
}

/** The tensors that a state dict of the module holds, under the same names. */
function entriesOf(module: AnyModule): Map<string, Tensor> {
  const all = { removeDuplicate: false };
  return new Map<string, Tensor>([...module.namedParameters(all), ...module.namedBuffers(all)]);
}

function onLoad(module: AnyModule, source: object, assign: boolean): Ending | undefined {
  const own = entriesOf(module);
  const values: unknown[] = source instanceof Map ? [...source.values()] : Object.values(source);
  const live = values.some((value) => entryOf(value as Tensor) !== undefined);
  if (!quiet()) {
    states.onLoad(module, own, source, assign);
    onLoaded(module, live);
  }
  const storages = [...own.values()].map((t) => t.impl.storage);
  return bracket(storages, "loadStateDict()") ?? undefined;
}
