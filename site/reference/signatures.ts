/** Signatures as a reader wants them: of operators and constructors from the declarations that parse their arguments. */
import ts from "typescript";
import { type Param, signature } from "../../src/core/params.ts";

const types: Readonly<Record<string, string>> = {
  tensor: "Tensor",
  scalar: "Scalar",
  operand: "Tensor | Scalar",
  int: "number",
  float: "number",
  bool: "boolean",
  str: "string",
  dtype: "DType",
  device: "Device",
  ints: "number | number[]",
  floats: "number[]",
  tensors: "Tensor[]",
  function: "Function",
  object: "object",
  any: "any",
};

function valueOf(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  return JSON.stringify(value)?.replaceAll(",", ", ") ?? "undefined";
}

function parameter(param: Param): string {
  const type = `${types[param.kind] ?? param.kind}${param.nullable ? " | null" : ""}`;
  if (param.variadic) return `...${param.name}: number[]`;
  return `${param.name}: ${type}${param.fallback === null ? "" : ` = ${valueOf(param.fallback.value)}`}`;
}

/** A call with its parameters, in one line or one per line. */
function call(before: string, params: readonly string[], after: string): string {
  const line = `${before}(${params.join(", ")})${after}`;
  return line.length <= 78 ? line : `${before}(\n${params.map((param) => `  ${param},\n`).join("")})${after}`;
}

/** A declared line such as `dim:int keepdim:bool=false * dtype:dtype?=null` as a call. */
export function declared(before: string, line: string, after: string, first: readonly string[] = []): string {
  const { params } = signature(line);
  const positional = params.filter(({ keywordOnly }) => !keywordOnly).map(parameter);
  const named = params.filter(({ keywordOnly }) => keywordOnly).map(parameter);
  const short = `{ ${named.join(", ")} }`;
  const options = short.length <= 74 ? short : `{\n${named.map((param) => `    ${param},\n`).join("")}  }`;
  return call(before, [...first, ...positional, ...(named.length === 0 ? [] : [options])], after);
}

/** The text of a constant expression, through templates and constants; null where it is not one. */
function textOf(node: ts.Expression, checker: ts.TypeChecker): string | null {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    let text = node.head.text;
    for (const { expression, literal } of node.templateSpans) {
      const inner = textOf(expression, checker);
      if (inner === null) return null;
      text += inner + literal.text;
    }
    return text;
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left, checker), textOf(node.right, checker)];
    return left === null || right === null ? null : left + right;
  }
  if (!ts.isIdentifier(node)) return null;
  let symbol = checker.getSymbolAtLocation(node);
  if (symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0) symbol = checker.getAliasedSymbol(symbol);
  const declaration = symbol?.valueDeclaration;
  if (declaration === undefined || !ts.isVariableDeclaration(declaration)) return null;
  return declaration.initializer === undefined ? null : textOf(declaration.initializer, checker);
}

/** The line that a class's constructor hands to `read("Name", line, args)`, or null. */
export function constructorLine(declaration: ts.Node, name: string, checker: ts.TypeChecker): string | null {
  let found: string | null = null;
  const visit = (node: ts.Node): void => {
    if (found !== null) return;
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "read") {
      const [named, line] = node.arguments;
      if (named !== undefined && line !== undefined && textOf(named, checker) === name) {
        const text = textOf(line, checker);
        if (text !== null) found = text;
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return found;
}
