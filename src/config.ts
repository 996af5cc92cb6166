/** `torch.config`: what this build runs on. */
import { blas, blasSwitch } from "./backends/native/compiler.ts";
import { relaxedSimd } from "./backends/wasm/features.ts";
import { whyNoThreads } from "./backends/wasm/threads.ts";
import { heap } from "./core/memory.ts";
import { getNumThreads } from "./threads.ts";
import { version } from "./version.ts";

function engine(): string {
  const versions = globalThis.process?.versions as Readonly<Record<string, string | undefined>> | undefined;
  if (versions === undefined) return globalThis.navigator?.userAgent ?? "unknown";
  const host = ["bun", "deno"].find((name) => versions[name] !== undefined) ?? "node";
  const v8 = versions.v8 === undefined ? "" : ` (V8 ${versions.v8})`;
  return `${host} ${versions[host]}${v8}`;
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

function memory(): string {
  const { shared, reserved, limit } = heap();
  return `${shared ? "shared between threads" : "not shared"}, ${mebibytes(reserved)} of at most ${mebibytes(limit)}`;
}

function threads(): string {
  const reason = whyNoThreads(heap().shared);
  return reason === null ? String(getNumThreads()) : `1: ${reason}`;
}

function products(): string {
  const found = blas();
  if (typeof found === "string") return `none: ${found}`;
  const name = found.note === null ? found.name : `${found.name} (${found.note})`;
  return blasSwitch.enabled ? name : `${name}, switched off`;
}

/**
 * A description of this build, the engine it runs on and what it found there, in a few lines.
 * @example torch.config.show().startsWith("Cresset") // true
 */
export function show(): string {
  const lines = [
    `engine: ${engine()}`,
    `SIMD: 128 bits, ${relaxedSimd() ? "with" : "without"} fused multiply-add`,
    `memory: ${memory()}`,
    `threads: ${threads()}`,
    `BLAS: ${products()}`,
    "devices: cpu, meta",
  ];
  return [`Cresset ${version}`, ...lines.map((line) => `  - ${line}`), ""].join("\n");
}
