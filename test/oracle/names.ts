/** PyTorch's names under the rule of the public face: snake_case becomes camelCase, the rest stays. */

/** `index_select` -> `indexSelect`, `add_` -> `add_`, `atleast_1d` -> `atleast1d`, `T_max` -> `TMax`, `_base` -> `_base`. */
export function camelCase(name: string): string {
  const [, lead = "", body = "", tail = ""] = /^(_*)(.*?)(_*)$/.exec(name) ?? [];
  return lead + body.replace(/_+([A-Za-z0-9])/g, (_, next: string) => next.toUpperCase()) + tail;
}

/** The keys of a record of options in camelCase. */
export function camelKeys<T>(options: { readonly [name: string]: T }): Record<string, T> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [camelCase(name), value]));
}

/** The in-place method of an operator: `add` -> `add_`. */
export function inplaceName(name: string): string {
  return name.endsWith("_") ? name : `${name}_`;
}
