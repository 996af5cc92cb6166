/** Anomaly mode names the line of the forward call whose backward went wrong. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

test("a NaN in backward is an error, and a warning names the forward line", () => {
  const run = (): void =>
    torch.autograd.detectAnomaly(() => {
      const x = torch.tensor([0], { requiresGrad: true });
      x.sqrt().mul(0).backward(); // 0 times infinity
    });
  const warnings = torch.warnings.record(() =>
    expect(run).toThrow("Function 'SqrtBackward0' returned nan values in its 0th output."),
  );
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.message).toMatch(
    /^Error detected in SqrtBackward0\. Traceback of forward call that caused the error:\n.*anomaly\.test\.ts:9/,
  );
});

test("outside anomaly mode the same backward gives NaN", () => {
  const x = torch.tensor([0], { requiresGrad: true });
  x.sqrt().mul(0).backward();
  expect(x.grad?.item()).toBeNaN();
});
