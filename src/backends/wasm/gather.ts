/** Gather: elements, or whole rows, chosen by index tensors. */
import { dtypes } from "../../core/dtype.ts";
import type { GatherKernel, GatherRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { bits } from "./element.ts";
import { indexedRun, type Move } from "./indexed.ts";
import type { Func, ModuleBuilder } from "./module.ts";
import type { LoadOp, StoreOp } from "./opcodes.ts";

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

/**
 * A function (destination, source, bytes) for ranges apart: long ones by memory.copy, whose call costs more than a short
 * loop; of others the last vector goes over bytes again that the one before has copied.
 */
export function copyBytes(module: ModuleBuilder): Func {
  return module.func(null, ["i32", "i32", "i32"], [], (f, destination, source, n) => {
    const copy = (bytes: number, load: LoadOp, store: StoreOp): void => {
      f.while(
        () => f.get(n).i32(bytes).op("i32.ge_u"),
        () => {
          f.get(destination).get(source).load(load).store(store);
          f.add(destination, bytes).add(source, bytes).add(n, -bytes);
        },
      );
    };
    f.get(n).i32(512).op("i32.ge_u");
    f.if(() => f.get(destination).get(source).get(n).memoryCopy().return());
    f.get(n).i32(16).op("i32.ge_u");
    f.if(
      () => {
        copy(16, "v128.load", "v128.store");
        for (const address of [destination, source])
          f.get(address).get(n).op("i32.add").i32(16).op("i32.sub").set(address);
        f.get(n).if(() => f.get(destination).get(source).load("v128.load").store("v128.store"));
      },
      () => {
        copy(4, "i32.load", "i32.store");
        copy(1, "i32.load8_u", "i32.store8");
      },
    );
  });
}
