/** `torch.warnings`: PyTorch's UserWarnings, once per text, on the console unless somebody listens. */

/** A warning as listeners see it. */
export interface Warning {
  /** A stable name such as `"non-leaf-grad"`. */
  readonly code: string;
  readonly message: string;
}

/** What happens to warnings of one code. */
export type Action = "ignore" | "once" | "always" | "error";

/** A warning that a filter turned into an error. */
export class UserWarning extends Error {
  override name = "UserWarning";
}

const actions = new Map<string, Action>();
const seen = new Set<string>();
const recorders = new Set<Warning[]>();

/** Issues a warning: `"once"` per text unless a filter for its code says otherwise. */
export function warn(code: string, message: string): void {
  for (const list of recorders) list.push({ code, message });
  const action = actions.get(code) ?? actions.get("*") ?? "once";
  if (action === "error") throw new UserWarning(message);
  if (action === "ignore" || recorders.size > 0) return;
  const key = `${code}\n${message}`;
  if (action === "once" && seen.has(key)) return;
  seen.add(key);
  console.warn(`UserWarning: ${message}`);
}

/**
 * Sets what happens to warnings of `code` (`"*"`: of every code without a filter of its own).
 * @example torch.warnings.filter("non-leaf-grad", "ignore")
 */
export function filter(code: string, action: Action): void {
  if (!["ignore", "once", "always", "error"].includes(action)) {
    throw new TypeError(`filter(): action must be "ignore", "once", "always" or "error", not "${action}"`);
  }
  actions.set(code, action);
}

/** Forgets all filters and which warnings were shown. */
export function reset(): void {
  actions.clear();
  seen.clear();
}

/**
 * The warnings that `fn` causes, in order, also those that a filter silences. An async `fn` gives a promise.
 * @example const [w] = torch.warnings.record(() => y.grad)
 */
export function record(fn: () => Promise<unknown>): Promise<Warning[]>;
export function record(fn: () => unknown): Warning[];
export function record(fn: () => unknown): Warning[] | Promise<Warning[]> {
  const list: Warning[] = [];
  recorders.add(list);
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    recorders.delete(list);
    throw error;
  }
  if (!(result instanceof Promise)) {
    recorders.delete(list);
    return list;
  }
  return result.then(
    () => {
      recorders.delete(list);
      return list;
    },
    (error: unknown) => {
      recorders.delete(list);
      throw error;
    },
  );
}
