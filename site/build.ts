/** Builds the documentation's site into site/dist: pages from docs/, the reference from the sources, and what else the repository tells. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "vitepress";
import { brokenLinks } from "./links.ts";
import { writeReference } from "./reference/index.ts";

const folder = new URL(".", import.meta.url).pathname;
process.chdir(folder);

/** Files of the repository that become pages, and their addresses. */
const pages: Readonly<Record<string, string>> = {
  "../CONTRIBUTING.md": "contributing.md",
  "../CHANGELOG.md": "changelog.md",
  "../bench/README.md": "benchmarks/method.md",
  "../bench/RESULTS.md": "benchmarks/index.md",
};

/** Copies docs/ and the files above; their links are to each other's places in the repository. */
function gather(): void {
  rmSync("content", { recursive: true, force: true });
  cpSync("../docs", "content", { recursive: true });
  mkdirSync("content/benchmarks", { recursive: true });
  for (const [from, to] of Object.entries(pages)) {
    const text = readFileSync(from, "utf8")
      .replaceAll("](docs/", "](/")
      .replaceAll("](RESULTS.md)", "](/benchmarks/)")
      .replaceAll("](README.md)", "](/benchmarks/method)");
    writeFileSync(`content/${to}`, text);
  }
  writeFileSync("content/index.md", readFileSync("home.md", "utf8"));
}

/** The lens page and the playground are static files of the package's build. */
function addLens(): void {
  if (!existsSync("../dist/web/lens.html")) throw new Error("dist/web is missing: npm run build");
  cpSync("../dist/web", "content/public/lens", { recursive: true });
}

gather();
addLens();
await writeReference("content/reference");
await build(folder);
const broken = brokenLinks("dist");
if (broken.length > 0) throw new Error(`broken links:\n${broken.join("\n")}`);
