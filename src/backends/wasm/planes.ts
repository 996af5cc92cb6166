/** Windows and pools on several threads: some planes each. */
import type { WasmContext } from "./context.ts";
import { ranges, runTables, type TableCall, WORTH } from "./parallel.ts";

/** Into how many calls the planes are cut; `each`: the elements that a plane visits. */
export function piecesOf({ team }: WasmContext, planes: number, each: number): number {
  return Math.min(planes, team.pieces(planes * each, WORTH));
}

/** Runs what `call` makes of the planes in [from, to), which are the `piece`th part of them. */
export function eachPlanes(
  ctx: WasmContext,
  planes: number,
  each: number,
  call: (from: number, to: number, piece: number) => TableCall,
): void {
  const pieces = piecesOf(ctx, planes, each);
  const parts = pieces > 1 ? ranges(planes, pieces) : [[0, planes] as const];
  runTables(
    ctx,
    parts.map(([from, to], piece) => call(from, to, piece)),
  );
}
