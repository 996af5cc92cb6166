/** Several pointwise results in one walk over dense operands. */
import { dtypes } from "../../core/dtype.ts";
import { laneDType, type UpdateKernel, type UpdateRun } from "../../ir/kernel.ts";
import { advance, storeBytes, type Walk } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { emitExprs } from "./emit.ts";
import { InputReader, outputBytes } from "./inputs.ts";
import { Formula, laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import type { ValueType } from "./opcodes.ts";
import { ranges, WORTH } from "./parallel.ts";
import type { KernelFunction } from "./team.ts";

/** Elements between cuts: whole cache lines. */
const STEP = 64;

/** Compiles an update. */
export function update(kernel: UpdateKernel, context: WasmContext): UpdateRun {
  const run = compile(kernel, context);
  const { itemsize } = dtypes[laneDType[kernel.lane]];
  return (n, outputs, inputs, scalars) => {
    const addresses = [...outputs, ...inputs];
    const pieces = context.team.pieces(n, WORTH);
    if (pieces === 1) {
      run(n, ...addresses, scalars);
      return;
    }
    const calls = ranges(n, pieces, STEP).map(([from, to]) => ({
      func: run,
      args: [to - from, ...addresses.map((address) => address + from * itemsize), scalars],
    }));
    context.team.run(calls);
  };
}

/** `update(n, outputs…, inputs…, scalars)`. */
function compile(kernel: UpdateKernel, context: WasmContext): KernelFunction {
  const module = new ModuleBuilder(context.heap.shared);
  const dense = kernel.outputs.length + kernel.inputs;
  const params: readonly ValueType[] = Array.from({ length: dense + 2 }, () => "i32");
  module.func("update", params, [], (f, n, ...rest) => {
    const walk = (address: Local): Walk => ({ dtype: laneDType[kernel.lane], walk: "c", address, stride: null });
    const outputs = rest.slice(0, kernel.outputs.length).map(walk);
    const inputs = rest.slice(kernel.outputs.length, dense).map(walk);
    emitLoop(f, kernel, n!, outputs, [...inputs, ...scalarWalks(f, kernel, rest[dense]!)]);
  });
  return exported<KernelFunction>(context.instantiate(module.finish()), "update");
}

function scalarWalks(f: FuncBuilder, kernel: UpdateKernel, base: Local): Walk[] {
  return Array.from({ length: kernel.scalars }, (_, k) => {
    const address = f.local("i32");
    f.get(base)
      .i32(8 * k)
      .op("i32.add")
      .set(address);
    return { dtype: laneDType[kernel.lane], walk: "b", address, stride: null };
  });
}

function emitLoop(
  f: FuncBuilder,
  kernel: UpdateKernel,
  n: Local,
  outputs: readonly Walk[],
  inputs: readonly Walk[],
): void {
  const fixed = new InputReader(new Formula(f, kernel.lane, 1), inputs);
  for (const expr of kernel.outputs) fixed.readFixed(expr);
  const loop = (count: number): void => {
    f.while(
      () => f.get(n).i32(count).op("i32.ge_u"),
      () => {
        const v = new Formula(f, kernel.lane, count);
        const values = emitExprs(v, kernel.outputs, new InputReader(v, inputs, 0, fixed).input);
        // All results before the first write, which may go where another result's input lies.
        const bytes = values.map((value) => outputBytes(v, value, laneDType[kernel.lane]));
        bytes.forEach((raw, k) => {
          storeBytes(f, outputs[k]!, raw, count);
        });
        for (const walk of [...outputs, ...inputs]) advance(f, walk, count);
        f.add(n, -count);
      },
    );
  };
  loop(laneInfo[kernel.lane].width);
  loop(1);
}
