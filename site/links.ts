/** Looks for links of built pages that lead nowhere, fragments included. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** The file of a link as the server finds it, or null. */
function fileOf(folder: string, from: string, path: string): string | null {
  const base = path.startsWith("/") ? folder : dirname(from);
  const file = path === "" ? from : normalize(join(base, decodeURI(path)));
  const found = [file, `${file}.html`, join(file, "index.html")].find(
    (name) => existsSync(name) && statSync(name).isFile(),
  );
  return found ?? null;
}

const attributes = (html: string, name: string): string[] =>
  [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, "g"))].map((match) => match[1]!.replaceAll("&amp;", "&"));

/** The broken links of all pages below a folder, as `page: link`. Addresses elsewhere are not asked. */
export function brokenLinks(folder: string): string[] {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
  const texts = new Map(pages.map((page) => [join(folder, page), readFileSync(join(folder, page), "utf8")]));
  const ids = new Map<string, ReadonlySet<string>>();
  const has = (file: string, id: string): boolean => {
    if (!ids.has(file)) ids.set(file, new Set(attributes(texts.get(file) ?? "", "id")));
    return ids.get(file)!.has(id);
  };
  const broken: string[] = [];
  for (const [page, html] of texts) {
    for (const link of new Set([...attributes(html, "href"), ...attributes(html, "src")])) {
      if (/^(?:[a-z]+:|\/\/)/.test(link)) continue;
      const [path, fragment] = link.split("#") as [string, string?];
      const file = fileOf(folder, page, path.split("?")[0]!);
      const fits = file !== null && (!fragment || !file.endsWith(".html") || has(file, decodeURIComponent(fragment)));
      if (!fits) broken.push(`${page}: ${link}`);
    }
  }
  return broken;
}
