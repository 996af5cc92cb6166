/** Links between the pages of the repository lead somewhere: to a file, and to a heading in it. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { slug } from "../../scripts/slug.ts";
import { pages } from "../support/pages.ts";

const withoutCode = (text: string): string =>
  text.replace(/^```.*?^```$/gms, "").replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, " "));

/** The fragments of a page: its headings, twins numbered, and anchors. */
function fragmentsOf(file: string): ReadonlySet<string> {
  const text = readFileSync(file, "utf8").replace(/^```.*?^```$/gms, "");
  const found = new Map<string, number>();
  const fragments = new Set<string>();
  for (const [, heading] of text.matchAll(/^#{1,6} (.*)$/gm)) {
    const name = slug(heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1"));
    const times = found.get(name) ?? 0;
    found.set(name, times + 1);
    fragments.add(times === 0 ? name : `${name}-${times}`);
  }
  for (const [, id] of text.matchAll(/<a id="([^"]*)">/g)) fragments.add(id!);
  return fragments;
}

function brokenIn(page: string): string[] {
  const links = [...withoutCode(readFileSync(page, "utf8")).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path, fragment] = link.split("#") as [string, string?];
    const file = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(file)) return true;
    return fragment !== undefined && file.endsWith(".md") && !fragmentsOf(file).has(fragment);
  });
}

const all = [...pages(), "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md", "bench/RESULTS.md"];

test.each(all)("%s", (page) => {
  expect(brokenIn(page)).toEqual([]);
});
