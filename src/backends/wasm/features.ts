/** What this engine's WebAssembly can do. */
import { ModuleBuilder } from "./module.ts";

let relaxed: boolean | null = null;
let allowed = true;

/** Whether fused multiply-add vectors (relaxed SIMD) can be compiled; on Node 20 this turns them on. */
export function relaxedSimd(): boolean {
  if (relaxed === null) {
    const probe = probeModule();
    relaxed = WebAssembly.validate(probe);
    if (!relaxed && enableInNode()) relaxed = WebAssembly.validate(probe);
  }
  return relaxed && allowed;
}

/** Forgoes relaxed SIMD in all kernels that are compiled from now on, as an engine without it does; or no longer. */
export function allowRelaxedSimd(use: boolean): void {
  allowed = use;
}

function probeModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(false);
  module.func("probe", ["v128"], ["v128"], (f, x) => {
    f.get(x).get(x).get(x).op("f32x4.relaxed_madd");
  });
  return module.finish();
}

/** Node 20 has relaxed SIMD behind a flag of V8 that takes effect until the first module is compiled. */
function enableInNode(): boolean {
  const v8 = globalThis.process?.getBuiltinModule?.("v8");
  if (v8 === undefined) return false;
  v8.setFlagsFromString("--experimental-wasm-relaxed-simd");
  return true;
}
