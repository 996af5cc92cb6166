/** Which page of PyTorch's manual an export has, by the rule of names. */
import { readFileSync } from "node:fs";

const names = JSON.parse(readFileSync(new URL("pytorch.json", import.meta.url), "utf8")) as Record<string, string[]>;

/** The rule of names: an underscore before a letter or digit goes, and that letter is capitalised. */
const camel = (name: string): string => name.replace(/(?<=.)_([a-zA-Z0-9])/g, (_, next: string) => next.toUpperCase());

const spaces: Readonly<Record<string, string>> = { "optim.lrScheduler": "optim.lr_scheduler" };
const manual = "https://docs.pytorch.org/docs/stable";

/** Namespaces whose members stand on one page. */
const onePage: Readonly<Record<string, string>> = {
  "nn.init": "nn.init.html",
  special: "special.html",
  random: "random.html",
  serialization: "notes/serialization.html",
};

/** PyTorch's name and the address of its page; null for what PyTorch has not. */
export function pytorchPage(space: string, name: string): { readonly name: string; readonly href: string } | null {
  const theirs = spaces[space] ?? space;
  const found = names[theirs]?.find((other) => camel(other) === name);
  if (found === undefined) return null;
  const full = ["torch", theirs, found].filter((part) => part !== "").join(".");
  const page = onePage[theirs];
  return { name: full, href: page === undefined ? `${manual}/generated/${full}.html` : `${manual}/${page}#${full}` };
}
