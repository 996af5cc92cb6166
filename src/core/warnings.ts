/** `torch.warnings`: PyTorch's UserWarnings and the lens's advice, once each, on the console unless somebody listens. */

/** A warning as listeners see it. */
export interface Warning {
  /** A stable name such as `"non-leaf-grad"`. */
  readonly code: string;
  readonly message: string;
}

/** What happens to warnings of one code. */
export type Action = "ignore" | "once" | "always" | "error";

/**
 * A warning that a filter turned into an error.
 * @example
 * try {
 *   torch.warnings.filter("load-nothing", "error");
 *   model.loadStateDict({ head: x }, { strict: false });
 * } catch (error) {
 *   (error as Error).name // 'UserWarning'
 * }
 */
export class UserWarning extends Error {
  override name = "UserWarning";
}

const actions = new Map<string, Action>();
const seen = new Set<string>();
const recorders = new Set<Warning[]>();
/** What to call before a recording ends, and whether before it begins, too. */
const settlers = new Map<() => void, boolean>();
const timesByCode = new Map<string, number>();

/** Looking up where a warning comes from takes microseconds: after so many of one code nobody reads another. */
const mostPlaces = 200;

/**
 * Where a warning that came later than its cause belongs: the line of the cause.
 * @internal
 */
export interface Cause {
  readonly at: string | null;
}

/**
 * Issues a warning: `"once"` per text unless a filter for its code says otherwise; with `placed`, once per text and
 * line of user code, which the console shows.
 * @internal
 */
export function warn(code: string, message: string, placed: boolean | Cause = false): void {
  for (const list of recorders) list.push({ code, message });
  const action = actions.get(code) ?? actions.get("*") ?? "once";
  if (action === "error") throw new UserWarning(message);
  if (action === "ignore" || recorders.size > 0) return;
  const at = typeof placed === "object" ? placed.at : placed ? placeFor(code, action) : null;
  if (at === "") return;
  const key = `${code}\n${message}\n${at}`;
  if (action === "once" && seen.has(key)) return;
  seen.add(key);
  console.warn(`UserWarning: ${message}${at === null ? "" : ` (at ${at})`}`);
}

/** Where user code is; null where that cannot be told, `""` where it has been told too often. */
function placeFor(code: string, action: Action): string | null {
  const times = (timesByCode.get(code) ?? 0) + 1;
  timesByCode.set(code, times);
  return times > mostPlaces && action === "once" ? "" : place();
}

/** The folder that the package's own frames lie in; null where a bundler leaves no address. */
function ownFolder(): string | null {
  const url: unknown = import.meta.url;
  if (typeof url !== "string" || !URL.canParse(".", url)) return null;
  const up = /\/core\/warnings\.[jt]s$/.test(url) ? ".." : ".";
  return new URL(up, url).href.replace(/^file:\/\//, "");
}

/**
 * The line of user code that called into the package, as `file:line:column`; null where there is none to be seen.
 * @internal
 */
export function place(): string | null {
  const path = ownFolder();
  if (path === null) return null;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const lines = new Error().stack?.split("\n").slice(1) ?? [];
  Error.stackTraceLimit = stackTraceLimit;
  const user = lines.find(
    (line) => !line.includes(path) && !/\bnode:|\(<anonymous>\)|at <anonymous>$|\(native\)/.test(line),
  );
  return user === undefined ? null : user.replace(/^.*?\(|^\s*at (async )?|\)$/g, "").replace(/^file:\/\//, "");
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

/**
 * Forgets all filters and which warnings were shown.
 * @example torch.warnings.reset();
 */
export function reset(): void {
  actions.clear();
  seen.clear();
  timesByCode.clear();
}

/**
 * Calls `fn` before a recording ends, so that advice which waits for what comes next is given in time; with `atStart`
 * before it begins, too, since what came before does not count.
 * @internal
 */
export function onSettle(fn: () => void, atStart = false): void {
  settlers.set(fn, atStart);
}

function finish(list: Warning[]): Warning[] {
  try {
    for (const settle of settlers.keys()) settle();
  } finally {
    recorders.delete(list);
  }
  return list;
}

/**
 * The warnings that `fn` causes, in order, also those that a filter silences. An async `fn` gives a promise.
 * @example torch.warnings.record(() => w.mul(2).grad).map(({ code }) => code) // [ 'non-leaf-grad' ]
 */
export function record(fn: () => Promise<unknown>): Promise<Warning[]>;
export function record(fn: () => unknown): Warning[];
export function record(fn: () => unknown): Warning[] | Promise<Warning[]> {
  for (const [settle, atStart] of settlers) if (atStart) settle();
  const list: Warning[] = [];
  recorders.add(list);
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    recorders.delete(list);
    throw error;
  }
  if (!(result instanceof Promise)) return finish(list);
  return result.then(
    () => finish(list),
    (error: unknown) => {
      recorders.delete(list);
      throw error;
    },
  );
}
