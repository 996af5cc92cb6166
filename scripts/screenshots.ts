/** Draws docs/images: the pages as they look in Chromium, after `npm run build`. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import * as torch from "../src/index.ts";
import { executable, launch } from "../test/browser/chromium.ts";

const target = resolve("docs/images");
const address = (page: string, rest = ""): string => pathToFileURL(resolve("dist/web", page)).href + rest;
const name = (text: string): string => `.row:has(.fit:text-is("${text}"))`;

async function shot(
  browser: Browser,
  file: string,
  url: string,
  colorScheme: "light" | "dark",
  arrange: (page: Page) => Promise<unknown>,
): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1120, height: 640 }, colorScheme, reducedMotion: "reduce" });
  await page.goto(url);
  await arrange(page);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(target, file) });
  await page.close();
  console.log(`docs/images/${file}`);
}

const ran = async (page: Page): Promise<void> => {
  await page.click("#run");
  await page.waitForFunction(() => document.body.dataset.state === "done", null, { timeout: 120_000 });
};

async function compared(page: Page, folder: string): Promise<void> {
  torch.manualSeed(0);
  const model = new torch.nn.TransformerEncoderLayer(32, 4, { dimFeedforward: 64 });
  await torch.save(model.stateDict(), join(folder, "before.pt"));
  torch.noGrad(() => {
    for (const [key, p] of model.namedParameters()) {
      if (key.startsWith("linear")) p.mul_(1.01);
      else if (key.startsWith("norm")) p.add_(torch.randn(p.shape).mul(0.2));
    }
  });
  await torch.save({ ...Object.fromEntries(model.stateDict()), step: torch.zeros(1) }, join(folder, "after.pt"));
  await page.setInputFiles("#picker", [join(folder, "before.pt"), join(folder, "after.pt")]);
  await page.waitForSelector(`.compare ${name("step")}`);
}

async function main(): Promise<void> {
  if (executable === null) throw new Error("no Chromium was found");
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "cresset-"));
  const browser = await launch();
  try {
    for (const scheme of ["light", "dark"] as const) {
      await shot(browser, `lens-${scheme}.png`, address("lens.html", "?demo"), scheme, (page) =>
        page.click(name("naive.hidden.weight")),
      );
    }
    await shot(browser, "compare.png", address("lens.html"), "light", (page) => compared(page, folder));
    await shot(browser, "playground.png", address("playground.html", "?program=strides"), "light", async (page) => {
      await ran(page);
      await page.click(name("turned"));
    });
    await shot(browser, "training.png", address("playground.html", "?program=mnist"), "dark", ran);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
