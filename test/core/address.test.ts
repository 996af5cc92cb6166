/** The package runs where a module has no address: bundled as a script or for CommonJS, and in some runtimes. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const program = `
  import { readFileSync } from "node:fs";
  import { SourceTextModule } from "node:vm";
  const module = new SourceTextModule(readFileSync("dist/index.js", "utf8")); // its import.meta is empty
  await module.link(() => { throw new Error("a static import"); });
  await module.evaluate();
  const torch = module.namespace;
  const w = torch.ones(1, { requiresGrad: true });
  torch.autograd.detectAnomaly(() => w.mul(2).sum().backward()); // keeps stacks
  console.log(String(w.grad));
`;

test("a module without an address imports, computes and keeps stacks", () => {
  const flags = ["--no-warnings", "--experimental-vm-modules", "--input-type=module", "-e", program];
  expect(execFileSync(process.execPath, flags, { encoding: "utf8" })).toBe("tensor([2.])\n");
});
