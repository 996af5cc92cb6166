/** How the playground makes a program of TypeScript: types go, lines stay, statements tell what is in scope. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../../web/playground/compile.ts";

type Shown = readonly [line: number, scope: Record<string, unknown>];

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
  ...parts: string[]
) => (...args: unknown[]) => Promise<void>;

/** Runs a program and returns what was shown after its statements. */
async function run(source: string, modules: Record<string, unknown> = {}): Promise<Shown[]> {
  const compiled = compile(source);
  if ("mistake" in compiled) throw new Error(compiled.mistake.message);
  const shown: Shown[] = [];
  const program = new AsyncFunction("__import", "__due", "__show", compiled.code);
  await program(
    (name: string) => modules[name],
    (site: unknown) => site !== "end",
    (line: number, scope: object) => {
      const values = Object.keys(scope).flatMap((name) => {
        try {
          return [[name, Reflect.get(scope, name)] as const];
        } catch {
          return [];
        }
      });
      shown.push([line, Object.fromEntries(values)]);
    },
  );
  return shown;
}

test("after each statement stands what was declared before", async () => {
  expect(await run("const a: number = 1;\nlet b = a + 1;\nb = 5;")).toEqual([
    [1, { a: 1 }],
    [2, { a: 1, b: 2 }],
    [3, { a: 1, b: 5 }],
  ]);
});

test("the end of the program shows what was left out", async () => {
  const { code } = compile("const a = 1;\nlet b = 2;\nfunction f(): void {}") as { code: string };
  const asked: unknown[] = [];
  const shown: number[] = [];
  const due = (site: unknown): boolean => {
    asked.push(site);
    return site === "end";
  };
  await new AsyncFunction("__import", "__due", "__show", code)(null, due, (line: number) => void shown.push(line));
  expect(asked).toEqual([0, 1, "end"]);
  expect(shown).toEqual([3]);
});

test("functions, blocks and loops have scopes of their own, and the innermost of two names is shown", async () => {
  const shown = await run(
    `const x = 1;
function f(y: number): number {
  const x = y * 2;
  return x;
}
for (const z of [7]) {
  const w = f(z);
}`,
  );
  expect(shown).toEqual([
    [1, { x: 1 }],
    [3, { x: 14, y: 7 }],
    [7, { x: 1, z: 7, w: 14 }],
    [8, { x: 1 }],
  ]);
});

test("patterns bind all their names", async () => {
  const shown = await run("const { a, b: [c, ...d], ...e } = { a: 1, b: [2, 3, 4], f: 5 };");
  expect(shown).toEqual([[1, { a: 1, c: 2, d: [3, 4], e: { f: 5 } }]]);
});

test("a name that is used before its declaration ran is left out", async () => {
  const shown = await run("f();\nconst x = 1;\nfunction f(): void {\n  const y = 2;\n}");
  expect(shown).toEqual([
    [4, { y: 2 }],
    [2, { x: 1 }],
  ]);
});

test("imports become look-ups of their modules, wherever they stand and however they name things", async () => {
  const modules = { m: { default: 1, two: 2 }, n: { three: 3 } };
  const source = `import one, { two as deux } from "m";\nimport * as n from "n";\nimport type { T } from "t";\nexport const sum: T = one + deux + n.three;`;
  expect(await run(source, modules)).toEqual([[4, { sum: 6 }]]);
});

test("await stands at the top, and methods of classes are left as they are", async () => {
  const shown = await run(
    "class A {\n  #x = 1;\n  get(): number {\n    const y = this.#x;\n    return y;\n  }\n}\nconst a = await Promise.resolve(new A().get());",
  );
  expect(shown).toEqual([[8, { a: 1 }]]);
});

test("statements without semicolons stay apart", async () => {
  expect(await run("const a = [1]\nconst b = a\n")).toEqual([
    [1, { a: [1] }],
    [2, { a: [1], b: [1] }],
  ]);
});

test.each([
  ["const a = (;", 1, 11],
  ["const a = 1;\n\nconst a = 2;", 3, 6],
  ["interface A {\n  x: number\n}\nlet = 5;;\nreturn }", 4, 4],
  ["export default 5;", 1, 0],
])("the mistake in %j is at its line and column", (source, line, column) => {
  expect(compile(source)).toMatchObject({ mistake: { line, column } });
});

test("every program on offer is compiled, on its own lines", () => {
  const files = [
    ...readdirSync("examples").map((name) => `examples/${name}`),
    ...readdirSync("web/playground/programs").map((name) => `web/playground/programs/${name}`),
  ];
  expect(files.length).toBeGreaterThan(8);
  for (const file of files) {
    const source = readFileSync(file, "utf8");
    const compiled = compile(source) as { code: string };
    expect(compiled.code.split("\n").length).toBe(source.split("\n").length);
  }
});
