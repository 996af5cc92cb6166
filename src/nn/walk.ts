/** Walks over what modules have registered. */
import type { Values } from "../core/params.ts";
import type { AnyModule } from "./module.ts";
import { adopt, type Registry } from "./registry.ts";

/** How named members are listed. */
export interface MemberOptions {
  prefix?: string;
  recurse?: boolean;
  /** List what has several names once; default true. */
  removeDuplicate?: boolean;
}

/** The members of one kind, here and below, with their dotted names. */
export function* namedMembers<T extends object>(
  module: AnyModule,
  options: Values,
  members: (table: Registry) => ReadonlyMap<string, T | null>,
): Generator<[string, T], void> {
  const once = options.removeDuplicate === true;
  const prefix = options.prefix as string;
  const seen = new Set<T>();
  const owners: Iterable<[string, AnyModule]> =
    options.recurse === true ? module.namedModules({ prefix, removeDuplicate: once }) : [[prefix, module]];
  for (const [path, owner] of owners) {
    for (const [name, member] of members(adopt(owner))) {
      if (member === null || seen.has(member)) continue;
      if (once) seen.add(member);
      yield [path === "" ? name : `${path}.${name}`, member];
    }
  }
}
