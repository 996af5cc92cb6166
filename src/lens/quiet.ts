/** While the lens itself copies and writes, it gives no advice. */

let depth = 0;

/** Whether the lens is at work. */
export const quiet = (): boolean => depth > 0;

/** Runs the lens's own work. */
export function quietly<R>(fn: () => R): R {
  depth++;
  try {
    return fn();
  } finally {
    depth--;
  }
}
