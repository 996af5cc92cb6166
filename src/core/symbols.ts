/** The symbols by which values say how they print. */

const reprName = Symbol.for("cresset.repr");
const inspectName = Symbol.for("nodejs.util.inspect.custom");

/**
 * Makes instances of a class print as their `toString` says in `console.log` (Node, Deno, Bun), and as `show` says
 * inside containers (Python's repr; default: the same).
 */
export function printsAs<T extends object>(type: { readonly prototype: T }, show: (x: T) => string = String): void {
  const define = (name: symbol, print: (x: T) => string): void => {
    const value = function (this: T): string {
      return print(this);
    };
    Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });
  };
  define(reprName, show);
  define(inspectName, String);
}
