/** `StateDict`: the ordered dictionary that modules give and take, and that files hold. */
import { repr } from "./repr.ts";
import { printsAs } from "./symbols.ts";
import type { Tensor } from "./tensor.ts";

/**
 * A Map from names to tensors that prints as Python's `OrderedDict`. `get`, `set`, `has`, `keys`, iteration and the
 * rest are Map's.
 * @example [...model.stateDict().keys()] // [ 'fc.weight', 'fc.bias' ]
 */
export class StateDict<V = Tensor> extends Map<string, V> {
  /** The version of every module by its prefix, which loading may look at. */
  declare _metadata?: Map<string, { version?: number }>;

  override toString(): string {
    return this.size === 0 ? "OrderedDict()" : `OrderedDict([${[...this].map(pair).join(", ")}])`;
  }
}

printsAs(StateDict);

const pair = ([key, value]: [string, unknown]): string => `(${repr(key)}, ${repr(value)})`;
