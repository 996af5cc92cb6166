/** Imports go one way: each part may see only those below it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const allowed: Record<string, readonly string[]> = {
  core: ["core"],
  ir: ["core", "ir"],
  backends: ["core", "ir", "backends"],
  autograd: ["core", "autograd"],
  ops: ["core", "ir", "autograd", "ops"],
  nn: ["core", "ir", "autograd", "ops", "nn"],
  copy: ["core", "ir", "autograd", "ops", "nn", "copy"],
  optim: ["core", "ir", "autograd", "ops", "nn", "copy", "optim"],
  memory: ["core", "memory"],
  serialize: ["core", "ir", "autograd", "ops", "nn", "serialize"],
  lens: ["core", "autograd", "nn", "copy", "optim", "serialize", "lens"],
  cli: ["cli"],
};

/** The tensor's type is made from the operators' types, which are erased. */
const erased = new Set(["core/tensor.ts"]);

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const inside = files.filter((file) => file.includes("/"));

test.each(inside)("%s imports only from its layer and below", (file) => {
  const source = readFileSync(join("src", file), "utf8");
  const layer = file.split("/")[0]!;
  const imports = [...source.matchAll(/^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)";/gms)]
    .filter((m) => !(erased.has(file) && /^import type/.test(m[0])))
    .map((m) => relative("src", join("src", dirname(file), m[1]!)).split("/")[0]!);
  const wrong = imports.filter((target) => !(allowed[layer] ?? []).includes(target));
  expect(wrong).toEqual([]);
});

test("console stands only in core/warnings.ts", () => {
  const users = files.filter((file) => /\bconsole\.\w+\(/.test(readFileSync(join("src", file), "utf8")));
  expect(users).toEqual(["core/warnings.ts"]);
});

test("the command line imports the published face and its own libraries only", () => {
  const users = files.filter((file) => file.startsWith("cli/"));
  const named = users.flatMap((file) => [
    ...readFileSync(join("src", file), "utf8").matchAll(/^(?:import|export)\s[^;]*?from\s+"(?!node:)([^."][^"]*)";/gms),
  ]);
  expect(new Set(named.map((match) => match[1]))).toEqual(
    new Set(["cresset", "commander", "cli-progress", "picocolors"]),
  );
});
