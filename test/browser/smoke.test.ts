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

async function inPage(isolated: boolean): Promise<unknown> {
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
    // As text: the test runner rewrites imports in functions.
    const result = await tab.evaluate(`(async () => {
        const [torch, program] = await Promise.all([import("/dist/index.js"), import("/test/browser/program.mjs")]);
        return { isolated: globalThis.crossOriginIsolated, ...program.train(torch) };
      })()`);
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
    expect(await inPage(isolated)).toEqual({ isolated, ...expected });
  });
});
