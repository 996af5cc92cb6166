/** The boundary between user code and the library: what crosses it has escaped and is freed only by collection. */
import type { Tensor } from "./tensor.ts";

let depth = 0;

/** Whether an operator was called by user code, not by another operator. */
export const outermost = (): boolean => depth === 0;

/** Runs library code whose tensors stay inside, except what it returns. */
export function inside<R>(fn: () => R): R {
  depth++;
  try {
    return fn();
  } finally {
    depth--;
  }
}

/** Runs user code from within the library: its operators are outermost again. */
export function leaving<R>(fn: () => R): R {
  const before = depth;
  depth = 0;
  try {
    return fn();
  } finally {
    depth = before;
  }
}

/** Marks a result that user code gets. */
export function escape(t: Tensor): void {
  t.impl.storage.escaped = true;
}
