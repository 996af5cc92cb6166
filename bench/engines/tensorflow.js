/**
 * The workloads in TensorFlow.js: its Wasm backend (one thread: the package lacks the worker file that Node would need)
 * or its plain-JavaScript backend, whichever is faster. The Wasm backend has no kernel for the gradients of a
 * convolution's filter and of a lookup, and is slow at products of transposed operands; "wasm+" gives three
 * operations gradients that avoid those, by the public registerGradient, as a user who trains there would have to.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { checkedSteps } from "../workloads.ts";
import { digest, fastest, read, serve } from "./serve.ts";

console.log = console.warn = console.info = () => {}; // it advertises on stdout, which belongs to the answers
const require = createRequire(import.meta.url); // its ES modules do not load in Node
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-wasm");
await tf.setBackend("wasm");
tf.enableProdMode();

const transposed = (x) => tf.transpose(x, x.rank === 2 ? [1, 0] : [0, 2, 1]);
const stock = ["BatchMatMul", "Conv2D", "GatherV2"].map((name) => tf.getGradient(name));

const better = [
  {
    kernelName: "BatchMatMul",
    inputsToSave: ["a", "b"],
    gradFunc: (g, [a, b]) => ({ a: () => tf.matMul(g, transposed(b)), b: () => tf.matMul(transposed(a), g) }),
  },
  {
    kernelName: "Conv2D", // stride 1, "same"; the filter's gradient is a convolution with batch and channels exchanged
    inputsToSave: ["x", "filter"],
    gradFunc: (g, [x, w]) => ({
      x: () => tf.conv2d(g, tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]), 1, "same"),
      filter: () => {
        const p = w.shape[0] >> 1;
        const wide = tf.pad(tf.transpose(x, [3, 1, 2, 0]), [
          [0, 0],
          [p, p],
          [p, p],
          [0, 0],
        ]);
        return tf.transpose(tf.conv2d(wide, tf.transpose(g, [1, 2, 0, 3]), 1, "valid"), [1, 2, 0, 3]);
      },
    }),
  },
  {
    kernelName: "GatherV2",
    inputsToSave: ["x", "indices"],
    gradFunc: (g, [x, i]) => ({
      // On this backend oneHot must stay int32 until it is cast: its float32 form holds the bits of integers.
      x: () => {
        const hot = tf.oneHot(i.flatten(), x.shape[0]).toFloat();
        return tf.matMul(hot.transpose(), g.reshape([-1, x.shape[1]]));
      },
      indices: () => tf.zerosLike(i),
    }),
  },
];

/** Runs `make` on a backend; the case goes back to it before every repetition. */
async function on(backend, gradients, make) {
  const enter = () => {
    if (tf.getBackend() !== backend && !tf.setBackend(backend)) throw new Error(`no backend ${backend}`);
    for (const gradient of gradients) tf.registerGradient(gradient);
  };
  await tf.setBackend(backend);
  enter();
  const made = make();
  const repeat = (calls) => {
    for (let i = 0; i < calls; i++) made.call();
  };
  const settled = async (calls) => {
    if (tf.getBackend() !== backend) await tf.setBackend(backend);
    enter();
    repeat(calls);
  };
  return { repeat: settled, check: made.check, drop: () => tf.dispose(made.owned) };
}

const ways = (make, names = ["wasm", "cpu"]) =>
  fastest(
    Object.fromEntries(
      names.map((how) => [how, () => on(how === "cpu" ? "cpu" : "wasm", how === "wasm+" ? better : stock, make)]),
    ),
  );

const tensor = (name, shape) => {
  const entry = read(name);
  return tf.tensor(entry.data, shape ?? entry.shape);
};

/** An operation on inputs made once per backend. */
const op = (inputs, f, values = (r) => r) =>
  ways(() => {
    const owned = inputs();
    const check = digest(values(tf.tidy(() => f(...owned))).dataSync());
    return { owned, check, call: () => tf.dispose(f(...owned)) };
  });

/** A training step; the loss is computed but not read. */
const training = (model, optimizer, { decay = 0, names = ["wasm", "wasm+", "cpu"] } = {}) =>
  ways(() => {
    const { variables, lossOf, owned } = model();
    const update = optimizer();
    const step = () => {
      const { value, grads } = tf.variableGrads(lossOf, variables);
      if (decay > 0) for (const v of variables) v.assign(tf.mul(v, 1 - decay));
      update.applyGradients(grads);
      return value;
    };
    const call = () => {
      tf.tidy(() => void step());
    };
    const check = Array.from({ length: checkedSteps }, () => tf.tidy(() => step().dataSync()[0]));
    return { owned: [...variables, ...owned], check, call };
  }, names);

const variable = (name, perm) => {
  const t = tensor(name);
  return tf.variable(perm ? tf.transpose(t, perm) : t);
};
const linear = (name) => ({ w: variable(`${name}.w`, [1, 0]), b: variable(`${name}.b`) });
const apply = ({ w, b }, x) => tf.add(tf.matMul(x, w), b);
const unit = (n) => ({ g: tf.variable(tf.ones([n])), b: tf.variable(tf.zeros([n])) });
const all = (x) => (x instanceof tf.Variable ? [x] : Object.values(x).flatMap(all));
const standardize = (x, axes = -1) => {
  const c = tf.sub(x, tf.mean(x, axes, true));
  return tf.mul(c, tf.rsqrt(tf.add(tf.mean(tf.square(c), axes, true), 1e-5)));
};
const layerNorm = ({ g, b }, x) => tf.add(tf.mul(standardize(x), g), b);
const oneHot = (name, classes) => {
  const { data } = read(name);
  const hot = new Float32Array(data.length * classes);
  for (let i = 0; i < data.length; i++) hot[i * classes + data[i]] = 1;
  return tf.tensor2d(hot, [data.length, classes]);
};
// tf.losses.softmaxCrossEntropy does the same by more operations.
const crossEntropy = (logits, hot) => tf.losses.softmaxCrossEntropy(hot, logits);

function seedModel() {
  const layer = linear("seed");
  const [x, y] = [tensor("seed.x"), tensor("seed.y")];
  const lossOf = () => tf.losses.logLoss(y, tf.sigmoid(apply(layer, x)));
  return { variables: all(layer), lossOf, owned: [x, y] };
}

function mlpModel() {
  const [a, b, c] = [0, 1, 2].map((i) => linear(`mlp.${i}`));
  const [x, y] = [tensor("mlp.x"), oneHot("mlp.y", 10)];
  const lossOf = () => crossEntropy(apply(c, tf.relu(apply(b, tf.relu(apply(a, x))))), y);
  return { variables: all([a, b, c]), lossOf, owned: [x, y] };
}

function cnnModel() {
  const filter = (name) => ({ w: variable(`${name}.w`, [2, 3, 1, 0]), b: variable(`${name}.b`) });
  const [c1, bn, c2] = [filter("cnn.0"), unit(16), filter("cnn.1")];
  // Images lie channels-last here, so the rows of the last layer's weight change places to give the same model.
  const w = tf.variable(
    tensor("cnn.2.w", [10, 32, 7, 7])
      .transpose([2, 3, 1, 0])
      .reshape([32 * 49, 10]),
  );
  const fc = { w, b: variable("cnn.2.b") };
  const [x, y] = [tensor("cnn.x", [32, 28, 28, 1]), oneHot("cnn.y", 10)];
  const conv = (k, h) => tf.add(tf.conv2d(h, k.w, 1, "same"), k.b);
  const pool = (h) => tf.maxPool(tf.relu(h), 2, 2, "valid");
  const lossOf = () => {
    // By hand, since the gradient of tf.batchNorm repeats its statistics over the whole batch.
    const h = tf.add(tf.mul(standardize(conv(c1, x), [0, 1, 2]), bn.g), bn.b);
    return crossEntropy(apply(fc, tf.reshape(pool(conv(c2, pool(h))), [32, 32 * 49])), y);
  };
  return { variables: all([c1, bn, c2, fc]), lossOf, owned: [x, y] };
}

function gptModel() {
  const [B, T, D, H] = [8, 64, 128, 4];
  const width = D / H;
  const tok = variable("gpt.tok");
  const pos = variable("gpt.pos");
  const blocks = [0, 1, 2, 3].map((i) => {
    const [qkv, proj, up, down] = ["qkv", "proj", "up", "down"].map((k) => linear(`gpt.${i}.${k}`));
    return { ln1: unit(D), ln2: unit(D), qkv, proj, up, down };
  });
  const ln = unit(D);
  const head = variable("gpt.head.w", [1, 0]);
  const ids = tensor("gpt.ids").toInt();
  const y = oneHot("gpt.ids", 256);
  const mask = tf.tensor2d(
    Float32Array.from({ length: T * T }, (_, k) => (k % T > Math.floor(k / T) ? -1e9 : 0)),
    [T, T],
  );
  const heads = (z) => tf.reshape(tf.transpose(tf.reshape(z, [B, T, H, width]), [0, 2, 1, 3]), [B * H, T, width]);
  const attend = (k, x) => {
    const [q, key, v] = tf.split(apply(k.qkv, layerNorm(k.ln1, x)), 3, 1).map(heads);
    const scores = tf.mul(tf.matMul(q, tf.transpose(key, [0, 2, 1])), width ** -0.5);
    const mixed = tf.reshape(tf.matMul(tf.softmax(tf.add(scores, mask)), v), [B, H, T, width]);
    return apply(k.proj, tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B * T, D]));
  };
  const gelu = (u) => tf.mul(tf.mul(u, 0.5), tf.add(tf.erf(tf.mul(u, Math.SQRT1_2)), 1));
  const lossOf = () => {
    let x = tf.reshape(tf.add(tf.gather(tok, ids), pos), [B * T, D]);
    for (const k of blocks) {
      x = tf.add(x, attend(k, x));
      x = tf.add(x, apply(k.down, gelu(apply(k.up, layerNorm(k.ln2, x)))));
    }
    return crossEntropy(tf.matMul(layerNorm(ln, x), head), y);
  };
  return { variables: all([tok, pos, blocks, ln, head]), lossOf, owned: [ids, y, mask] };
}

const adam = () => tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
const flat = () => [tensor("a")];
const rows = () => [tensor("a", [1024, 1024])];

const table = {
  seed_step: () => training(seedModel, adam),
  mlp_step: () => training(mlpModel, () => tf.train.momentum(0.01, 0.9)),
  cnn_step: () => training(cnnModel, adam, { names: ["wasm+", "cpu"] }),
  gpt_step: () => training(gptModel, adam, { decay: 1e-5, names: ["wasm+", "cpu"] }),
  add_1m: () =>
    op(
      () => [tensor("a"), tensor("b")],
      (a, b) => tf.add(a, b),
    ),
  exp_1m: () => op(flat, (a) => tf.exp(a)),
  sum_1m: () => op(flat, (a) => tf.sum(a)),
  softmax_1024: () => op(rows, (a) => tf.softmax(a, -1)),
  layernorm_1024: () => op(rows, (a) => tf.tidy(() => standardize(a))),
  cumsum_1m: () => op(flat, (a) => tf.cumsum(a)),
  transpose_copy_1024: () => op(rows, (a) => tf.transpose(a)),
  sort_1m: () =>
    op(
      flat,
      (a) => tf.topk(a, a.size, true), // descending: it has no ascending sort
      ({ values }) => tf.reverse(values),
    ),
  gather_256k: () =>
    op(
      () => [tensor("a"), tensor("index").toInt()],
      (a, i) => tf.gather(a, i),
    ),
  conv2d: () =>
    op(
      () => [tf.transpose(tensor("conv.x"), [0, 2, 3, 1]), tf.transpose(tensor("conv.w"), [2, 3, 1, 0])],
      (x, w) => tf.conv2d(x, w, 1, "same"),
      (r) => tf.transpose(r, [0, 3, 1, 2]),
    ),
  add_8: () =>
    op(
      () => [tensor("small")],
      (a) => tf.add(a, a),
    ),
  save_25m: () => file("save"),
  load_25m: () => file("load"),
};
for (const n of [64, 256, 512, 1024]) {
  table[`matmul_${n}`] = () =>
    op(
      () => ["a", "b"].map((name) => tf.tensor(read(name).data.subarray(0, n * n), [n, n])),
      (a, b) => tf.matMul(a, b),
    );
}

/** Its weights format, written by hand: the package has no file handler in Node. */
async function file(kind) {
  await tf.setBackend("wasm");
  const folder = mkdtempSync(path.join(process.argv[2], "tfjs-"));
  const [data, list] = [path.join(folder, "m.bin"), path.join(folder, "m.json")];
  const weights = {};
  for (let i = 0; i < 24; i++) {
    weights[`${i}.weight`] = tf.fill([1024, 1024], 4 + i);
    weights[`${i}.bias`] = tf.zeros([1024]);
  }
  const save = async () => {
    const { data: bytes, specs } = await tf.io.encodeWeights(weights);
    writeFileSync(data, new Uint8Array(bytes));
    writeFileSync(list, JSON.stringify(specs));
  };
  const load = () => {
    const b = readFileSync(data);
    const own = b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength);
    return tf.io.decodeWeights(own, JSON.parse(readFileSync(list, "utf8")));
  };
  await save();
  const back = load();
  const check = Array.from({ length: 24 }, (_, i) => back[`${i}.weight`].dataSync()[1024 * 1024 - 1]);
  tf.dispose(back);
  const repeat = async (calls) => {
    for (let i = 0; i < calls; i++) await (kind === "save" ? save() : tf.dispose(load()));
  };
  return { repeat, check, drop: () => tf.dispose(weights) };
}

const { version } = require("@tensorflow/tfjs/package.json");
await serve({ name: `TensorFlow.js ${version}`, make: (workload) => table[workload]?.() ?? null });
