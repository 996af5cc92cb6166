/** Gather: elements, or whole rows, chosen by index tensors. */
import { dtypes } from "../../core/dtype.ts";
import type { GatherKernel, GatherRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { bits } from "./element.ts";
import { indexedRun, type Move } from "./indexed.ts";
import type { Func, ModuleBuilder } from "./module.ts";

/** Compiles a gather. */
export function gather(kernel: GatherKernel, ctx: WasmContext): GatherRun {
  return indexedRun(kernel, ctx, (module) => gatherMove(module, kernel));
}

function gatherMove(module: ModuleBuilder, kernel: GatherKernel): Move {
  const item = bits(module, kernel.dtype);
  const copy = copyBytes(module);
  return {
    element(f, walked, chosen) {
      f.get(walked).get(chosen);
      item.load(f);
      item.store(f);
    },
    row: module.func(null, ["i32", "i32", "i32"], [], (f, walked, chosen, n) => {
      f.get(walked).get(chosen).get(n).i32(dtypes[kernel.dtype].itemsize).op("i32.mul").call(copy);
    }),
  };
}

/** A function (destination, source, bytes): long ranges by memory.copy, whose call costs more than a short loop. */
export function copyBytes(module: ModuleBuilder): Func {
  return module.func(null, ["i32", "i32", "i32"], [], (f, destination, source, n) => {
    f.get(n).i32(512).op("i32.ge_u");
    f.if(() => f.get(destination).get(source).get(n).memoryCopy().return());
    for (const [bytes, load, store] of [
      [16, "v128.load", "v128.store"],
      [4, "i32.load", "i32.store"],
      [1, "i32.load8_u", "i32.store8"],
    ] as const) {
      f.while(
        () => f.get(n).i32(bytes).op("i32.ge_u"),
        () => {
          f.get(destination).get(source).load(load).store(store);
          f.add(destination, bytes).add(source, bytes).add(n, -bytes);
        },
      );
    }
  });
}
