/** Rows S113 and S116 to S119: checkpoints of state dicts and plain values. */
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import {
  entry,
  lines,
  mk,
  raises,
  raisesAsync,
  raisesPrefixAsync,
  sameAddress,
  saveAsCuda,
  startFresh,
  temporaryFiles,
} from "./support.ts";

const { nn } = torch;
const file = temporaryFiles();
const noCuda =
  "RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are " +
  "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to " +
  "the CPU.";

startFresh();

test("S113 a saved state dict loads as a StateDict of new tensors with its metadata", async () => {
  const m = mk();
  const path = file("m.pth");
  await torch.save(m.stateDict(), path);
  const s = (await torch.load(path)) as torch.StateDict;
  expect(s).toBeInstanceOf(torch.StateDict);
  expect(String(s)).toBe(
    lines("OrderedDict([('weight', tensor([[1., 2.],", "        [3., 4.]])), ('bias', tensor([5., 6.]))])"),
  );
  const n = new nn.Linear(2, 2);
  expect(String(n.loadStateDict(s))).toBe("<All keys matched successfully>");
  expect(torch.equal(n.weight, m.weight)).toBe(true);
  expect(sameAddress(entry(s, "weight"), m.weight)).toBe(false);
  expect([...s._metadata!]).toEqual([["", { version: 1 }]]);
});

test("S116 a checkpoint holds model, optimizer and hyperparameters by key", async () => {
  const m = mk();
  const optimizer = new torch.optim.SGD(m.parameters(), { lr: 0.1, momentum: 0.9 });
  const path = file("c.pt");
  await torch.save({ epoch: 3, model: m.stateDict(), opt: optimizer.stateDict(), lr: 0.1 }, path);
  const c = (await torch.load(path)) as Record<string, unknown>;
  expect(Object.keys(c)).toEqual(["epoch", "model", "opt", "lr"]);
  expect(c.epoch).toBe(3);
  const opt = c.opt as { state: object; param_groups: Record<string, unknown>[] };
  expect(Object.keys(opt)).toEqual(["state", "param_groups"]);
  expect(opt.state instanceof Map ? opt.state.size : Object.keys(opt.state).length).toBe(0);
  expect(opt.param_groups.map((group) => ({ ...group }))).toEqual([
    {
      lr: 0.1,
      momentum: 0.9,
      dampening: 0,
      weight_decay: 0,
      nesterov: false,
      maximize: false,
      foreach: null,
      differentiable: false,
      params: [0, 1],
    },
  ]);
});

test("S117 mapLocation takes a device, a string, a dict or a function", async () => {
  const path = file("a.pt");
  await torch.save(torch.ones(2), path);
  const mapped = async (mapLocation: torch.MapLocation): Promise<torch.Tensor> =>
    (await torch.load(path, { mapLocation })) as torch.Tensor;
  expect(String(await mapped(torch.device("cpu")))).toBe("tensor([1., 1.])");
  expect(String((await mapped("cpu")).device)).toBe("cpu");
  expect(String((await mapped({ "cuda:0": "cpu" })).device)).toBe("cpu");
  expect(String((await mapped((storage) => storage)).device)).toBe("cpu");
});

test("S117 a checkpoint from a GPU loads only with a mapLocation", async () => {
  const path = file("g.pt");
  await saveAsCuda(path);
  await raisesAsync(() => torch.load(path), noCuda);
  expect(String(await torch.load(path, { mapLocation: "cpu" }))).toBe("tensor([1., 1.])");
});

test("S118 loading a state dict into another architecture raises the key error", async () => {
  const path = file("linear.pth");
  await torch.save(mk().stateDict(), path);
  const state = (await torch.load(path)) as torch.StateDict;
  raises(
    () => new nn.Sequential(new nn.Linear(2, 2)).loadStateDict(state),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Sequential:",
      '\tMissing key(s) in state_dict: "0.weight", "0.bias". ',
      '\tUnexpected key(s) in state_dict: "weight", "bias". ',
    ),
  );
});

test("S119 a missing file and a file that is no checkpoint raise", async () => {
  const missing = file("nope.pt");
  await raisesAsync(() => torch.load(missing), `FileNotFoundError: [Errno 2] No such file or directory: '${missing}'`);
  writeFileSync(file("bad.pt"), "hello");
  await raisesPrefixAsync(() => torch.load(file("bad.pt")), "UnpicklingError: ");
});
