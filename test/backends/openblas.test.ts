/** What becomes of an OpenBLAS that does not know the processor it runs on. */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { blas } from "../../src/backends/native/compiler.ts";
import type { Library } from "../../src/backends/native/koffi.ts";
import { chooseCore } from "../../src/backends/native/openblas.ts";

const VARIABLE = "OPENBLAS_CORETYPE";
const wide = "avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl";

/** A library that chose `core`, and chooses again what the environment names if it has that. */
function openBlas(core: string, has: readonly string[]): Library & { readonly asked: string[] } {
  const asked: string[] = [];
  const functions: Record<string, () => unknown> = {
    openblas_get_corename: () => core,
    gotoblas_dynamic_quit: () => {},
    gotoblas_dynamic_init: () => {
      const name = process.env[VARIABLE] ?? core;
      asked.push(name);
      core = has.includes(name) ? name : "Prescott";
    },
  };
  return {
    asked,
    func(prototype) {
      const found = functions[/(\w+)\(/.exec(prototype)![1]!];
      if (found === undefined) throw new Error("no such function");
      return found;
    },
  };
}

function processor(flags: string): void {
  const readFileSync = (): string => `processor : 0\nflags\t\t: fpu sse2 ${flags}\nbugs :\n`;
  vi.spyOn(process, "getBuiltinModule").mockReturnValue({ readFileSync } as never);
}

const own = process.env[VARIABLE];
afterEach(() => {
  vi.restoreAllMocks();
  if (own === undefined) delete process.env[VARIABLE];
  else process.env[VARIABLE] = own;
});

describe("kernels that are older than the processor", () => {
  test.each([
    [wide, ["SkylakeX", "Haswell"], "SkylakeX"],
    [wide, ["Haswell"], "Haswell"],
    ["avx2 fma", ["SkylakeX", "Haswell"], "Haswell"],
  ])("with %s and a library that has %j, %s is chosen", (flags, has, chosen) => {
    delete process.env[VARIABLE];
    processor(flags);
    const choice = chooseCore(openBlas("Prescott", has));
    const note = `kernels for ${chosen} instead of its own choice, Prescott`;
    expect(choice).toEqual({ chosen, slow: false, note });
    expect(process.env[VARIABLE]).toBeUndefined();
  });

  test("a library that has no better ones is slow, and the cure is named", () => {
    delete process.env[VARIABLE];
    processor(wide);
    const choice = chooseCore(openBlas("Prescott", []));
    expect(choice).toMatchObject({ chosen: null, slow: true });
    expect(choice.note).toMatch(/set OPENBLAS_CORETYPE=SkylakeX$/);
  });

  test("what the user chose stays", () => {
    process.env[VARIABLE] = "Prescott";
    processor(wide);
    const library = openBlas("Prescott", ["SkylakeX"]);
    expect(chooseCore(library)).toEqual({ chosen: null, slow: false, note: null });
    expect(library.asked).toEqual([]);
  });

  test("a processor without AVX2 keeps them", () => {
    delete process.env[VARIABLE];
    processor("avx");
    expect(chooseCore(openBlas("Sandybridge", ["Haswell"]))).toEqual({ chosen: null, slow: false, note: null });
  });
});

test("kernels for a newer processor stay", () => {
  delete process.env[VARIABLE];
  processor(wide);
  const library = openBlas("Zen", ["SkylakeX"]);
  expect(chooseCore(library)).toEqual({ chosen: null, slow: false, note: null });
  expect(library.asked).toEqual([]);
});

test("a library that is not OpenBLAS is left alone", () => {
  processor(wide);
  const library: Library = {
    func() {
      throw new Error("no such function");
    },
  };
  expect(chooseCore(library)).toEqual({ chosen: null, slow: false, note: null });
});

const found = blas();
const flags = process.platform === "linux" ? readFileSync("/proc/cpuinfo", "utf8") : "";
const why =
  typeof found === "string" || !found.name.startsWith("OpenBLAS")
    ? "no OpenBLAS is installed"
    : own !== undefined
      ? `${VARIABLE} is set`
      : / avx2 /.test(flags)
        ? null
        : "the processor has no AVX2";

test.skipIf(why !== null)(
  `the installed OpenBLAS runs kernels with AVX2${why === null ? "" : ` (skipped: ${why})`}`,
  () => {
    expect(typeof found === "string" ? found : found.name).not.toMatch(/Prescott|Core2|Nehalem|Sandybridge/);
  },
);
