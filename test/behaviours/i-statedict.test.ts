/** Rows I17-I41: stateDict and loadStateDict. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, ints, lines, mk, raises, raisesPrefix, sameAddress, startFresh, warned } from "./support.ts";

const { nn, optim } = torch;
startFresh();

const matched = "<All keys matched successfully>";

/** Two Linear layers with one weight Parameter between them, in a ModuleList. */
function tied(): { a: torch.nn.Linear; b: torch.nn.Linear; m: torch.nn.ModuleList } {
  const a = mk();
  const b = mk();
  b.weight = a.weight;
  return { a, b, m: new nn.ModuleList([a, b]) };
}

/** A plain object with the entries of a state dict. */
function entries(m: torch.nn.AnyModule): Record<string, torch.Tensor> {
  return Object.fromEntries(m.stateDict());
}

test("I17 keepVars returns the Parameters themselves", () => {
  const m = mk();
  const s = m.stateDict({ keepVars: true });
  expect(s.get("weight") === m.weight).toBe(true);
  expect(s.get("weight")!.constructor.name).toBe("Parameter");
  expect((m.stateDict().get("weight") as unknown) === m.weight).toBe(false);
});

test("I18 stateDict takes a prefix and a destination, positionally with a warning", () => {
  const m = mk();
  expect([...m.stateDict({ prefix: "a." }).keys()]).toEqual(["a.weight", "a.bias"]);
  const d = new torch.StateDict([["z", torch.ones(1)]]);
  expect(m.stateDict({ destination: d }) === d).toBe(true);
  expect([...d.keys()]).toEqual(["z", "weight", "bias"]);
  let keys: string[] = [];
  const messages = warned(() => {
    keys = [...m.stateDict(new torch.StateDict()).keys()];
  });
  expect(keys).toEqual(["weight", "bias"]);
  expect(messages).toEqual([
    "Positional args are being deprecated, use kwargs instead. Refer to https://pytorch.org/docs/master/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
  ]);
});

test("I19 state-dict entries share the version counter of their Parameter", () => {
  const m = mk();
  const s = m.stateDict();
  const entry = s.get("bias")!;
  const v = entry._version;
  expect(v).toBe(m.bias!._version);
  m(torch.ones(1, 2)).sum().backward();
  new optim.SGD(m.parameters(), { lr: 1 }).step();
  expect(entry._version - v).toBe(1);
  expect(m.bias!._version - v).toBe(1);
});

test("I20 writes through .data change the state dict without bumping any version", () => {
  const m = mk();
  const s = m.stateDict();
  const v = m.bias!._version;
  m.bias!.data.mul_(2);
  m.bias!.data = m.bias!.data.sub_(1);
  expect(s.get("bias")!._version - v).toBe(0);
  expect(m.bias!._version - v).toBe(0);
  expect(String(s.get("bias"))).toBe("tensor([ 9., 11.])");
});

test("I21 parameters of tied layers are listed once, state-dict keys all", () => {
  const { m } = tied();
  expect([...m.namedParameters()].map(([name]) => name)).toEqual(["0.weight", "0.bias", "1.bias"]);
  const s = m.stateDict();
  expect([...s.keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
  expect(sameAddress(s.get("0.weight")!, s.get("1.weight")!)).toBe(true);
  expect([...m.parameters()].length).toBe(3);
});

test("I21 (2.x) namedParameters takes removeDuplicate", () => {
  const { m } = tied();
  expect([...m.namedParameters({ removeDuplicate: false })].map(([name]) => name)).toEqual([
    "0.weight",
    "0.bias",
    "1.weight",
    "1.bias",
  ]);
});

test("I22 of two values for tied keys the last one wins", () => {
  const { m } = tied();
  const s = new Map([...m.stateDict()].map(([key, value]) => [key, value.clone()]));
  s.get("0.weight")!.fill_(1);
  s.get("1.weight")!.fill_(2);
  expect(String(m.loadStateDict(s))).toBe(matched);
  expect((m[0] as torch.nn.Linear).weight.at(0).tolist()).toEqual([2, 2]);
});

test("I23 loading converts to the dtype of the parameter", () => {
  const m = mk();
  const result = m.loadStateDict({ weight: torch.ones(2, 2, { dtype: torch.float64 }), bias: ints([1, 2]) });
  expect(String(result)).toBe(matched);
  expect(String(m.bias)).toBe(lines("Parameter containing:", "tensor([1., 2.], requires_grad=True)"));
  expect(m.weight.dtype).toBe(torch.float32);
  expect(m.weight.tolist()).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

test("I23 loading does not broadcast", () => {
  const m = mk();
  raises(
    () => m.loadStateDict({ weight: torch.ones(1, 2), bias: torch.ones(2) }),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Linear:",
      "\tsize mismatch for weight: copying a param with shape torch.Size([1, 2]) from checkpoint, the shape in current model is torch.Size([2, 2]).",
    ),
  );
});

test("I23 one element of dimension 1 loads into a 0-d parameter", () => {
  const z = Object.assign(new nn.Module(), { p: new nn.Parameter(torch.tensor(0)) });
  expect(String(z.loadStateDict({ p: torch.tensor([5]) }))).toBe(matched);
  expect(String(z.p)).toBe(lines("Parameter containing:", "tensor(5., requires_grad=True)"));
});

test("I24 non-tensors in the state dict are listed by name", () => {
  const m = mk();
  const source: unknown = {
    weight: [
      [1, 2],
      [3, 4],
    ],
    bias: null,
  };
  const text = capture(() => m.loadStateDict(source as Record<string, torch.Tensor>));
  const line = (name: string) =>
    `\tWhile copying the parameter named "${name}", expected torch.Tensor or Tensor-like object from checkpoint but received `;
  const [head, weight, bias, ...more] = text.split("\n");
  expect(head).toBe("RuntimeError: Error(s) in loading state_dict for Linear:");
  expect(weight!.slice(0, line("weight").length)).toBe(line("weight"));
  expect(weight!.slice(line("weight").length)).toMatch(/list|[Aa]rray/);
  expect(bias!.slice(0, line("bias").length)).toBe(line("bias"));
  expect(bias!.slice(line("bias").length)).toMatch(/NoneType|null/);
  expect(more).toEqual([]);
  expect(m.bias!.tolist()).toEqual([5, 6]);
});

test("I25 (2.x) a key below a parameter is unexpected", () => {
  const m = mk();
  raises(
    () => m.loadStateDict({ ...entries(m), "weight.foo": torch.ones(1) }),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Linear:",
      '\tUnexpected key(s) in state_dict: "weight.foo". ',
    ),
  );
});

test("I26 the loaded dict is not modified and needs no metadata", () => {
  const m = mk();
  const d = entries(m);
  expect(String(m.loadStateDict(d))).toBe(matched);
  expect(Object.keys(d)).toEqual(["weight", "bias"]);
  const asMap = new Map(Object.entries(d));
  expect(String(m.loadStateDict(asMap))).toBe(matched);
  expect(asMap.size).toBe(2);
});

test("I27 problems of nested modules are all listed, with dotted names", () => {
  const m = new nn.Sequential({ enc: new nn.Sequential(mk()), dec: mk() });
  raises(
    () => m.loadStateDict({ "enc.0.weight": torch.zeros(1, 2), "x.y": torch.zeros(1) }),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Sequential:",
      '\tMissing key(s) in state_dict: "enc.0.bias", "dec.weight", "dec.bias". ',
      '\tUnexpected key(s) in state_dict: "x.y". ',
      "\tsize mismatch for enc.0.weight: copying a param with shape torch.Size([1, 2]) from checkpoint, the shape in current model is torch.Size([2, 2]).",
    ),
  );
});

test("I28 a partial transfer filters by key and shape; strict: false does not skip other shapes", () => {
  const body = mk();
  const head = new nn.Linear(2, 3);
  const m = new nn.Sequential({ body, head });
  const pre: Record<string, torch.Tensor> = {
    "body.weight": torch.zeros(2, 2),
    "head.weight": torch.zeros(5, 2),
  };
  const d = m.stateDict();
  for (const [k, v] of Object.entries(pre)) {
    if (d.has(k) && String(v.shape) === String(d.get(k)!.shape)) d.set(k, v);
  }
  expect(String(m.loadStateDict(d))).toBe(matched);
  expect(body.weight.tolist()).toEqual([
    [0, 0],
    [0, 0],
  ]);
  expect([...head.weight.shape]).toEqual([3, 2]);
  raises(
    () => m.loadStateDict(pre, { strict: false }),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Sequential:",
      "\tsize mismatch for head.weight: copying a param with shape torch.Size([5, 2]) from checkpoint, the shape in current model is torch.Size([3, 2]).",
    ),
  );
});

test("I29 a load pre-hook edits a copy of the dict, a post-hook sees the incompatible keys", () => {
  const m = mk();
  const seen: string[] = [];
  m._registerLoadStateDictPreHook((sd) => {
    sd.delete("x");
  });
  m.registerLoadStateDictPostHook((_module, incompatible) => {
    seen.push(String(incompatible));
  });
  const src = { ...entries(m), x: torch.ones(1) };
  expect(String(m.loadStateDict(src))).toBe(matched);
  expect("x" in src).toBe(true);
  expect(seen).toEqual([matched]);
});

test("I29 a state-dict hook may edit the result", () => {
  const m = mk();
  m._registerStateDictHook((_module, sd) => {
    sd.delete("bias");
  });
  expect([...m.stateDict().keys()]).toEqual(["weight"]);
});

test("I30 loading a keepVars dict records no graph", () => {
  const m = mk();
  const n = new nn.Linear(2, 2);
  expect(String(n.loadStateDict(m.stateDict({ keepVars: true })))).toBe(matched);
  expect(n.weight.isLeaf).toBe(true);
  expect(n.weight.gradFn).toBe(null);
  expect(torch.equal(n.weight, m.weight)).toBe(true);
  expect(sameAddress(n.weight, m.weight)).toBe(false);
  expect(String(m.loadStateDict(m.stateDict({ keepVars: true })))).toBe(matched);
  expect(m.bias!.tolist()).toEqual([5, 6]);
});

test("I31 parametersToVector copies; vectorToParameters makes the parameters views of the vector", () => {
  const m = mk();
  const flat = nn.utils.parametersToVector(m.parameters());
  expect(String(flat)).toBe("tensor([1., 2., 3., 4., 5., 6.], grad_fn=<CatBackward0>)");
  const v = flat.detach().clone();
  nn.utils.vectorToParameters(v, m.parameters());
  v.zero_();
  expect(String(m.weight)).toBe(
    lines("Parameter containing:", "tensor([[0., 0.],", "        [0., 0.]], requires_grad=True)"),
  );
  expect(m.bias!.storageOffset()).toBe(4);
  expect(sameAddress(m.weight, v)).toBe(true);
});

test("I32 (our rule) a failing load changes nothing", () => {
  const m = mk();
  const version = m.weight._version;
  raises(
    () => m.loadStateDict({ weight: torch.zeros(2, 2) }),
    lines("RuntimeError: Error(s) in loading state_dict for Linear:", '\tMissing key(s) in state_dict: "bias". '),
  );
  expect(m.weight.tolist()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(m.weight._version).toBe(version);
});

test("I33 (2.x) assign puts the given tensors in place of the module's", () => {
  const m = mk();
  const source = { weight: torch.zeros(2, 2), bias: torch.ones(2) };
  const kept = m.weight;
  expect(String(m.loadStateDict(source, { assign: true }))).toBe(matched);
  expect(m.weight === kept).toBe(false);
  expect(m.weight instanceof nn.Parameter).toBe(true);
  expect(m.weight.requiresGrad).toBe(true);
  expect(sameAddress(m.weight, source.weight)).toBe(true);
  expect(kept.tolist()).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test("I34 loading bumps versions, so that an older graph refuses to run backward", () => {
  const m = new nn.Sequential(mk(), mk());
  const y = m(torch.ones(1, 2)).sum();
  expect(String(m.loadStateDict(m.stateDict()))).toBe(matched);
  const text = capture(() => y.backward());
  expect(text).toMatch(
    /^RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: \[torch\.FloatTensor \[2, 2\]\](, which is output 0 of \w+)?,? is at version \d+; expected version \d+ instead\. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch\.autograd\.(set_detect_anomaly|setDetectAnomaly)\([Tt]rue\)\.$/,
  );
});

test("I35 loading a permuted alias of the target raises and changes nothing", () => {
  const m = mk();
  const s = m.stateDict();
  s.set("weight", s.get("weight")!.t());
  raisesPrefix(
    () => m.loadStateDict(s),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Linear:",
      "\tWhile copying the parameter named \"weight\", whose dimensions in the model are torch.Size([2, 2]) and whose dimensions in the checkpoint are torch.Size([2, 2]), an exception occurred : ('unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation.',).",
    ),
  );
  expect(String(m.weight)).toBe(
    lines("Parameter containing:", "tensor([[1., 2.],", "        [3., 4.]], requires_grad=True)"),
  );
});

test("I36 persistent buffers are in the state dict, others and nulls are not", () => {
  const m = new nn.Module();
  m.registerBuffer("a", torch.zeros(1));
  m.registerBuffer("b", torch.ones(1), { persistent: false });
  m.registerParameter("p", null);
  m.registerBuffer("n", null);
  expect(String(m.stateDict())).toBe("OrderedDict([('a', tensor([0.]))])");
  expect([...m.namedBuffers()].map(([name]) => name)).toEqual(["a", "b"]);
  raises(
    () => m.loadStateDict({ a: torch.ones(1), b: torch.ones(1) }),
    lines("RuntimeError: Error(s) in loading state_dict for Module:", '\tUnexpected key(s) in state_dict: "b". '),
  );
});

test("I36 loading a buffer writes in place", () => {
  const m = new nn.Module();
  const a = torch.zeros(1);
  m.registerBuffer("a", a);
  m.loadStateDict({ a: torch.ones(1) });
  expect(m.getBuffer("a") === a).toBe(true);
  expect(a.tolist()).toEqual([1]);
});

test("I37 a forward in train mode shows in an older state dict of BatchNorm", () => {
  const m = new nn.BatchNorm1d(1);
  const s = m.stateDict();
  m(torch.tensor([[0], [2]]));
  expect(String(s.get("running_mean"))).toBe("tensor([0.1000])");
  expect(String(s.get("num_batches_tracked"))).toBe("tensor(1)");
  expect(sameAddress(s.get("running_mean")!, m.runningMean!)).toBe(true);
});

test("I38 getExtraState and setExtraState add the key _extra_state", () => {
  const seen: unknown[] = [];
  class E extends nn.Module {
    override getExtraState(): unknown {
      return { k: 1 };
    }
    override setExtraState(state: unknown): void {
      seen.push(state);
    }
  }
  const e = new E();
  expect(String(e.stateDict())).toBe("OrderedDict([('_extra_state', {'k': 1})])");
  expect(String(e.loadStateDict(e.stateDict()))).toBe(matched);
  expect(seen).toEqual([{ k: 1 }]);
});

test("I39 a 'module.' prefix is a key error, cured by renaming", () => {
  const m = mk();
  const s = Object.fromEntries([...m.stateDict()].map(([key, value]) => [`module.${key}`, value]));
  raises(
    () => m.loadStateDict(s),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Linear:",
      '\tMissing key(s) in state_dict: "weight", "bias". ',
      '\tUnexpected key(s) in state_dict: "module.weight", "module.bias". ',
    ),
  );
  const renamed = Object.fromEntries(Object.entries(s).map(([key, value]) => [key.slice(7), value]));
  expect(String(m.loadStateDict(renamed))).toBe(matched);
});

test("I40 to() without a change keeps the storage, double() leaves an older state dict behind", () => {
  const m = mk();
  const s = m.stateDict();
  m.to("cpu");
  expect(sameAddress(s.get("weight")!, m.weight)).toBe(true);
  m.double();
  expect(s.get("weight")!.dtype).toBe(torch.float32);
  expect(m.stateDict().get("weight")!.dtype).toBe(torch.float64);
  expect(sameAddress(s.get("weight")!, m.weight)).toBe(false);
});

test("I41 requiresGrad_ concerns parameters, never state-dict entries, and loading leaves it alone", () => {
  const m = mk().requiresGrad_(false);
  const s = m.stateDict();
  expect(s.get("weight")!.requiresGrad).toBe(false);
  expect(m.weight.requiresGrad).toBe(false);
  expect(mk().stateDict().get("weight")!.requiresGrad).toBe(false);
  const n = mk();
  expect(String(n.loadStateDict(s))).toBe(matched);
  expect(n.weight.requiresGrad).toBe(true);
});
