/** What is measured, what must be reached, and how closely the engines must agree on the numbers. */

/** A bound on our time over PyTorch's, one thread each: with an installed BLAS, and without. */
export interface Target {
  readonly blas: number;
  readonly own: number;
}

/** One row of the table. */
export interface Workload {
  readonly name: string;
  readonly what: string;
  readonly target: Target | null;
  /** How far check values may lie apart, relative to 1 + their size. */
  readonly tolerance: number;
}

const both = (bound: number): Target => ({ blas: bound, own: bound });

function row(name: string, what: string, target: Target | null, tolerance = 1e-4): Workload {
  return { name, what, target, tolerance };
}

const product: Target = { blas: 1.05, own: 3.2 };

/** Every workload, in the order of the table. */
export const workloads: readonly Workload[] = [
  row("seed_step", "Linear 10-4, Sigmoid, BCELoss, Adam, batch 8", both(0.15), 1e-3),
  row("mlp_step", "784-512-256-10 ReLU, batch 64, SGD momentum", { blas: 0.7, own: 1.5 }, 1e-3),
  row("cnn_step", "2 Conv 3x3, BatchNorm, MaxPool, Linear; 28x28, batch 32, Adam", { blas: 0.7, own: 0.9 }, 1e-2),
  row("gpt_step", "4 layers, 4 heads, d=128, T=64, batch 8, AdamW", { blas: 0.7, own: 1.3 }, 1e-2),
  row("matmul_64", "64x64 by 64x64", null),
  row("matmul_256", "256x256 by 256x256", product),
  row("matmul_512", "512x512 by 512x512", product),
  row("matmul_1024", "1024x1024 by 1024x1024", product),
  row("add_1m", "a + b of 2^20 floats", both(0.9)),
  row("exp_1m", "exp of 2^20 floats", both(0.9)),
  row("sum_1m", "sum of 2^20 floats", both(0.9), 1e-3),
  row("softmax_1024", "softmax over the rows of 1024x1024", both(0.9)),
  row("layernorm_1024", "layer norm over the rows of 1024x1024", both(0.9)),
  row("cumsum_1m", "cumulative sum of 2^20 floats", both(0.9), 1e-3),
  row("transpose_copy_1024", "contiguous copy of a transposed 1024x1024", both(0.9)),
  row("sort_1m", "sort of 2^20 floats, with indices", both(0.8)),
  row("gather_256k", "2^18 elements of 2^20 by an index", both(0.8)),
  row("conv2d", "8x32x56x56 by 64x32x3x3, padding 1", { blas: 0.8, own: 1.5 }),
  row("add_8", "a + b of 8 floats", both(0.3)),
  row("clone_1m", "clone of 2^20 floats", both(0.9)),
  row("deepcopy_25m", "deepcopy of 24 Linear(1024, 1024)", both(0.9)),
  row("state_dict_25m", "their state dict", null),
  row("load_state_dict_25m", "their state dict loaded into a twin", both(0.9)),
  row("save_25m", "their state dict saved to a file, no fsync", both(0.9)),
  row("load_25m", "that file loaded", both(1)),
];

/** Training steps done before their losses are compared. */
export const checkedSteps = 5;
