/** Python's module `copy`: `copy.copy` one level deep, `copy.deepcopy` all the way, each for any value. */
export { deepcopy, type Memo } from "./deepcopy.ts";
export { shallowCopy as copy } from "./shallow.ts";
