/** Rows S108 to S112: devices, and what `to` copies. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, mk, raises, startFresh } from "./support.ts";

const noCuda = "AssertionError: Torch not compiled with CUDA enabled";

startFresh();

test("S108 torch.cuda says that there is no CUDA", () => {
  expect(torch.cuda.isAvailable()).toBe(false);
  expect(torch.cuda.deviceCount()).toBe(0);
  raises(() => torch.cuda.getDeviceName(torch.cuda.currentDevice()), noCuda);
});

test("S108 cuda() and to('cuda:0') raise without CUDA", () => {
  raises(() => torch.ones(1).cuda(), noCuda);
  raises(() => mk().cuda(), noCuda);
  raises(() => torch.ones(1).to(torch.device("cuda:0")), noCuda);
});

test("S109 to returns self when nothing changes and a new tensor otherwise", () => {
  const t = torch.ones(2);
  expect(t.cpu()).toBe(t);
  expect(t.to("cpu")).toBe(t);
  expect(t.to(torch.float32)).toBe(t);
  expect(t.to("cpu", { copy: true }) === t).toBe(false);
  const u = t.to(torch.float64);
  expect(u.dtype).toBe(torch.float64);
  expect(t.dtype).toBe(torch.float32);
  expect(t.double() === t).toBe(false);
});

test("S110 a module's to changes its parameters in place and returns the module", () => {
  const m = mk();
  const w = m.weight;
  expect(m.to(torch.float64)).toBe(m);
  expect(m.weight).toBe(w);
  expect(w.dtype).toBe(torch.float64);
  expect(m.cpu()).toBe(m);
});

test("S111 a device has a type and an index", () => {
  const d = torch.device("cuda:0");
  expect([d.type, d.index]).toEqual(["cuda", 0]);
  expect(String(d)).toBe("cuda:0");
  expect(String(torch.device("cuda"))).toBe("cuda");
  expect(String(torch.device("cuda", 1))).toBe("cuda:1");
  expect(torch.device("cuda") === d).toBe(false);
  expect(torch.device("cpu").index).toBe(null);
});

test("S111 a device string that names no device raises", () => {
  expect(capture(() => torch.device("gpu"))).toMatch(
    /^RuntimeError: Expected one of cpu, .* device type at start of device string: gpu$/,
  );
  raises(() => torch.device("cuda:x"), "RuntimeError: Invalid device string: 'cuda:x'");
});

test("S112 a tensor elsewhere has no numpy() and does not mix with cpu tensors", () => {
  raises(
    () => torch.ones(2, { device: "meta" }).numpy(),
    "TypeError: can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory " +
      "first.",
  );
  raises(
    () => torch.ones(2, { device: "meta" }).add(torch.ones(2)),
    "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, meta and cpu!",
  );
});
