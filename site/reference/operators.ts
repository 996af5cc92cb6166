/** What operators know of themselves: the lines that parse their arguments, their method and in-place forms. */

import * as torch from "../../src/index.ts";
import type { OpInfo } from "../../src/ops/call.ts";
import * as operators from "../../src/ops/index.ts";

const spaces: Readonly<Record<string, object>> = {
  "": { ...operators, ...torch },
  "nn.functional": torch.nn.functional,
  linalg: torch.linalg,
  special: torch.special,
};

/** The operator of this name, or null. */
export function operatorOf(space: string, name: string): OpInfo | null {
  const value = (spaces[space] as Readonly<Record<string, unknown>> | undefined)?.[name];
  const op = typeof value === "function" ? (value as { op?: OpInfo }).op : undefined;
  return op ?? null;
}

/** Whether tensors have a method of this name. */
export const isMethod = (name: string): boolean => name in torch.Tensor.prototype;
