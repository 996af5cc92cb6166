/** What documentation pages hold: programs, what they print, the same programs in PyTorch, figures and tables of rows. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A fenced block. */
export interface Block {
  /** The language, and what follows it. */
  readonly info: string;
  readonly code: string;
  /** The line of its fence, from 1. */
  readonly line: number;
  /** Its place in the page's text. */
  readonly start: number;
  readonly end: number;
}

/** A program of a page with what the page promises of it. */
export interface Program {
  readonly page: string;
  readonly line: number;
  readonly code: string;
  /** What it prints: the `text` block after it, or the comments behind its console.log lines. */
  readonly output: string;
  /** The warnings that it causes: the paragraphs of the `text warning` block after it. */
  readonly warnings: readonly string[];
  /** The same program in PyTorch, where the page shows it. */
  readonly python: string | null;
  readonly figure: Figure | null;
}

/**
 * A drawing of the lens after a program: `![title](file.svg)` and `<!-- draw { names } -->` say what is drawn, where to.
 */
export interface Figure {
  readonly title: string;
  readonly file: string;
  /** An object expression in the scope of the program. */
  readonly named: string;
  /** What a BestState or state dict became, to be marked: another expression. */
  readonly drift: string | null;
}

/** A row of a table whose first columns are `PyTorch` and `Cresset`. */
export interface Row {
  readonly page: string;
  readonly line: number;
  readonly python: string;
  readonly code: string;
}

/** What programs may leave out, as each page says that does. */
export const prelude = `import * as torch from "cresset";\nimport { copy, nn, optim } from "cresset";\nconst F = nn.functional;\n`;

/** The pages whose programs run: the README and everything below docs/. */
export function pages(): string[] {
  const below = readdirSync("docs", { recursive: true, encoding: "utf8" });
  return [
    "README.md",
    ...below
      .filter((file) => file.endsWith(".md"))
      .map((file) => join("docs", file))
      .sort(),
  ];
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w.*?)\n(.*?)^```$/gms)].map((match) => ({
    info: match[1]!,
    code: match[2]!,
    line: lineAt(text, match.index),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** The comments behind console.log lines. */
const promised = (code: string): string =>
  [...code.matchAll(/^\s*console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => `${match[1]}\n`).join("");

const figureMark = /!\[([^\]]*)\]\((\S+\.svg)\)\s*<!-- draw (\{.*?\})(?: drift (\{.*?\}))? -->/;

function figureOf(rest: string): Figure | null {
  const found = figureMark.exec(rest);
  return found && { title: found[1]!, file: found[2]!, named: found[3]!, drift: found[4] ?? null };
}

const paragraphsOf = (text: string): string[] =>
  text
    .split("\n\n")
    .map((paragraph) => paragraph.trim().replace(/\s+/g, " "))
    .filter((paragraph) => paragraph !== "");

/** `rest` is the page's text from this program to the next, `after` the blocks in it. */
function programOf(page: string, block: Block, rest: string, after: readonly Block[]): Program {
  const codeOf = (info: string): string | undefined => after.find((other) => other.info === info)?.code;
  return {
    page,
    line: block.line,
    code: block.code,
    output: codeOf("text") ?? promised(block.code),
    warnings: paragraphsOf(codeOf("text warning") ?? ""),
    python: codeOf("python") ?? null,
    figure: figureOf(rest),
  };
}

/** The programs of a page, in order. */
export function programsOf(page: string): Program[] {
  const text = readFileSync(page, "utf8");
  const blocks = blocksOf(text);
  const programs = blocks.filter(({ info }) => info === "ts");
  return programs.map((block, i) => {
    const until = programs[i + 1]?.start ?? text.length;
    const after = blocks.filter(({ start }) => start >= block.end && start < until);
    return programOf(page, block, text.slice(block.end, until), after);
  });
}

/** A program as a module: with the prelude unless it imports by itself. */
export function moduleOf(code: string): string {
  return /^import .* from "cresset"/m.test(code) ? `${code}\nexport {};\n` : `${prelude}${code}`;
}

/** The cells of a table's row, without the marks of code. */
function cellsOf(line: string): string[] {
  const parts = line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/);
  return parts.map((cell) => cell.trim().replaceAll("\\|", "|"));
}

const codeOf = (cell: string): string => /^(`+) ?(.*?) ?\1$/.exec(cell)?.[2] ?? "";

/** The rows of a page's tables of PyTorch and Cresset that hold code on both sides. */
export function rowsOf(page: string): Row[] {
  const rows: Row[] = [];
  let inside = false;
  for (const [i, line] of readFileSync(page, "utf8").split("\n").entries()) {
    if (!line.startsWith("|")) inside = false;
    else if (/^\| PyTorch \| Cresset \|/.test(line)) inside = true;
    else if (inside && !line.startsWith("|---")) {
      const [python, code] = cellsOf(line).map(codeOf);
      if (python === undefined || code === undefined || python === "" || code === "") {
        throw new Error(`${page}:${i + 1}: a row needs code in both columns`);
      }
      rows.push({ page, line: i + 1, python, code });
    }
  }
  return rows;
}
