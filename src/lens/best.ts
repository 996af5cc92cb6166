/** Copies of a model's state that stay what they are: `snapshot` and `BestState`. */
import { noGrad } from "../autograd/mode.ts";
import { deepcopy } from "../copy/index.ts";
import { check, RuntimeError, ValueError } from "../core/errors.ts";
import type { StateDict } from "../core/statedict.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { AnyModule } from "../nn/module.ts";
import { isModule } from "../nn/registry.ts";
import { type SaveDestination, type SaveOptions, save } from "../serialize/torch.ts";
import { quietly } from "./quiet.ts";

/**
 * A state dict that shares nothing with the model; entries that share memory in the model share it here, too.
 * @example const before = torch.lens.snapshot(model)
 */
export function snapshot(model: AnyModule): StateDict {
  checkModule(model, "snapshot");
  return quietly(() => deepcopy(model.stateDict()));
}

function checkModule(model: unknown, name: string): void {
  if (!isModule(model)) throw new TypeError(`${name}(): expected a Module`);
}

/** What a BestState keeps, itself; for the map. */
export let keptBy: (best: BestState) => StateDict;

/** Which metrics are better. */
export interface BestOptions {
  readonly mode?: "max" | "min";
}

/**
 * Keeps the state of a model at its best metric, in memory that is allocated once.
 * @example
 * const best = new torch.lens.BestState(model, { mode: "min" });
 * for (let epoch = 0; epoch < 10; epoch++) best.update(trainOneEpoch(model));
 * best.restore();
 */
export class BestState {
  static {
    keptBy = (best) => best.#kept;
  }

  /** The best metric so far; null before the first `update`. */
  metric: number | null = null;
  readonly mode: "max" | "min";
  readonly #model: AnyModule;
  readonly #kept: StateDict;

  constructor(model: AnyModule, options: BestOptions = {}) {
    checkModule(model, "BestState");
    for (const key of Object.keys(options)) {
      if (key !== "mode") throw new TypeError(`BestState() got an unexpected keyword argument '${key}'`);
    }
    const { mode = "max" } = options;
    check(
      mode === "max" || mode === "min",
      () => `BestState(): mode must be "max" or "min", not "${mode}"`,
      ValueError,
    );
    this.mode = mode;
    this.#model = model;
    this.#kept = snapshot(model);
  }

  /** Keeps the model's present state if `metric` is better than all before (NaN never is); tells whether it was. */
  update(metric: number | Tensor): boolean {
    const value = isTensor(metric) ? Number(metric.item()) : metric;
    if (typeof value !== "number")
      throw new TypeError("update(): the metric must be a number or a tensor of one element");
    const better =
      !Number.isNaN(value) &&
      (this.metric === null || (this.mode === "max" ? value > this.metric : value < this.metric));
    if (!better) return false;
    quietly(() => this.#keep());
    this.metric = value;
    return true;
  }

  #keep(): void {
    const now = this.#model.stateDict();
    for (const [key, value] of now as ReadonlyMap<string, unknown>) {
      const kept: unknown = this.#kept.get(key);
      const fits = isTensor(kept) === isTensor(value) && this.#kept.has(key);
      const sized =
        !isTensor(value) ||
        (isTensor(kept) && kept.dtype === value.dtype && String(kept.shape) === String(value.shape));
      check(fits && sized, () => `update(): the entry "${key}" is not what it was when BestState was made`);
    }
    check(now.size === this.#kept.size, () => "update(): the model has fewer entries than when BestState was made");
    noGrad(() => {
      for (const [key, value] of now as ReadonlyMap<string, unknown>) {
        const kept: unknown = this.#kept.get(key);
        if (isTensor(kept)) kept.copy_(value as Tensor);
        else this.#kept.set(key, deepcopy(value) as Tensor);
      }
    });
  }

  #checkKept(method: string): void {
    check(this.metric !== null, () => `${method}(): update() has not kept a state yet`, RuntimeError);
  }

  /** Copies the best state back into the model. */
  restore(): void {
    this.#checkKept("restore");
    this.#model.loadStateDict(this.#kept);
  }

  /** A copy of the best state, which later updates leave alone. */
  stateDict(): StateDict {
    this.#checkKept("stateDict");
    return quietly(() => deepcopy(this.#kept));
  }

  /** Writes the best state as a `.pt` file. */
  async save(dest: SaveDestination, options?: SaveOptions): Promise<void> {
    this.#checkKept("save");
    return save(this.#kept, dest, options);
  }
}
