/** A writer that is killed, and a disk without room: the old file or the new one, never a part. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

let folder = "";
const at = (name: string): string => join(folder, name);

/** The library as one module, so that a child is there soon. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
  const entry = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      lib: { entry: { library: entry }, formats: ["es"] },
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: "es2022",
      rollupOptions: { external: ["koffi"] },
    },
  });
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(at(`${name}.mjs`), `import { full, save, safetensors } from "./library.js";\n${text}`);
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

const programs = {
  /** Saves checkpoint after checkpoint, each of one number alone, until it is killed. */
  forever: `
    for (let i = 1; ; i++) {
      await save({ i, a: full([200000], i), b: full([200000], i) }, process.argv[2], { durable: i % 4 === 0 });
      if (i === 1) console.log("ready");
    }`,
  /** Saves once, and kills itself when so many bytes of it are written, or just before or after a call. */
  once: `
    const [path, point, durable] = process.argv.slice(2);
    const fs = process.getBuiltinModule("fs");
    const end = () => process.kill(process.pid, "SIGKILL");
    let room = Number(point);
    const { writeSync } = fs;
    fs.writeSync = (fd, bytes, offset, length) => {
      if (!(room <= length)) {
        room -= length;
        return writeSync(fd, bytes, offset, length);
      }
      if (room > 0) writeSync(fd, bytes, offset, room);
      end();
    };
    for (const name of ["fsyncSync", "closeSync", "renameSync"]) {
      const real = fs[name];
      fs[name] = (...given) => {
        if (point === "before " + name) end();
        real(...given);
        if (point === "after " + name) end();
      };
    }
    await save({ i: 2, a: full([5000], 2), b: full([5000], 2) }, path, { durable: durable === "true" });`,
  /** Saves more than there is room for, and prints what it is told. */
  full: `
    const [path, kind] = process.argv.slice(2);
    const value = { a: full([1e6], 2) };
    try {
      await (kind === "save" ? save(value, path) : safetensors.saveFile(value, path));
      console.log("saved");
    } catch (error) {
      console.log(error.code);
    }`,
};

const start = (program: keyof typeof programs, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [at(`${program}.mjs`), ...args], { stdio: ["ignore", "pipe", "inherit"] });

/** The number that a checkpoint consists of; throws where it consists of two. */
function numberIn(path: string): number {
  const { i, a, b } = torch.deserialize(readFileSync(path)) as { i: number; a: torch.Tensor; b: torch.Tensor };
  expect([a.min().item(), a.max().item(), b.min().item(), b.max().item()]).toEqual([i, i, i, i]);
  return i;
}

const saved = (i: number): Uint8Array => torch.serialize({ i, a: torch.full([5000], i), b: torch.full([5000], i) });

test("a writer killed at random moments leaves one whole checkpoint", async () => {
  for (let n = 0; n < 12; n++) {
    const wait = Math.random() * 60;
    const child = start("forever", at("random.pt"));
    await once(child.stdout!, "data");
    await new Promise((resolve) => setTimeout(resolve, wait));
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(numberIn(at("random.pt")), `killed after ${wait} ms`).toBeGreaterThanOrEqual(1);
  }
}, 180_000);

const size = saved(2).length;
const bytes = [0, 1, 31, 100, 700, 20_000, 20_500, size - 40_000, size - 500, size - 23, size - 1];

test.each([
  ...bytes.map((point) => [point, 1, false] as const),
  ["before closeSync", 1, false] as const,
  ["before renameSync", 1, false] as const,
  ["after renameSync", 2, false] as const,
  ["before fsyncSync", 1, true] as const,
  ["before renameSync", 1, true] as const,
  ["after renameSync", 2, true] as const,
])("killed at %s, it leaves checkpoint %i (durable: %s)", async (point, expected, durable) => {
  writeFileSync(at("archive.pt"), saved(1));
  const child = start("once", at("archive.pt"), String(point), String(durable));
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  expect(numberIn(at("archive.pt"))).toBe(expected);
});

/** Whether a small file system can be mounted, for one program alone. */
const mounts = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", tmpdir()]).status === 0;
if (!mounts) console.warn("no file system can be mounted here: a disk without room is only simulated (crash.test.ts)");

test.skipIf(!mounts).each(["save", "saveFile"])(
  "%s on a disk without room leaves the old file and nothing else (skipped where nothing can be mounted)",
  (kind) => {
    const disk = mkdtempSync(join(folder, "disk-"));
    const old = join(folder, "old.pt");
    writeFileSync(old, saved(1));
    const script = `mount -t tmpfs -o size=1m none "$1" && cp "$2" "$1/old.pt" && "$3" "$4" "$1/old.pt" "$5" &&
      cmp "$2" "$1/old.pt" && ls -A "$1"`;
    const args = [disk, old, process.execPath, at("full.mjs"), kind];
    const out = execFileSync("unshare", ["-rm", "sh", "-c", script, "sh", ...args], { encoding: "utf8" });
    expect(out).toBe("ENOSPC\nold.pt\n");
    expect(readdirSync(disk)).toEqual([]);
  },
);
