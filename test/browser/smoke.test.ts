/** The published bundle in real Chromium: the same training steps, the same numbers as in Node. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { train } from "./program.mjs";

const executable = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const root = process.cwd();
const types: Record<string, string> = { ".js": "text/javascript", ".mjs": "text/javascript", ".html": "text/html" };
const page = `<!doctype html><meta charset="utf-8"><title>cresset</title>
<script type="importmap">{"imports":{"fflate":"/node_modules/fflate/esm/browser.js"}}</script>`;

function serve(isolated: boolean): Server {
  return createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    response.setHeader("Content-Type", types[extname(path)] ?? "text/html");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    const file = join(root, path);
    if (path === "/") response.end(page);
    else if (existsSync(file)) response.end(readFileSync(file));
    else {
      response.statusCode = 404;
      response.end();
    }
  });
}

const training = `(async () => {
  const [torch, program] = await Promise.all([import("/dist/index.js"), import("/test/browser/program.mjs")]);
  return { isolated: globalThis.crossOriginIsolated, ...program.train(torch) };
})()`;

/** 6 GB of results, one library await per 32 MiB; the highest number of bytes in use after an await. */
const discarding = `(async () => {
  const torch = await import("/dist/index.js");
  const x = torch.ones(2 ** 20);
  let peak = 0;
  for (let step = 0; step < 192; step++) {
    for (let i = 0; i < 8; i++) x.add(i);
    await torch.synchronize();
    peak = Math.max(peak, torch.memory.stats().allocated);
  }
  return peak;
})()`;

/** Evaluates a program, a text since the test runner rewrites imports in functions. */
async function inPage(isolated: boolean, program: string): Promise<unknown> {
  const server = serve(isolated);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: executable!,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const tab = await browser.newPage();
    const errors: string[] = [];
    tab.on("pageerror", (error) => errors.push(String(error)));
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const result = await tab.evaluate(program);
    expect(errors).toEqual([]);
    return result;
  } finally {
    await browser.close();
    server.close();
  }
}

if (executable === undefined) console.log("skipped: the browser smoke test, for no Chromium was found");

describe.skipIf(executable === undefined)("the bundle in Chromium", () => {
  let expected: ReturnType<typeof train>;

  beforeAll(async () => {
    expected = train(await import(join(root, "dist/index.js")));
  });

  test.each([true, false])("trains as in Node (cross-origin isolated: %s)", async (isolated) => {
    expect(await inPage(isolated, training)).toEqual({ isolated, ...expected });
  });

  test("a loop with one library await per step keeps its memory below twice the threshold of 256 MiB", async () => {
    expect(await inPage(false, discarding)).toBeLessThan(512 * 2 ** 20);
  });
});
