/** The symbols by which values say how they print. */

const reprName = Symbol.for("cresset.repr");
const inspectName = Symbol.for("nodejs.util.inspect.custom");

/**
 * Makes instances of a class print in `console.log` (Node, Deno, Bun) and inside containers as `show` says; default:
 * their `toString`.
 */
export function printsAs<T extends object>(type: { readonly prototype: T }, show: (x: T) => string = String): void {
  const value = function (this: T): string {
    return show(this);
  };
  for (const name of [reprName, inspectName]) {
    Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });
  }
}
