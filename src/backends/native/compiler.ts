/** A compiler that sends large matrix products to an installed BLAS, on the heap's own memory. */
import type { Heap } from "../../core/heap.ts";
import type { Compiler, Kernel, MatmulKernel, MatmulRun, Operand, Run } from "../../ir/kernel.ts";
import { type Blas, findBlas } from "./library.ts";

let found: Blas | string | undefined;

/** The BLAS, looked for once, or why there is none. */
export function blas(): Blas | string {
  found ??= findBlas();
  return found;
}

/** Whether products go to the BLAS; settable by `torch.backends.blas.enabled`. */
export const blasSwitch: { enabled: boolean } = { enabled: true };

/** Below so many multiply-adds the call costs more than it saves. */
const worthIt = 2 ** 12;

const rowMajor = 101;
const plain = 111;
const transposed = 112;

/** How BLAS sees a matrix: which way round, and the distance between its rows; null where it cannot. */
interface Shape {
  readonly trans: number;
  readonly leading: number;
}

function shapeOf(x: Operand, rows: number, columns: number): Shape | null {
  const [r, c] = [x.strides.at(-2)!, x.strides.at(-1)!];
  if ((c === 1 || columns === 1) && (r >= Math.max(columns, 1) || rows === 1)) {
    return { trans: plain, leading: Math.max(rows === 1 ? columns : r, columns, 1) };
  }
  if ((r === 1 || rows === 1) && (c >= Math.max(rows, 1) || columns === 1)) {
    return { trans: transposed, leading: Math.max(columns === 1 ? rows : c, rows, 1) };
  }
  return null;
}

/** Wraps a compiler: what BLAS cannot or need not do goes to the one below. */
export function withBlas(below: Compiler, heap: Heap): Compiler {
  return {
    name: below.name,
    compile<K extends Kernel>(kernel: K): Run<K> {
      const run = below.compile(kernel);
      if (kernel.skeleton !== "matmul") return run;
      return gemm(kernel, heap, run as MatmulRun) as Run<K>;
    },
  };
}

function gemm(kernel: MatmulKernel, heap: Heap, below: MatmulRun): MatmulRun {
  if (kernel.dtype !== "float32" && kernel.dtype !== "float64") return below;
  const single = kernel.dtype === "float32";
  return (batch, m, n, k, out, a, b, alpha, beta) => {
    if (!blasSwitch.enabled || m * n * k < worthIt) return below(batch, m, n, k, out, a, b, alpha, beta);
    const library = blas();
    const left = shapeOf(a, m, k);
    const right = shapeOf(b, k, n);
    const target = shapeOf(out, m, n);
    if (typeof library === "string" || left === null || right === null || target === null || target.trans !== plain) {
      return below(batch, m, n, k, out, a, b, alpha, beta);
    }
    const call = single ? library.sgemm : library.dgemm;
    const bytes = single ? 4 : 8;
    const view = (x: Operand, offset: number): ArrayBufferView =>
      single
        ? new Float32Array(heap.memory.buffer, x.address + offset * bytes)
        : new Float64Array(heap.memory.buffer, x.address + offset * bytes);
    eachBatch(batch, [out, a, b], ([o, p, q]) => {
      call(
        rowMajor,
        left.trans,
        right.trans,
        m,
        n,
        k,
        alpha,
        view(a, p),
        left.leading,
        view(b, q),
        right.leading,
        beta,
        view(out, o),
        target.leading,
      );
    });
  };
}

type Offsets = [number, number, number];

/** Calls `visit` with each operand's offset, in elements, for every matrix of the batch. */
function eachBatch(batch: readonly number[], operands: readonly Operand[], visit: (offsets: Offsets) => void): void {
  const walk = (dim: number, offsets: Offsets): void => {
    if (dim === batch.length) {
      visit(offsets);
      return;
    }
    for (let i = 0; i < batch[dim]!; i++) {
      walk(dim + 1, offsets.map((o, x) => o + i * operands[x]!.strides[dim]!) as Offsets);
    }
  };
  walk(0, [0, 0, 0]);
}
