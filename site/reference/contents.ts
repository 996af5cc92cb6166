/** The reference's pages: which namespaces and source files stand on which page. The first page that fits gets an export. */

export interface Page {
  /** The file's name, and the page's title. */
  readonly slug: string;
  readonly title: string;
  readonly space: string;
  /** Ends of paths below src/; all files of the namespace if left out. */
  readonly files?: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly pages: readonly Page[];
}

const page = (slug: string, title: string, space: string, ...files: string[]): Page => ({
  slug,
  title,
  space,
  ...(files.length === 0 ? {} : { files }),
});

const pointwise = (...names: string[]): string[] => names.map((name) => `ops/pointwise/${name}.ts`);

export const sections: readonly Section[] = [
  {
    title: "Tensors",
    pages: [
      page("tensor", "Tensor", "", "core/tensor.ts", "core/layout.ts", "core/storage.ts"),
      page("creation", "Creation", "", "ops/create.ts", "ops/ranges.ts", "ops/windows.ts"),
      page("random", "Random numbers", "", "ops/random.ts", "ops/rng.ts", "core/generator.ts", "ops/random-writes.ts"),
      page("random-state", "torch.random", "random"),
      page(
        "dtypes",
        "Dtypes, devices, formats",
        "",
        "core/dtype.ts",
        "dtypes.ts",
        "core/device.ts",
        "core/scalar.ts",
        "ops/copy.ts",
        "ops/attributes.ts",
        "ops/info.ts",
        "core/print.ts",
      ),
    ],
  },
  {
    title: "Operators",
    pages: [
      page("arithmetic", "Arithmetic", "", ...pointwise("arithmetic", "power", "rounding", "signs", "clamp")),
      page(
        "functions",
        "Functions of numbers",
        "",
        ...pointwise("transcendental", "trigonometric", "special", "frexp"),
      ),
      page(
        "comparison",
        "Comparison, logic, bits",
        "",
        ...pointwise("compare", "bitwise", "select"),
        "ops/equality.ts",
      ),
      page("activations", "Activations", "", ...pointwise("activation"), "ops/softmax.ts"),
      page("complex", "Complex numbers", "", "core/complex.ts", "ops/complex.ts", ...pointwise("complex")),
      page(
        "views",
        "Views and shapes",
        "",
        "ops/views.ts",
        "ops/shape.ts",
        "ops/view-copies.ts",
        "ops/regions.ts",
        "ops/resize.ts",
      ),
      page(
        "indexing",
        "Indexing",
        "",
        "ops/indexing.ts",
        "ops/gather.ts",
        "ops/scatter.ts",
        "ops/index-writes.ts",
        "ops/masked.ts",
        "ops/search.ts",
      ),
      page("joining", "Joining and splitting", "", "ops/join.ts", "ops/lists.ts", "ops/split.ts"),
      page(
        "reductions",
        "Reductions",
        "",
        "ops/reductions.ts",
        "ops/extrema.ts",
        "ops/sums.ts",
        "ops/statistics.ts",
        "ops/quantile.ts",
        "ops/norms.ts",
        "ops/covariance.ts",
        "ops/histogram.ts",
      ),
      page("sorting", "Sorting", "", "ops/sort.ts", "ops/unique.ts"),
      page("products", "Matrix products", "", "ops/matmul.ts", "ops/einsum.ts", "ops/distances.ts"),
      page("scans", "Scans and calculus", "", "ops/scan.ts", "ops/calculus.ts"),
      page("layer-functions", "Layers as functions", "", "ops/nn/"),
      page("linalg", "torch.linalg", "linalg"),
      page("special", "torch.special", "special"),
    ],
  },
  {
    title: "Autograd and memory",
    pages: [
      page("grad-modes", "Gradient modes", "", "autograd/mode.ts"),
      page("autograd", "torch.autograd", "autograd"),
      page("copy", "torch.copy", "copy"),
      page("memory", "torch.memory", "memory"),
      page("scope", "Scopes and threads", "", "memory/scope.ts", "threads.ts"),
      page("lens", "torch.lens", "lens"),
      page("warnings", "torch.warnings", "warnings"),
      page("errors", "Errors", "", "core/errors.ts", "serialize/errors.ts"),
    ],
  },
  {
    title: "Modules",
    pages: [
      page("module", "Module and Parameter", "nn", "nn/module.ts", "nn/parameter.ts", "nn/state.ts", "nn/hooks.ts"),
      page("containers", "Containers", "nn", "nn/containers.ts", "nn/parameter-containers.ts"),
      page("linear", "Linear layers", "nn", "nn/linear.ts"),
      page("convolution", "Convolutions", "nn", "nn/conv.ts"),
      page("pooling", "Pooling", "nn", "nn/pooling.ts"),
      page("padding", "Padding", "nn", "nn/padding.ts"),
      page("nn-activations", "Activation layers", "nn", "nn/activation.ts"),
      page("normalization", "Normalization", "nn", "nn/batchnorm.ts", "nn/normalization.ts"),
      page("dropout", "Dropout", "nn", "nn/dropout.ts"),
      page("embedding", "Embeddings", "nn", "nn/embedding.ts"),
      page("recurrent", "Recurrent layers", "nn", "nn/recurrent.ts", "nn/recurrent-cells.ts"),
      page("attention", "Attention and transformers", "nn", "nn/attention.ts", "nn/transformer.ts"),
      page("shape-layers", "Shapes and distances", "nn", "nn/shape.ts"),
      page("losses", "Losses", "nn", "nn/loss.ts"),
      page("functional", "nn.functional", "nn.functional"),
      page("init", "nn.init", "nn.init"),
      page("utils", "nn.utils", "nn.utils"),
    ],
  },
  {
    title: "Training",
    pages: [page("optim", "torch.optim", "optim"), page("lr-scheduler", "Learning rates", "optim.lrScheduler")],
  },
  {
    title: "Files and settings",
    pages: [
      page("files", "save and load", "", "serialize/"),
      page("state-dict", "StateDict", "", "core/statedict.ts"),
      page("serialization", "torch.serialization", "serialization"),
      page("safetensors", "torch.safetensors", "safetensors"),
      page("npy", "torch.npy", "npy"),
      page("config", "torch.config", "config"),
      page("backends", "torch.backends", "backends"),
      page("cuda", "torch.cuda", "cuda"),
    ],
  },
];

/** Where exports go that no page above takes. */
export const others: Page = page("others", "Others", "");

/** Whether a page takes the exports of a file in a namespace. */
export function takes({ space, files }: Page, where: { readonly space: string; readonly file: string }): boolean {
  if (where.space !== space) return false;
  return files === undefined || files.some((path) => where.file.includes(`src/${path}`));
}
