/** Writes the API reference as Markdown pages. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ReflectionKind } from "typedoc";
import ts from "typescript";
import { others, type Page, sections, takes } from "./contents.ts";
import { type Entry, type Model, readModel } from "./model.ts";
import { operatorOf } from "./operators.ts";
import { entryText, isCallForms, isType } from "./render.ts";

const pages = [...sections.flatMap((section) => section.pages), others];

const pageOf = (entry: Entry): Page => pages.find((page) => takes(page, entry)) ?? others;

/** Operators that are methods alone, as entries of the files that declare them. */
function methodsAlone(model: Model): Entry[] {
  const { checker, program, entries } = model;
  const tensor = entries.find(({ space, name }) => space === "" && name === "Tensor");
  const known = new Set(entries.filter(({ space }) => space === "").map(({ name }) => name));
  const all = program.getSourceFiles().find(({ fileName }) => fileName.endsWith("/src/ops/index.ts"))!;
  const declared = new Map(checker.getExportsOfModule(checker.getSymbolAtLocation(all)!).map((s) => [s.name, s]));
  const alone = (tensor?.reflection.children ?? []).filter(
    ({ name }) => !known.has(name) && operatorOf("", name) !== null,
  );
  return alone.map((reflection) => {
    const named = declared.get(reflection.name)!;
    const symbol = (named.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(named) : named;
    const file = symbol.valueDeclaration?.getSourceFile().fileName ?? "";
    return { space: "", name: reflection.name, reflection, symbol, file };
  });
}

function pageText(page: Page, entries: readonly Entry[], model: Model, places: ReadonlyMap<string, string>): string {
  const text = (entry: Entry): string => entryText(entry, model, places);
  const values = entries.filter((entry) => !isType(entry)).map(text);
  const types = entries.filter(isType).map(text);
  const end = types.length === 0 ? [] : ["## Types {#types}", ...types];
  return [`---\neditLink: false\n---`, `# ${page.title}`, ...values, ...end, ""]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Exports without a docstring, and values without an example. */
function incomplete(entries: readonly Entry[], { checker }: Model): string[] {
  const lacks = ({ symbol, reflection, ...entry }: Entry): string[] => {
    if (symbol === undefined || reflection.kind === ReflectionKind.Reference) return [];
    const name = ["torch", entry.space, entry.name].filter((part) => part !== "").join(".");
    if (symbol.getDocumentationComment(checker).length === 0 && reflection.comment === undefined) {
      return [`${name} has no docstring`];
    }
    const shown = symbol.getJsDocTags(checker).some((tag) => tag.name === "example");
    return shown || isType({ symbol, reflection, ...entry }) ? [] : [`${name} has no example`];
  };
  return entries.flatMap(lacks);
}

/** Writes the pages into a folder, and returns those that have something on them. */
export async function writeReference(folder: string): Promise<ReadonlySet<Page>> {
  const model = await readModel();
  const entries = [...model.entries, ...methodsAlone(model)].filter(
    (entry) => !entry.name.startsWith("_") && !isCallForms(entry),
  );
  const lacking = incomplete(model.entries, model);
  if (lacking.length > 0) throw new Error(lacking.join("\n"));
  const places = new Map<string, string>();
  for (const entry of entries) {
    if (entry.space !== "" || entry.reflection.kind === ReflectionKind.Reference) continue;
    places.set(entry.name, `${pageOf(entry).slug}.md#${entry.name}`);
  }
  mkdirSync(folder, { recursive: true });
  const written = new Set<Page>();
  for (const page of pages) {
    const own = entries.filter((entry) => pageOf(entry) === page);
    if (own.length === 0) continue;
    written.add(page);
    writeFileSync(join(folder, `${page.slug}.md`), pageText(page, own, model, places));
  }
  return written;
}
