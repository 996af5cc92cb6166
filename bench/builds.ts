/** Builds to measure: the working tree, the last commit, and one with every module apart for profiles. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/** The repository. */
export const root: string = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

// Below node_modules, so that builds find the library's own dependencies and version control ignores them.
const cache = path.join(root, "node_modules", ".cache", "bench");

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** Whether files that the build is made of differ from the last commit. */
function changed(): boolean {
  return git("status", "--porcelain", "--", "src", "vite.config.ts", "package.json") !== "";
}

/** The short name of the working tree's commit, with a `+` if it differs; "unknown" outside a repository. */
export function describe(): string {
  try {
    return git("rev-parse", "--short", "HEAD") + (changed() ? "+" : "");
  } catch {
    return "unknown";
  }
}

async function bundle(source: string, outDir: string): Promise<string> {
  const configFile = path.join(source, "vite.config.ts");
  await build({ root: source, configFile, logLevel: "error", build: { outDir, emptyOutDir: true } });
  return path.join(outDir, "index.js");
}

/** Builds the working tree as it is shipped. */
export function buildNow(): Promise<string> {
  return bundle(root, path.join(cache, "now"));
}

/** Builds a commit, once; returns the module and the commit's short name. */
export async function buildCommit(revision: string | null): Promise<{ file: string; commit: string }> {
  const commit = git("rev-parse", "--short", revision ?? (changed() ? "HEAD" : "HEAD~1"));
  const folder = path.join(cache, commit);
  const done = path.join(folder, "done");
  if (!existsSync(done)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const archive = execFileSync("git", ["archive", commit], { cwd: root, maxBuffer: 2 ** 30 });
    execFileSync("tar", ["-x", "-C", folder], { input: archive });
    await bundle(folder, path.join(folder, "dist"));
    writeFileSync(done, "");
  }
  return { file: path.join(folder, "dist", "index.js"), commit };
}

/** Builds the working tree with one file per module, so that a profile can tell them apart. */
export async function buildApart(): Promise<string> {
  const outDir = path.join(cache, "apart");
  await build({
    root,
    configFile: false,
    logLevel: "error",
    build: {
      target: "es2022",
      minify: false,
      outDir,
      emptyOutDir: true,
      lib: { entry: { index: "src/index.ts" }, formats: ["es"] },
      rollupOptions: {
        external: ["fflate", "koffi"],
        output: { preserveModules: true, preserveModulesRoot: "src", entryFileNames: "[name].js" },
      },
    },
  });
  return path.join(outDir, "index.js");
}
