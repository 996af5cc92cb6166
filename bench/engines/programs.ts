/** The workloads in Cresset; also what the profile runs. */
import { mkdtempSync } from "node:fs";
import path from "node:path";
import type * as Cresset from "../../src/index.ts";
import { checkedSteps } from "../workloads.ts";
import { type Case, digest, read } from "./serve.ts";

/** The library, of whichever build. */
export type Torch = typeof Cresset;
type Tensor = Cresset.Tensor;
type AnyTensorModule = Cresset.nn.Module;

function tensor(torch: Torch, name: string): Tensor {
  const { shape, data } = read(name);
  const flat = torch.tensor(data);
  return (data instanceof Int32Array ? flat.to(torch.int64) : flat).view(shape);
}

interface Layer {
  weight: Tensor;
  bias?: Tensor | null;
}

function give<L extends object>(torch: Torch, layer: L, name: string, bias = true): L {
  const { weight, bias: offset } = layer as Layer;
  torch.noGrad(() => {
    weight.copy_(tensor(torch, `${name}.w`));
    if (bias) offset!.copy_(tensor(torch, `${name}.b`));
  });
  return layer;
}

interface Training {
  readonly model: AnyTensorModule;
  readonly optimizer: Cresset.optim.Optimizer;
  readonly lossOf: (out: Tensor, y: Tensor) => Tensor;
  readonly x: Tensor;
  readonly y: Tensor;
}

function training({ model, optimizer, lossOf, x, y }: Training): Case {
  const step = (): Tensor => {
    optimizer.zeroGrad();
    const loss = lossOf(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const repeat = (calls: number): void => {
    for (let i = 0; i < calls; i++) step();
  };
  return { repeat, check: Array.from({ length: checkedSteps }, () => step().item() as number) };
}

function seedStep(torch: Torch): Case {
  const { nn, optim } = torch;
  const model = new nn.Sequential(give(torch, new nn.Linear(10, 4), "seed"), new nn.Sigmoid());
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const loss = new nn.BCELoss();
  const [x, y] = [tensor(torch, "seed.x"), tensor(torch, "seed.y")];
  return training({ model, optimizer, lossOf: (o, t) => loss(o, t), x, y });
}

function mlpStep(torch: Torch): Case {
  const { nn, optim } = torch;
  const model = new nn.Sequential(
    give(torch, new nn.Linear(784, 512), "mlp.0"),
    new nn.ReLU(),
    give(torch, new nn.Linear(512, 256), "mlp.1"),
    new nn.ReLU(),
    give(torch, new nn.Linear(256, 10), "mlp.2"),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const loss = new nn.CrossEntropyLoss();
  const [x, y] = [tensor(torch, "mlp.x"), tensor(torch, "mlp.y")];
  return training({ model, optimizer, lossOf: (o, t) => loss(o, t), x, y });
}

function cnnStep(torch: Torch): Case {
  const { nn, optim } = torch;
  const model = new nn.Sequential(
    give(torch, new nn.Conv2d(1, 16, 3, { padding: 1 }), "cnn.0"),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    give(torch, new nn.Conv2d(16, 32, 3, { padding: 1 }), "cnn.1"),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    give(torch, new nn.Linear(32 * 49, 10), "cnn.2"),
  );
  const optimizer = new optim.Adam(model.parameters());
  const loss = new nn.CrossEntropyLoss();
  const [x, y] = [tensor(torch, "cnn.x"), tensor(torch, "cnn.y")];
  return training({ model, optimizer, lossOf: (o, t) => loss(o, t), x, y });
}

/** The two module classes of the transformer, over the given build. */
function transformer(torch: Torch): AnyTensorModule {
  const { nn } = torch;
  const [vocabulary, d, length, layers, heads] = [256, 128, 64, 4, 4];

  class Block extends nn.Module {
    ln1 = new nn.LayerNorm(d);
    ln2 = new nn.LayerNorm(d);
    qkv: Cresset.nn.Linear;
    proj: Cresset.nn.Linear;
    up: Cresset.nn.Linear;
    down: Cresset.nn.Linear;
    constructor(name: string) {
      super();
      this.qkv = give(torch, new nn.Linear(d, 3 * d), `${name}.qkv`);
      this.proj = give(torch, new nn.Linear(d, d), `${name}.proj`);
      this.up = give(torch, new nn.Linear(d, 4 * d), `${name}.up`);
      this.down = give(torch, new nn.Linear(4 * d, d), `${name}.down`);
    }
    forward(x: Tensor): Tensor {
      const [b, t] = x.shape as unknown as [number, number];
      const width = d / heads;
      const qkv = this.qkv(this.ln1(x)).view(b, t, 3, heads, width).permute(2, 0, 3, 1, 4);
      const [q, k, v] = qkv.unbind(0) as unknown as [Tensor, Tensor, Tensor];
      const scores = q.matmul(k.transpose(-2, -1)).mul(width ** -0.5);
      const later = torch.ones(t, t, { dtype: torch.bool }).triu(1);
      const weights = scores.maskedFill(later, Number.NEGATIVE_INFINITY).softmax(-1);
      const y = x.add(this.proj(weights.matmul(v).transpose(1, 2).reshape(b, t, d)));
      return y.add(this.down(nn.functional.gelu(this.up(this.ln2(y)))));
    }
  }

  class Gpt extends nn.Module {
    tok = new nn.Embedding(vocabulary, d);
    pos = new nn.Embedding(length, d);
    blocks = new nn.Sequential(...Array.from({ length: layers }, (_, i) => new Block(`gpt.${i}`)));
    ln = new nn.LayerNorm(d);
    head = give(torch, new nn.Linear(d, vocabulary, { bias: false }), "gpt.head", false);
    forward(ids: Tensor): Tensor {
      const x = this.tok(ids).add(this.pos(torch.arange(ids.shape[1]!)));
      return this.head(this.ln(this.blocks(x)));
    }
  }

  const model = new Gpt();
  torch.noGrad(() => {
    model.tok.weight.copy_(tensor(torch, "gpt.tok"));
    model.pos.weight.copy_(tensor(torch, "gpt.pos"));
  });
  return model;
}

function gptStep(torch: Torch): Case {
  const model = transformer(torch);
  const ids = tensor(torch, "gpt.ids");
  const optimizer = new torch.optim.AdamW(model.parameters());
  const lossOf = (o: Tensor, y: Tensor): Tensor => torch.nn.functional.crossEntropy(o.view(-1, 256), y.view(-1));
  return training({ model, optimizer, lossOf, x: ids, y: ids });
}

/** One operator, without gradients. */
function op(torch: Torch, call: () => Tensor): Case {
  const repeat = (calls: number): void => {
    torch.noGrad(() => {
      for (let i = 0; i < calls; i++) call();
    });
  };
  return { repeat, check: torch.noGrad(() => digest(call().contiguous().view(-1).numpy().data as Float32Array)) };
}

function matmul(torch: Torch, n: number): Case {
  const [a, b] = ["a", "b"].map((name) => torch.tensor(read(name).data.subarray(0, n * n)).view(n, n));
  return op(torch, () => a!.matmul(b!));
}

function sorting(torch: Torch): Case {
  const a = tensor(torch, "a");
  const repeat = (calls: number): void => {
    for (let i = 0; i < calls; i++) a.sort();
  };
  return { repeat, check: digest(a.sort().values.numpy().data as Float32Array) };
}

function operators(torch: Torch): Record<string, () => Case> {
  const a = tensor(torch, "a");
  const rows = a.view(1024, 1024);
  const F = torch.nn.functional;
  return {
    add_1m: () => {
      const b = tensor(torch, "b");
      return op(torch, () => a.add(b));
    },
    exp_1m: () => op(torch, () => a.exp()),
    sum_1m: () => op(torch, () => a.sum()),
    softmax_1024: () => op(torch, () => rows.softmax(-1)),
    layernorm_1024: () => op(torch, () => F.layerNorm(rows, [1024])),
    cumsum_1m: () => op(torch, () => a.cumsum(0)),
    transpose_copy_1024: () => op(torch, () => rows.t().contiguous()),
    gather_256k: () => {
      const index = tensor(torch, "index");
      return op(torch, () => a.at(index));
    },
    conv2d: () => {
      const [x, w] = [tensor(torch, "conv.x"), tensor(torch, "conv.w")];
      return op(torch, () => F.conv2d(x, w, { padding: 1 }));
    },
    add_8: () => {
      const s = tensor(torch, "small");
      return op(torch, () => s.add(s));
    },
    clone_1m: () => op(torch, () => a.clone()),
  };
}

/** 24 wide layers, 25.2 million parameters; layer i holds `value` + i. */
function wide(torch: Torch, value: number): Cresset.nn.Sequential {
  const { nn } = torch;
  const model = new nn.Sequential(...Array.from({ length: 24 }, () => new nn.Linear(1024, 1024)));
  torch.noGrad(() => {
    for (let i = 0; i < 24; i++) (model.at(i) as Cresset.nn.Linear).weight.fill_(value + i);
  });
  return model;
}

function lasts(state: Iterable<[string, Tensor]>): number[] {
  return [...state].filter(([k]) => k.endsWith("weight")).map(([, v]) => v.view(-1).at(-1).item() as number);
}

function loop(call: () => unknown): Case["repeat"] {
  return (calls) => {
    for (let i = 0; i < calls; i++) call();
  };
}

const copies: Record<string, (torch: Torch) => Case> = {
  deepcopy_25m: (torch) => {
    const big = wide(torch, 1);
    return { repeat: loop(() => torch.copy.deepcopy(big)), check: lasts(torch.copy.deepcopy(big).stateDict()) };
  },
  state_dict_25m: (torch) => {
    const big = wide(torch, 2);
    return { repeat: loop(() => big.stateDict()), check: lasts(big.stateDict()) };
  },
  load_state_dict_25m: (torch) => {
    const [state, twin] = [wide(torch, 3).stateDict(), wide(torch, 0)];
    twin.loadStateDict(state);
    return { repeat: loop(() => twin.loadStateDict(state)), check: lasts(twin.stateDict()) };
  },
};

async function file(torch: Torch, kind: "save" | "load"): Promise<Case> {
  const target = path.join(mkdtempSync(path.join(process.argv[2]!, "file-")), "cresset.pt");
  const state = wide(torch, 4).stateDict();
  await torch.save(state, target);
  const check = lasts((await torch.load(target)) as Cresset.StateDict);
  const repeat = async (calls: number): Promise<void> => {
    for (let i = 0; i < calls; i++) await (kind === "save" ? torch.save(state, target) : torch.load(target));
  };
  return { repeat, check };
}

/** Makes a workload ready; null for an unknown name. */
export async function make(torch: Torch, name: string): Promise<Case | null> {
  if (name === "seed_step") return seedStep(torch);
  if (name === "mlp_step") return mlpStep(torch);
  if (name === "cnn_step") return cnnStep(torch);
  if (name === "gpt_step") return gptStep(torch);
  if (name.startsWith("matmul_")) return matmul(torch, Number(name.slice(7)));
  if (name === "sort_1m") return sorting(torch);
  if (name === "save_25m") return file(torch, "save");
  if (name === "load_25m") return file(torch, "load");
  return copies[name]?.(torch) ?? operators(torch)[name]?.() ?? null;
}
