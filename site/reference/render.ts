/** Entries as Markdown. */
import { type Comment, type CommentDisplayPart, type DeclarationReflection, ReflectionKind } from "typedoc";
import ts from "typescript";
import type { Entry, Model } from "./model.ts";
import { isMethod, operatorOf } from "./operators.ts";
import { pytorchPage } from "./pytorch.ts";
import { constructorLine, declared } from "./signatures.ts";

/** Where an export can be found, for links. */
export type Places = ReadonlyMap<string, string>;

/** Members that every module has for itself, and that `Module` and `Optimizer` explain. */
const usual: ReadonlySet<string> = new Set(["forward", "extraRepr", "resetParameters", "updateParam", "toString"]);

const code = (lines: readonly string[]): string => `\`\`\`ts\n${lines.join("\n")}\n\`\`\``;

/** Text that Vue's compiler leaves alone. */
const plain = (text: string): string => text.replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;");

function partsText(parts: readonly CommentDisplayPart[]): string {
  return parts.map((part) => (part.kind === "text" ? plain(part.text) : part.text)).join("");
}

/** The full name of an export: `torch.nn.Linear`. */
export const fullName = (space: string, name: string): string =>
  ["torch", space, name].filter((part) => part !== "").join(".");

function commentOf(reflection: DeclarationReflection): Comment | undefined {
  const { comment, getSignature, signatures } = reflection;
  return comment ?? getSignature?.comment ?? signatures?.find((call) => call.comment !== undefined)?.comment;
}

/** Description, errors and examples. */
function described(comment: Comment | undefined): string[] {
  if (comment === undefined) return [];
  const tags = (name: `@${string}`): string[] => comment.getTags(name).map(({ content }) => partsText(content).trim());
  const throws = tags("@throws");
  return [
    partsText(comment.summary).trim(),
    ...tags("@remarks"),
    ...(throws.length === 0 ? [] : [throws.map((text) => `- **Throws** ${text}`).join("\n")]),
    ...comment.getTags("@example").map(({ content }) =>
      content
        .map(({ text }) => text)
        .join("")
        .trim(),
    ),
    ...tags("@see").map((text) => `See ${text}`),
  ].filter((text) => text !== "");
}

/** Types as the compiler prints them, without where they come from. */
const short = (text: string): string => text.replace(/import\("[^"]*"\)\./g, "");

/** The result of a call with the declared `line`: of those forms that name its first parameter, else of all. */
function resultOf(entry: Entry, line: string, { checker }: Model): string {
  if (entry.symbol === undefined) return "Tensor";
  const calls = checker.getTypeOfSymbol(entry.symbol).getCallSignatures();
  const first = /^(?:\.\.\.)?(\w+):/.exec(line)?.[1];
  const fits = calls.filter((call) => {
    const text = checker.signatureToString(call);
    return first === undefined ? call.parameters.length <= 1 : new RegExp(`\\b${first}\\b`).test(text);
  });
  const results = (fits.length > 0 ? fits : calls).map((call) => short(checker.typeToString(call.getReturnType())));
  return [...new Set(results)].join(" | ") || "Tensor";
}

function firstName(entry: Entry, { checker }: Model): string {
  const type = entry.symbol === undefined ? undefined : checker.getTypeOfSymbol(entry.symbol);
  const name = type?.getCallSignatures()[0]?.parameters[0]?.name ?? "self";
  return name === "self" || name.startsWith("__") || name === "args" ? "input" : name;
}

/** The forms of an operator: function, method, in place. */
function operatorLines(entry: Entry, model: Model): string[] {
  const { space, name } = entry;
  const op = operatorOf(space, name)!;
  const first = op.receiver === null ? [] : [`${firstName(entry, model)}: Tensor`];
  const forms = (before: string, own: readonly string[] = []): string[] =>
    op.params.map((line) => declared(before, line, `: ${resultOf(entry, line, model)}`, own));
  const method = `x.${name}`;
  return [
    ...(op.isFunction ? forms(fullName(space, name), first) : []),
    ...(op.receiver === 0 ? forms(method) : []),
    ...(op.receiver === 1 ? [`${method}(…): the same with the second argument before the dot`] : []),
    ...(op.inplace ? forms(`${method}_`) : []),
  ];
}

/** The call signatures of a function or method, as TypeScript has them. */
function functionLines(before: string, symbol: ts.Symbol | undefined, model: Model): string[] {
  if (symbol === undefined) return [];
  const type = model.checker.getTypeOfSymbol(symbol);
  return type.getCallSignatures().map((call) => {
    const text = model.checker.signatureToString(
      call,
      undefined,
      ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope,
    );
    return `${before}${short(text)}`;
  });
}

function constructorLines(entry: Entry, model: Model): string[] {
  const declaration = entry.symbol?.valueDeclaration;
  if (declaration === undefined || !ts.isClassDeclaration(declaration)) return [];
  const before = `new ${fullName(entry.space, entry.name)}`;
  const line = constructorLine(declaration, entry.name, model.checker);
  if (line !== null) return [declared(before, line, "", leading(declaration))];
  const type = model.checker.getTypeOfSymbol(entry.symbol!);
  return type
    .getConstructSignatures()
    .map((call) => `${before}${short(model.checker.signatureToString(call)).replace(/: \w[^:()]*$/, "")}`);
}

/** What stands before the parsed arguments, such as an optimizer's parameters. */
function leading(declaration: ts.ClassDeclaration): string[] {
  const constructor = declaration.members.find(ts.isConstructorDeclaration);
  const own = constructor?.parameters.filter(({ dotDotDotToken }) => dotDotDotToken === undefined) ?? [];
  return own.map((parameter) => `${parameter.name.getText()}: ${parameter.type?.getText() ?? "any"}`);
}

/** Classes whose members are all told, and not those of every subclass. */
const bases: ReadonlySet<string> = new Set(["Module", "Optimizer", "LRScheduler", "Tensor"]);

/** Fields and methods that a reader uses: the class's own. */
function members(entry: Entry, model: Model): string[] {
  const own = (entry.reflection.children ?? []).filter(
    ({ name, inheritedFrom, kind }) =>
      inheritedFrom === undefined && !/^[_[]/.test(name) && kind !== ReflectionKind.Constructor,
  );
  return own
    .filter((child) => commentOf(child) !== undefined)
    .filter(({ name }) => bases.has(entry.name) || !usual.has(name))
    .filter(({ name }) => entry.name !== "Tensor" || operatorOf("", name.replace(/_$/, "")) === null)
    .map((child) => memberText(entry.name, child, model));
}

/** How an instance is called, where it is a module. */
function callLine(entry: Entry, model: Model): string[] {
  const forward = entry.reflection.children?.find(({ name, inheritedFrom }) => name === "forward" && !inheritedFrom);
  const symbol = forward === undefined ? undefined : model.symbolOf(forward);
  return entry.space === "nn" ? functionLines("module", symbol, model) : [];
}

function memberText(owner: string, child: DeclarationReflection, model: Model): string {
  const id = `{#${owner}.${child.name}}`;
  const text = described(commentOf(child)).join("\n\n");
  const symbol = model.symbolOf(child);
  if (child.kind === ReflectionKind.Method) {
    return [`### ${plain(child.name)}() ${id}`, code(functionLines(child.name, symbol, model)), text]
      .filter(Boolean)
      .join("\n\n");
  }
  const type = short(child.type?.toString() ?? child.getSignature?.type?.toString() ?? "any");
  return [`### ${plain(child.name)} ${id}`, code([`${child.name}: ${type}`]), text].filter(Boolean).join("\n\n");
}

/** A type that options or results have: its fields in a list. */
function typeText(entry: Entry): string {
  const { reflection } = entry;
  const children = reflection.children ?? [];
  const fields = children.map((child) => {
    const optional = child.flags.isOptional ? "?" : "";
    const type = short(child.type?.toString() ?? "").replace(/^\(?(.*?)\)?$/, "$1");
    const text = described(commentOf(child)).join(" ");
    return `- \`${child.name}${optional}: ${type}\`${text === "" ? "" : ` — ${text}`}`;
  });
  const alias =
    reflection.kind === ReflectionKind.TypeAlias
      ? code([`type ${entry.name} = ${short(reflection.type?.toString() ?? "")}`])
      : "";
  return [`### ${entry.name} {#type-${entry.name}}`, ...described(commentOf(reflection)), alias, fields.join("\n")]
    .filter(Boolean)
    .join("\n\n");
}

export const isType = ({ reflection: { kind } }: Entry): boolean =>
  kind === ReflectionKind.Interface || kind === ReflectionKind.TypeAlias;

/** Whether a type is nothing but the call forms of an operator, which stand with the operator. */
export const isCallForms = ({ reflection }: Entry): boolean => {
  const { kind, signatures = [], children = [] } = reflection;
  return kind === ReflectionKind.Interface && (signatures.length > 0 || children.some(({ name }) => name === "op"));
};

/** The docstring of an operator: the method's own, or that of the declaration. */
function operatorText({ reflection, symbol }: Entry, { checker }: Model): string[] {
  const own = described(commentOf(reflection));
  if (own.length > 0 || symbol === undefined) return own;
  return [plain(ts.displayPartsToString(symbol.getDocumentationComment(checker)))];
}

/** What stands under an export's heading. */
function body(entry: Entry, model: Model): string[] {
  const { reflection, space, name, symbol } = entry;
  if (operatorOf(space, name) !== null) return [code(operatorLines(entry, model)), ...operatorText(entry, model)];
  if (reflection.kind === ReflectionKind.Class) {
    const lines = [...constructorLines(entry, model), ...callLine(entry, model)];
    return [...(lines.length === 0 ? [] : [code(lines)]), ...described(commentOf(reflection))];
  }
  const lines = functionLines(fullName(space, name), symbol, model);
  const type =
    lines.length === 0 && symbol !== undefined
      ? [`${fullName(space, name)}: ${short(model.checker.typeToString(model.checker.getTypeOfSymbol(symbol)))}`]
      : lines;
  return [code(type), ...described(commentOf(reflection))];
}

/** An export as a section; re-exports refer to the first place. */
export function entryText(entry: Entry, model: Model, places: Places): string {
  const { space, name, reflection } = entry;
  const heading = `## ${plain(name)} {#${name}}`;
  if (reflection.kind === ReflectionKind.Reference) {
    const place = places.get(name);
    return place === undefined ? "" : `${heading}\n\nThe same as [${fullName("", name)}](${place}).`;
  }
  if (isType(entry)) return typeText(entry);
  const theirs = pytorchPage(space, name) ?? (isMethod(name) ? pytorchPage("Tensor", name) : null);
  const source = theirs === null ? "" : `In PyTorch: [${theirs.name}](${theirs.href})`;
  const own = reflection.kind === ReflectionKind.Class ? members(entry, model) : [];
  return [heading, ...body(entry, model), source, ...own].filter((text) => text !== "").join("\n\n");
}
