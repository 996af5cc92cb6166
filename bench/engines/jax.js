/**
 * The workloads in jax-js on its Wasm backend (one thread: its workers need a global Worker, which Node lacks). Arrays
 * are lazy, so every call ends in blockUntilReady; operations are timed eagerly and under jit, training steps as one
 * jit of everything and with an eager gradient, and the fastest counts. Its convolution is slow, so nine shifted
 * products are tried too. The embedding is a product with a one-hot matrix made beforehand, since jit cannot
 * differentiate a lookup in this version. Arrays are counted by hand: a call consumes its arguments, `.ref` keeps one.
 */
import { readFileSync } from "node:fs";
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { checkedSteps } from "../workloads.ts";
import { digest, fastest, read, serve } from "./serve.ts";

// Its einsum uses iterator helpers, which Node 20 lacks.
const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
iterators.map ??= function* (f) {
  for (const x of this) yield f(x);
};
iterators.filter ??= function* (f) {
  for (const x of this) if (f(x)) yield x;
};

if (!(await init("wasm")).includes("wasm")) throw new Error("no wasm backend");
defaultDevice("wasm");

const array = (name, shape) => {
  const entry = read(name);
  const dtype = entry.data instanceof Int32Array ? np.int32 : np.float32;
  return np.array(entry.data, { shape: shape ?? entry.shape, dtype });
};

/** One operation; `lazy` says that its eager result would be an unwritten view. */
function op(inputs, f, { lazy = false, more = {} } = {}) {
  const way = (g) => () => {
    const owned = inputs();
    const call = () => g(...owned.map((x) => x.ref));
    const repeat = async (calls) => {
      for (let i = 0; i < calls; i++) {
        const r = call();
        await r.blockUntilReady();
        r.dispose();
      }
    };
    return { repeat, check: digest(call().dataSync()), drop: () => owned.forEach((x) => void x.dispose()) };
  };
  const compiled = Object.fromEntries(Object.entries(more).map(([how, g]) => [`jit, ${how}`, way(jit(g))]));
  return fastest({ ...compiled, jit: way(jit(f)), ...(lazy ? {} : { eager: way(f) }) });
}

const sgd = (rate, momentum) => ({
  start: (p) => tree.map((x) => np.zerosLike(x), p),
  update: (p, g, m) => {
    const next = tree.map((a, b) => a.mul(momentum).add(b), m, g);
    return [tree.map((x, d) => x.sub(d.mul(rate)), p, tree.ref(next)), next];
  },
});

const adam = (decay = 0, rate = 1e-3, [b1, b2] = [0.9, 0.999]) => ({
  start: (p) => ({
    n: np.array(0, { dtype: np.float32 }),
    m: tree.map((x) => np.zerosLike(x), tree.ref(p)),
    v: tree.map((x) => np.zerosLike(x), p),
  }),
  update: (p, g, state) => {
    const n = state.n.add(1);
    const m = tree.map((a, d) => a.mul(b1).add(d.mul(1 - b1)), state.m, tree.ref(g));
    const v = tree.map((a, d) => a.mul(b2).add(np.square(d).mul(1 - b2)), state.v, g);
    const correction = (b) => np.reciprocal(np.subtract(1, np.exp(n.ref.mul(Math.log(b)))));
    const [c1, c2] = [correction(b1), correction(b2)];
    const move = (x, a, b) => {
      const kept = decay > 0 ? x.mul(1 - rate * decay) : x;
      return kept.sub(
        a
          .mul(c1.ref)
          .div(np.sqrt(b.mul(c2.ref)).add(1e-8))
          .mul(rate),
      );
    };
    const next = tree.map(move, p, tree.ref(m), tree.ref(v));
    c1.dispose();
    c2.dispose();
    return [next, { n, m, v }];
  },
});

async function trainingCase(first, advance, optimizer, batch) {
  let params = tree.ref(first);
  let state = optimizer.start(tree.ref(first));
  const step = async () => {
    const [p, s, loss] = advance(params, state, ...batch.map((x) => x.ref));
    await blockUntilReady([p, s, loss]);
    params = p;
    state = s;
    return loss;
  };
  const check = [];
  for (let i = 0; i < checkedSteps; i++) check.push((await step()).dataSync()[0]);
  const repeat = async (calls) => {
    for (let i = 0; i < calls; i++) (await step()).dispose();
  };
  const drop = () => {
    tree.dispose(params);
    tree.dispose(state);
  };
  return { repeat, check, drop };
}

/** A training step; the loss consumes its arguments, `more` are further ways to write it. */
function training(params, loss, optimizer, batch, more = {}) {
  const whole = (f) =>
    jit((p, s, ...rest) => {
      const [l, g] = valueAndGrad(f)(tree.ref(p), ...rest);
      return [...optimizer.update(p, g, s), l];
    });
  const update = jit((p, g, s) => optimizer.update(p, g, s));
  const eager = (p, s, ...rest) => {
    const [l, g] = valueAndGrad(loss)(tree.ref(p), ...rest);
    return [...update(p, g, s), l];
  };
  const way = (advance) => () => trainingCase(params, advance, optimizer, batch);
  const others = Object.entries(more).map(([how, f]) => [`jit, ${how}`, way(whole(f))]);
  return fastest({ ...Object.fromEntries(others), jit: way(whole(loss)), "eager gradient": way(eager) });
}

const linear = (name) => ({ w: array(`${name}.w`), b: array(`${name}.b`) });
const apply = ({ w, b }, x) => np.matmul(x, w.transpose()).add(b);
const crossEntropy = (logits, y, classes) => nn.logSoftmax(logits).mul(nn.oneHot(y, classes)).sum().mul(-1);
const unit = (d) => ({ g: np.ones([d]), b: np.zeros([d]) });
const layerNorm = ({ g, b }, input) => {
  const x = input.ref.sub(input.mean(-1, { keepdims: true }));
  const v = np.square(x.ref).mean(-1, { keepdims: true });
  return x
    .mul(np.reciprocal(np.sqrt(v.add(1e-5))))
    .mul(g)
    .add(b);
};

function seedLoss(p, x, y) {
  const o = nn.sigmoid(apply(p, x));
  const log = (t) => np.maximum(np.log(t), -100); // BCELoss bounds the logarithm
  const hit = y.ref.mul(log(o.ref));
  return hit
    .add(np.subtract(1, y).mul(log(np.subtract(1, o))))
    .mean()
    .mul(-1);
}

const mlpLoss = (p, x, y) => crossEntropy(apply(p.c, nn.relu(apply(p.b, nn.relu(apply(p.a, x))))), y, 10).mul(1 / 64);

const convolve = (x, w) =>
  lax.convGeneralDilated(
    x,
    w,
    [1, 1],
    [
      [1, 1],
      [1, 1],
    ],
  );

/** The same as nine products of shifted inputs, which jit makes into faster code. */
function shifted(input, w) {
  const [, , h, u] = input.shape;
  const pad = [
    [0, 0],
    [0, 0],
    [1, 1],
    [1, 1],
  ];
  const x = np.pad(input, pad);
  let y;
  for (let k = 0; k < 9; k++) {
    const [i, j] = [Math.floor(k / 3), k % 3];
    const part = np.einsum("oc,nchw->nohw", w.ref.slice([], [], i, j), x.ref.slice([], [], [i, i + h], [j, j + u]));
    y = y ? y.add(part) : part;
  }
  x.dispose();
  w.dispose();
  return y;
}

const pool = (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
const cnnLoss = (conv) => (p, images, y) => {
  const c = conv(images, p.w1).add(p.b1.reshape([16, 1, 1]));
  const x = c.ref.sub(c.mean([0, 2, 3], { keepdims: true }));
  const v = np.square(x.ref).mean([0, 2, 3], { keepdims: true });
  const scaled = x.mul(np.reciprocal(np.sqrt(v.add(1e-5)))).mul(p.g);
  const h = pool(nn.relu(scaled.add(p.be)));
  const last = pool(nn.relu(conv(h, p.w2).add(p.b2.reshape([32, 1, 1]))));
  return crossEntropy(apply(p.fc, last.reshape([32, 32 * 49])), y, 10).mul(1 / 32);
};

const cnnParams = () => ({
  w1: array("cnn.0.w"),
  b1: array("cnn.0.b"),
  g: np.ones([16, 1, 1]),
  be: np.zeros([16, 1, 1]),
  w2: array("cnn.1.w"),
  b2: array("cnn.1.b"),
  fc: linear("cnn.2"),
});

const [V, D, T, L, H, B] = [256, 128, 64, 4, 4, 8];
const gptParams = () => ({
  tok: array("gpt.tok"),
  pos: array("gpt.pos"),
  blocks: Array.from({ length: L }, (_, i) => ({
    ln1: unit(D),
    ln2: unit(D),
    qkv: linear(`gpt.${i}.qkv`),
    proj: linear(`gpt.${i}.proj`),
    up: linear(`gpt.${i}.up`),
    down: linear(`gpt.${i}.down`),
  })),
  ln: unit(D),
  head: array("gpt.head.w"),
});

function attend(k, x) {
  const qkv = apply(k.qkv, layerNorm(k.ln1, x))
    .reshape([B, T, 3, H, D / H])
    .transpose([2, 0, 3, 1, 4]);
  const [q, key, v] = [qkv.ref.slice(0), qkv.ref.slice(1), qkv.slice(2)];
  const scores = np.matmul(q, key.transpose([0, 1, 3, 2])).mul((D / H) ** -0.5);
  const seen = np.where(np.tri(T, T, 0, { dtype: np.bool }), scores, Number.NEGATIVE_INFINITY);
  const mixed = np.matmul(nn.softmax(seen, -1), v);
  return apply(k.proj, mixed.transpose([0, 2, 1, 3]).reshape([B * T, D]));
}

function gptLoss(p, hot, target) {
  let x = np
    .matmul(hot, p.tok)
    .reshape([B, T, D])
    .add(p.pos)
    .reshape([B * T, D]);
  for (const k of p.blocks) {
    x = x.ref.add(attend(k, x));
    x = x.ref.add(apply(k.down, nn.gelu(apply(k.up, layerNorm(k.ln2, x)), { approximate: false })));
  }
  const logits = np.matmul(layerNorm(p.ln, x), p.head.transpose());
  return crossEntropy(logits, target, V).mul(1 / (B * T));
}

function gptBatch() {
  const { data } = read("gpt.ids");
  const hot = new Float32Array(data.length * V);
  for (let i = 0; i < data.length; i++) hot[i * V + data[i]] = 1;
  return [np.array(hot, { shape: [B * T, V] }), array("gpt.ids", [B * T])];
}

const flat = () => [array("a")];
const rows = () => [array("a", [1024, 1024])];

const table = {
  seed_step: () => training(linear("seed"), seedLoss, adam(), [array("seed.x"), array("seed.y")]),
  mlp_step: () => {
    const [a, b, c] = [0, 1, 2].map((i) => linear(`mlp.${i}`));
    return training({ a, b, c }, mlpLoss, sgd(0.01, 0.9), [array("mlp.x"), array("mlp.y")]);
  },
  cnn_step: () =>
    training(cnnParams(), cnnLoss(convolve), adam(), [array("cnn.x"), array("cnn.y")], {
      "nine products": cnnLoss(shifted),
    }),
  gpt_step: () => training(gptParams(), gptLoss, adam(0.01), gptBatch()),
  add_1m: () =>
    op(
      () => [array("a"), array("b")],
      (a, b) => a.add(b),
    ),
  exp_1m: () => op(flat, (a) => np.exp(a)),
  sum_1m: () => op(flat, (a) => a.sum()),
  softmax_1024: () => op(rows, (a) => nn.softmax(a, -1)),
  layernorm_1024: () => op(rows, (a) => nn.standardize(a, -1, { epsilon: 1e-5 })),
  cumsum_1m: () => op(flat, (a) => np.cumsum(a)),
  transpose_copy_1024: () => op(rows, (a) => a.transpose(), { lazy: true }),
  sort_1m: () => op(flat, (a) => np.sort(a)), // values only
  gather_256k: () =>
    op(
      () => [array("a"), array("index")],
      (a, i) => a.slice(i),
    ),
  conv2d: () => op(() => [array("conv.x"), array("conv.w")], convolve, { more: { "nine products": shifted } }),
  add_8: () =>
    op(
      () => [array("small"), array("small")],
      (a, b) => a.add(b),
    ),
};
for (const n of [64, 256, 512, 1024]) {
  table[`matmul_${n}`] = () =>
    op(
      () => ["a", "b"].map((name) => np.array(read(name).data.slice(0, n * n), { shape: [n, n] })),
      (a, b) => np.matmul(a, b),
    );
}

const manifest = new URL("../node_modules/@jax-js/jax/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(manifest, "utf8"));
await serve({ name: `jax-js ${version}`, make: (workload) => table[workload]?.() ?? null });
