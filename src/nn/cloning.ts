/** How modules make copies of modules: `copy` stands above `nn`, and says it here when it is loaded. */
import { RuntimeError } from "../core/errors.ts";
import type { AnyModule } from "./module.ts";

/** The deep copy of a module. */
export const cloning: { clone: (module: AnyModule) => AnyModule } = {
  clone() {
    throw new RuntimeError("layers are copied by cresset's copy module: import it, too");
  },
};
