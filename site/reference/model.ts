/** What the package exports, with docstrings and the compiler's knowledge of types: TypeDoc's reflections, flattened. */
import { fileURLToPath } from "node:url";
import {
  Application,
  Converter,
  type DeclarationReflection,
  type ProjectReflection,
  ReflectionKind,
  type TypeScript as ts,
} from "typedoc";

/** One export. */
export interface Entry {
  /** The namespace, such as `nn.functional`; empty for the package itself. */
  readonly space: string;
  readonly name: string;
  readonly reflection: DeclarationReflection;
  readonly symbol: ts.Symbol | undefined;
  /** The source file, from the project's root. */
  readonly file: string;
}

/** The exports, and what else pages are made from. */
export interface Model {
  readonly entries: readonly Entry[];
  readonly checker: ts.TypeChecker;
  /** The sources, for what only they say. */
  readonly program: ts.Program;
  symbolOf(reflection: DeclarationReflection): ts.Symbol | undefined;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Reads the sources. */
export async function readModel(): Promise<Model> {
  const app = await Application.bootstrap({
    entryPoints: [here("../../src/index.ts")],
    tsconfig: here("../tsconfig.sources.json"),
    basePath: here("../.."),
    excludePrivate: true,
    excludeInternal: true,
    disableGit: true,
    sourceLinkTemplate: "{path}",
    sort: ["source-order"],
    skipErrorChecking: true,
    validation: { notExported: false, invalidLink: false },
    logLevel: "Error",
  });
  const symbols = new Map<number, ts.Symbol>();
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    const symbol = context.getSymbolFromReflection(reflection);
    if (symbol !== undefined) symbols.set(reflection.id, symbol);
  });
  const points = app.getEntryPoints();
  if (points === undefined || points[0] === undefined) throw new Error("no entry point");
  const { program } = points[0];
  const project: ProjectReflection = app.converter.convert(points);
  const entries: Entry[] = [];
  const walk = (parent: ProjectReflection | DeclarationReflection, space: string): void => {
    for (const child of parent.children ?? []) {
      if (child.kind === ReflectionKind.Namespace) {
        walk(child, space === "" ? child.name : `${space}.${child.name}`);
        continue;
      }
      const file = child.sources?.[0]?.fileName ?? "";
      entries.push({ space, name: child.name, reflection: child, symbol: symbols.get(child.id), file });
    }
  };
  walk(project, "");
  return { entries, program, checker: program.getTypeChecker(), symbolOf: ({ id }) => symbols.get(id) };
}
