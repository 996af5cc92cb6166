/**
 * Makes a program that runs in the worker from TypeScript: types go, imports become look-ups, and after each statement
 * stands a call that may show the map of what is in scope. Lines stay where they are.
 */
import { type AnyNode, type Node, type Pattern, type Program, parse } from "acorn";
import { transform } from "sucrase";

/** What is wrong, and where; lines count from 1, columns from 0. */
export interface Mistake {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** The program, or why there is none. */
export type Compiled = { readonly code: string } | { readonly mistake: Mistake };

/** Text to put in the place of a part of the program. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** A program is the body of an async function, so that `await` stands anywhere at its top. */
export function compile(source: string): Compiled {
  try {
    const { code } = transform(source, { transforms: ["typescript"], disableESTransforms: true });
    const program = parse(code, { ecmaVersion: "latest", sourceType: "module", locations: true });
    const edits: Edit[] = [];
    new Walk(code, edits).program(program);
    return { code: apply(code, edits) };
  } catch (error) {
    return { mistake: mistakeOf(error) };
  }
}

/** Both parsers say the place in their messages and in `loc`. */
function mistakeOf(error: unknown): Mistake {
  if (error instanceof Refusal) return error;
  const { message = String(error), loc } = error as { message?: string; loc?: { line: number; column: number } };
  const first = error instanceof Error && "raisedAt" in error ? 0 : 1; // sucrase counts from 1, acorn from 0
  const told = message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
  return { message: told, line: loc?.line ?? 1, column: Math.max(0, (loc?.column ?? 0) - first) };
}

/** What a program in the worker cannot have. */
class Refusal extends Error implements Mistake {
  readonly line: number;
  readonly column: number;

  constructor(message: string, node: Node) {
    super(message);
    this.line = node.loc?.start.line ?? 1;
    this.column = node.loc?.start.column ?? 0;
  }
}

function apply(code: string, edits: readonly Edit[]): string {
  let result = "";
  let at = 0;
  for (const { from, to, text } of [...edits].sort((a, b) => a.from - b.from || a.to - b.to)) {
    result += code.slice(at, from) + text;
    at = to;
  }
  return result + code.slice(at);
}

/** The names that a pattern binds. */
function namesIn(pattern: Pattern | null): string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((p) => namesIn(p.type === "Property" ? (p.value as Pattern) : p.argument));
    case "ArrayPattern":
      return pattern.elements.flatMap(namesIn);
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
    default:
      return [];
  }
}

/** Statements after which what is in scope may have changed. */
const telling = new Set([
  "ExpressionStatement",
  "VariableDeclaration",
  "ForStatement",
  "ForOfStatement",
  "IfStatement",
]);

/** Goes through a program with the names that are in scope, outermost first. */
class Walk {
  readonly #code: string;
  readonly #edits: Edit[];
  #sites = 0;

  constructor(code: string, edits: Edit[]) {
    this.#code = code;
    this.#edits = edits;
  }

  program({ body }: Program): void {
    for (const node of body) this.#module(node);
    const names = this.#statements(body, []);
    const last = body.at(-1);
    if (last !== undefined && names.length > 0) this.#tell(last, names, '"end"');
  }

  /** Imports and exports, which cannot stand in a function. */
  #module(node: AnyNode): void {
    switch (node.type) {
      case "ImportDeclaration": {
        const from = `__import(${JSON.stringify(node.source.value)})`;
        const named: string[] = [];
        const parts: string[] = [];
        for (const specifier of node.specifiers) {
          const local = specifier.local.name;
          if (specifier.type === "ImportNamespaceSpecifier") parts.push(`const ${local} = ${from};`);
          else if (specifier.type === "ImportDefaultSpecifier") named.push(`default: ${local}`);
          else named.push(`${this.#text(specifier.imported)}: ${local}`);
        }
        if (named.length > 0) parts.push(`const { ${named.join(", ")} } = ${from};`);
        if (parts.length === 0) parts.push(`${from};`);
        this.#replace(node, parts.join(" "));
        break;
      }
      case "ExportNamedDeclaration":
        if (node.source != null) throw new Refusal("export … from has no meaning in the playground", node);
        if (node.declaration == null) this.#replace(node, "");
        else this.#edits.push({ from: node.start, to: node.declaration.start, text: "" });
        break;
      case "ExportDefaultDeclaration":
      case "ExportAllDeclaration":
        throw new Refusal("export default and export * have no meaning in the playground", node);
    }
  }

  #text(node: Node): string {
    return this.#code.slice(node.start, node.end);
  }

  /** Lines stay: the newlines of what goes are kept. */
  #replace(node: Node, text: string): void {
    const lines = this.#text(node).split("\n").length - 1;
    this.#edits.push({ from: node.start, to: node.end, text: text + "\n".repeat(lines) });
  }

  /** Statements one after another: each sees the names that those before it declared. */
  #statements(body: readonly AnyNode[], outer: readonly string[]): readonly string[] {
    const names = [...outer];
    for (const statement of body) {
      const inner = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (inner == null || inner.type === "ImportDeclaration") continue;
      this.#inside(inner, names);
      if (inner.type === "VariableDeclaration") names.push(...inner.declarations.flatMap(({ id }) => namesIn(id)));
      if (telling.has(inner.type) && names.length > 0) this.#tell(inner, names, String(this.#sites++));
    }
    return names;
  }

  #tell(node: Node, names: readonly string[], site: string): void {
    // A name that is not initialised yet throws when it is read, not when the object is made.
    const getters = [...new Set(names)].map((name) => `get ${name}() { return ${name}; }`).join(", ");
    const line = node.loc?.end.line ?? 1;
    this.#edits.push({ from: node.end, to: node.end, text: `;__due(${site}) && __show(${line}, { ${getters} });` });
  }

  /** What is below a node: functions and blocks have scopes of their own, the methods of classes are left alone. */
  #inside(node: AnyNode, names: readonly string[]): void {
    switch (node.type) {
      case "ClassDeclaration":
      case "ClassExpression":
        return;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression": {
        const own = [...names, ...node.params.flatMap(namesIn)];
        if (node.body.type === "BlockStatement" && !node.generator) this.#statements(node.body.body, own);
        else if (node.body.type !== "BlockStatement") this.#inside(node.body, own);
        return;
      }
      case "BlockStatement":
        this.#statements(node.body, names);
        return;
      case "ForStatement":
        this.#below(node, [...names, ...loopNames(node.init)]);
        return;
      case "ForOfStatement":
      case "ForInStatement":
        this.#below(node, [...names, ...loopNames(node.left)]);
        return;
      case "CatchClause":
        this.#inside(node.body, [...names, ...namesIn(node.param ?? null)]);
        return;
      default:
        this.#below(node, names);
    }
  }

  #below(node: AnyNode, names: readonly string[]): void {
    for (const value of Object.values(node) as unknown[]) {
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (isNode(child)) this.#inside(child, names);
      }
    }
  }
}

const loopNames = (node: AnyNode | null | undefined): string[] =>
  node?.type === "VariableDeclaration" ? node.declarations.flatMap(({ id }) => namesIn(id)) : [];

const isNode = (x: unknown): x is AnyNode =>
  typeof x === "object" && x !== null && typeof (x as { type?: unknown }).type === "string" && "start" in x;
