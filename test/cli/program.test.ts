/** The program itself: help, errors, exit codes, colours, completion. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folder as recorded } from "../serialize/recorded.ts";
import { cresset } from "./run.ts";

const pathOf = (file: string): string => fileURLToPath(new URL(file, recorded));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const commands = ["inspect", "diff", "convert", "average", "verify", "lens", "completion"];

test("without arguments, and when asked, help lists all commands and the exit codes", async () => {
  for (const args of [[], ["--help"], ["help"]]) {
    const { code, out, err } = await cresset(args);
    expect([code, err]).toEqual([0, ""]);
    for (const command of commands) expect(out).toContain(`  ${command} `);
    expect(out).toContain("Exit codes: 0 done");
  }
});

test.each(commands)("%s has help with examples", async (command) => {
  for (const args of [
    ["help", command],
    [command, "--help"],
  ]) {
    const { code, out } = await cresset(args);
    expect([code, out.startsWith(`Usage: cresset ${command}`)]).toEqual([0, true]);
    expect(out).toMatch(/Examples:\n {2}\$ .*cresset/);
    expect(out).toContain("--json");
    expect(out).toContain("--debug");
  }
});

test("the version", async () => {
  expect(await cresset(["--version"])).toEqual({ code: 0, out: "1.2.3\n", err: "" });
});

test.each([
  [["nothing"], "error: unknown command 'nothing'"],
  [["inspct"], "error: unknown command 'inspct' (Did you mean inspect?)"],
  [["inspect"], "error: missing required argument 'file'"],
  [["inspect", "--flt", "x"], "error: unknown option '--flt' (Did you mean --flat?)"],
  [["inspect", "--depth", "0", "x"], /error: option '--depth <levels>' argument '0' is invalid. Expected a count/],
  [["diff", "--rtol", "-1", "a", "b"], /Expected a number that is not negative/],
  [
    ["convert", "a.pt", "b.txt"],
    "error: b.txt: expected a name that ends in .pt, .pth, .ckpt, .bin, .safetensors, .npz, .npy",
  ],
  [["convert", "--dtype", "int8", "a.pt", "b.pt"], /Allowed choices are float16, bfloat16, float32, float64/],
  [["average", "a.pt", "b.pt"], "error: required option '-o, --output <path>' not specified"],
  [["average", "a.pt", "-o", "b.pt"], "error: average: expected two files or more"],
  [["average", "a.pt", "b.pt", "-o", "c.pt", "--weights", "1,x"], /Expected numbers and commas/],
  [["average", "a.pt", "b.pt", "-o", "c.pt", "--weights", "1,-1"], /Their sum must not be 0/],
  [["average", "a.pt", "b.pt", "-o", "c.pt", "--weights", "1"], /expected 2 weights, one for each file, found 1/],
  [["lens", "--port", "70000"], /Expected a number up to 65535/],
  [["completion", "tcsh"], /Allowed choices are bash, zsh, fish/],
])("%j is wrong usage, said in one line", async (args, message) => {
  const { code, out, err } = await cresset(args);
  expect([code, out, err.split("\n").length]).toEqual([2, "", 2]);
  if (typeof message === "string") expect(err).toBe(`${message}\n`);
  else expect(err).toMatch(message);
});

test.each([
  [["inspect", "nope.pt"], "error: [Errno 2] No such file or directory: 'nope.pt'\n"],
  [["diff", pathOf("big.pt"), "nope.pt"], "error: [Errno 2] No such file or directory: 'nope.pt'\n"],
  [["lens", "nope.pt"], /^error: (nope\.pt: no such file|the pages are not built.*)\n$/],
  [["verify", "nope.pt"], "error: [Errno 2] No such file or directory: 'nope.pt'\n"],
  [["inspect", pathOf("damaged_text_file.pt")], /^error: .*is not a PyTorch checkpoint: it begins with .*\n$/],
])("%j is a file that cannot be read", async (args, message) => {
  const { code, out, err } = await cresset(args);
  expect([code, out]).toEqual([3, ""]);
  if (typeof message === "string") expect(err).toBe(message);
  else expect(err).toMatch(message);
});

test("--debug adds the stack", async () => {
  const { code, err } = await cresset(["inspect", "--debug", "nope.pt"]);
  expect(code).toBe(3);
  expect(err).toMatch(/^error: .*\nFileNotFoundError: .*\n {4}at /);
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const colours = /\u001b\[/;

test("colours are for terminals, and NO_COLOR and FORCE_COLOR are heard", async () => {
  const args = ["inspect", pathOf("shared_storage.pt")];
  const plain = await cresset(args);
  expect(plain.out).not.toMatch(colours);
  const shown = await cresset(args, { terminal: true });
  expect(shown.out).toMatch(colours);
  expect((await cresset(args, { terminal: true, env: { NO_COLOR: "1" } })).out).not.toMatch(colours);
  expect((await cresset(args, { terminal: true, env: { TERM: "dumb" } })).out).not.toMatch(colours);
  expect((await cresset(args, { env: { FORCE_COLOR: "1" } })).out).toMatch(colours);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the same
  expect(shown.out.replace(/\u001b\[\d*m/g, "")).toBe(plain.out);
});

test("names in a file that are commands for a terminal are shown, not sent", async () => {
  const { safetensors, ones } = await import("../../src/index.ts");
  const path = join(folder, "evil.safetensors");
  await safetensors.saveFile({ "a\u001b[31m\nb": ones(1) }, path, { "\u001b]0;title\u0007": "\u202ex" });
  const { out } = await cresset(["inspect", path]);
  expect(out).not.toMatch(colours);
  expect(out).toContain("a\\u001b[31m\\u000ab");
  expect(out).toContain("\\u202e");
});

const shells = (): string[] => ["bash", "zsh", "fish"].filter((shell) => spawnSync(shell, ["--version"]).status === 0);

test.each(["bash", "zsh", "fish"])("the completion script of %s names commands, options and choices", async (shell) => {
  const { code, out } = await cresset(["completion", shell]);
  expect(code).toBe(0);
  for (const command of [...commands, "help"]) expect(out).toContain(command);
  expect(out).toMatch(/(--|-l )rtol/);
  expect(out).toContain("bfloat16 float32");
  if (!shells().includes(shell)) return; // its syntax is checked where the shell is
  const path = join(folder, `completion.${shell}`);
  writeFileSync(path, out);
  execFileSync(shell, ["-n", path]);
});

test("bash completes commands, options, choices, files and help", async () => {
  if (!shells().includes("bash")) return; // nothing to complete in
  const { out } = await cresset(["completion", "bash"]);
  writeFileSync(join(folder, "model.pt"), "");
  const complete = (...words: string[]): string[] => {
    const script = `${out}\ncd ${folder}; COMP_WORDS=(cresset ${words.map((word) => `"${word}"`).join(" ")})
      COMP_CWORD=${words.length}; _cresset; echo "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["-c", script], { encoding: "utf8" }).trim().split(" ");
  };
  expect(complete("con")).toEqual(["convert"]);
  expect(complete("diff", "--r")).toEqual(["--rtol"]);
  expect(complete("convert", "--dtype", "b")).toEqual(["bfloat16"]);
  expect(complete("inspect", "mod")).toEqual(["model.pt"]);
  expect(complete("help", "ver")).toEqual(["verify"]);
  expect(complete("completion", "z")).toEqual(["zsh"]);
});

const built = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

test.skipIf(!existsSync(built))("the built program runs under its own name (skipped without `npm run build`)", () => {
  const { version } = JSON.parse(
    execFileSync("npm", ["pkg", "get", "version"], { encoding: "utf8" }).replace(/^/, '{"version":').replace(/$/, "}"),
  ) as { version: string };
  expect(execFileSync(built, ["--version"], { encoding: "utf8" })).toBe(`${version}\n`);
  const { status, stdout, stderr } = spawnSync(built, ["verify", pathOf("malicious_system_zip.pt")], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([1, ""]);
  expect(stdout).toMatch(/^no {2}.*\n {4}runs code when Python loads it {2}posix\.system\n$/);
});

test.skipIf(!existsSync(built))(
  "a reader that has seen enough ends it quietly (skipped without `npm run build`)",
  () => {
    const line = `"${process.execPath}" "${built}" inspect --json "${pathOf("training_checkpoint.pt")}" | head -1`;
    const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { encoding: "utf8" });
    expect([status, stdout, stderr]).toEqual([0, "{\n", ""]);
  },
);

test.skipIf(!existsSync(built))("lens serves until it is interrupted (skipped without `npm run build`)", async () => {
  const child = spawn(process.execPath, [built, "lens", pathOf("shared_storage.pt"), "--demo"]);
  const [printed] = (await once(child.stdout, "data")) as [Buffer];
  expect(String(printed)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/lens\.html\?files\n$/);
  const page = await fetch(String(printed).trim());
  expect([page.status, (await page.text()).includes("<title>")]).toEqual([200, true]);
  const file = await fetch(new URL("files/0", String(printed).trim()));
  expect(Buffer.from(await file.arrayBuffer()).equals(readFileSync(pathOf("shared_storage.pt")))).toBe(true);
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([null, "SIGINT"]);
});
