/** The classes of `torch.nn` as Python's pickles of whole modules have them: their modules and their attributes. */

import * as nn from "../nn/index.ts";
import { getRngState, setRngState } from "../ops/rng.ts";

/** An attribute of a class: what Python calls it, what it is here, and what older files leave out. */
export interface Attribute {
  /** `in_features` */
  readonly python: string;
  /** `inFeatures` */
  readonly field: string;
  /** Whether an integral number is a float in Python. */
  readonly float: boolean;
  /** What the value is where a file has none; undefined where there is no such file. */
  readonly missing: unknown;
}

/** A class that files may name. */
export interface ModuleClass {
  readonly module: string;
  readonly name: string;
  readonly prototype: object;
  /** Null for classes of users, whose attributes are their fields. */
  readonly attributes: readonly Attribute[] | null;
}

const conv =
  "in_channels out_channels kernel_size stride padding dilation transposed output_padding groups padding_mode='zeros'";
const norm = "num_features eps. momentum. affine track_running_stats";
const pool = "kernel_size stride padding dilation return_indices ceil_mode";
const average = "kernel_size stride padding ceil_mode count_include_pad divisor_override=null";
const recurrent = "mode input_size hidden_size num_layers bias batch_first dropout. bidirectional proj_size=0";
const table = "num_embeddings embedding_dim padding_idx=null max_norm. norm_type. scale_grad_by_freq sparse";
const upsample = "size scale_factor. mode align_corners recompute_scale_factor=null";

/** `module: Class Class(attributes), …`: a point marks floats, `=` what older files leave out. */
const rows: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  container: { Sequential: "", ModuleList: "", ModuleDict: "", ParameterList: "", ParameterDict: "" },
  linear: {
    Identity: "",
    Linear: "in_features out_features",
    NonDynamicallyQuantizableLinear: "in_features out_features",
    Bilinear: "in1_features in2_features out_features",
  },
  activation: {
    Threshold: "threshold value inplace",
    ReLU: "inplace",
    RReLU: "lower. upper. inplace",
    Hardtanh: "min_val. max_val. inplace",
    ReLU6: "inplace",
    Sigmoid: "",
    Hardsigmoid: "inplace=false",
    Tanh: "",
    SiLU: "inplace=false",
    Mish: "inplace=false",
    Hardswish: "inplace=false",
    ELU: "alpha. inplace",
    CELU: "alpha. inplace",
    SELU: "inplace",
    GLU: "dim",
    GELU: "approximate='none'",
    Hardshrink: "lambd.",
    LeakyReLU: "negative_slope. inplace",
    LogSigmoid: "",
    Softplus: "beta threshold",
    Softshrink: "lambd.",
    Softsign: "",
    Tanhshrink: "",
    Softmin: "dim",
    Softmax: "dim",
    LogSoftmax: "dim",
    Softmax2d: "",
    PReLU: "num_parameters init.=0.25",
    MultiheadAttention: "embed_dim kdim vdim num_heads dropout. batch_first=false head_dim add_zero_attn",
  },
  batchnorm: { BatchNorm1d: norm, BatchNorm2d: norm, BatchNorm3d: norm },
  instancenorm: { InstanceNorm1d: norm, InstanceNorm2d: norm, InstanceNorm3d: norm },
  normalization: {
    LayerNorm: "normalized_shape eps. elementwise_affine",
    RMSNorm: "normalized_shape eps. elementwise_affine",
    GroupNorm: "num_groups num_channels eps. affine",
    LocalResponseNorm: "size alpha. beta. k.",
  },
  conv: {
    Conv1d: conv,
    Conv2d: conv,
    Conv3d: conv,
    ConvTranspose1d: conv,
    ConvTranspose2d: conv,
    ConvTranspose3d: conv,
  },
  dropout: {
    Dropout: "p. inplace",
    Dropout1d: "p. inplace",
    Dropout2d: "p. inplace",
    Dropout3d: "p. inplace",
    AlphaDropout: "p. inplace",
    FeatureAlphaDropout: "p. inplace",
  },
  sparse: { Embedding: table, EmbeddingBag: `${table} mode include_last_offset=false` },
  loss: {
    L1Loss: "reduction",
    NLLLoss: "reduction ignore_index",
    PoissonNLLLoss: "reduction log_input full eps.",
    GaussianNLLLoss: "reduction full eps.",
    KLDivLoss: "reduction log_target=false",
    MSELoss: "reduction",
    BCELoss: "reduction",
    BCEWithLogitsLoss: "reduction",
    HingeEmbeddingLoss: "reduction margin.",
    MultiLabelMarginLoss: "reduction",
    SmoothL1Loss: "reduction beta.=1",
    HuberLoss: "reduction delta.",
    SoftMarginLoss: "reduction",
    CrossEntropyLoss: "reduction ignore_index label_smoothing.=0",
    MultiLabelSoftMarginLoss: "reduction",
    CosineEmbeddingLoss: "reduction margin.",
    MarginRankingLoss: "reduction margin.",
    MultiMarginLoss: "reduction p margin.",
    TripletMarginLoss: "reduction margin. p. eps. swap",
    CTCLoss: "reduction blank zero_infinity=false",
  },
  padding: {
    ConstantPad1d: "padding value",
    ConstantPad2d: "padding value",
    ConstantPad3d: "padding value",
    ReflectionPad1d: "padding",
    ReflectionPad2d: "padding",
    ReflectionPad3d: "padding",
    ReplicationPad1d: "padding",
    ReplicationPad2d: "padding",
    ReplicationPad3d: "padding",
    ZeroPad1d: "padding",
    ZeroPad2d: "padding",
    ZeroPad3d: "padding",
    CircularPad1d: "padding",
    CircularPad2d: "padding",
    CircularPad3d: "padding",
  },
  pooling: {
    MaxPool1d: pool,
    MaxPool2d: pool,
    MaxPool3d: pool,
    MaxUnpool1d: "kernel_size stride padding",
    MaxUnpool2d: "kernel_size stride padding",
    MaxUnpool3d: "kernel_size stride padding",
    AvgPool1d: "kernel_size stride padding ceil_mode count_include_pad",
    AvgPool2d: average,
    AvgPool3d: average,
    LPPool1d: "norm_type kernel_size stride ceil_mode",
    LPPool2d: "norm_type kernel_size stride ceil_mode",
    AdaptiveMaxPool1d: "output_size return_indices",
    AdaptiveMaxPool2d: "output_size return_indices",
    AdaptiveMaxPool3d: "output_size return_indices",
    AdaptiveAvgPool1d: "output_size",
    AdaptiveAvgPool2d: "output_size",
    AdaptiveAvgPool3d: "output_size",
  },
  rnn: {
    RNN: `nonlinearity ${recurrent}`,
    LSTM: recurrent,
    GRU: recurrent,
    RNNCell: "input_size hidden_size bias nonlinearity",
    LSTMCell: "input_size hidden_size bias",
    GRUCell: "input_size hidden_size bias",
  },
  channelshuffle: { ChannelShuffle: "groups" },
  pixelshuffle: { PixelShuffle: "upscale_factor", PixelUnshuffle: "downscale_factor" },
  flatten: { Flatten: "start_dim end_dim", Unflatten: "dim unflattened_size" },
  fold: { Fold: "output_size kernel_size dilation padding stride", Unfold: "kernel_size dilation padding stride" },
  upsampling: { Upsample: upsample, UpsamplingNearest2d: upsample, UpsamplingBilinear2d: upsample },
  distance: { CosineSimilarity: "dim eps.", PairwiseDistance: "norm. eps. keepdim" },
  transformer: {
    Transformer: "d_model nhead batch_first=false",
    TransformerEncoder: "num_layers norm=null",
    TransformerDecoder: "num_layers norm=null",
    TransformerEncoderLayer: "norm_first=false activation",
    TransformerDecoderLayer: "norm_first=false activation",
  },
};

/** `weight_ih` to `weightIh`. */
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

const defaults: Readonly<Record<string, unknown>> = {
  "'zeros'": "zeros",
  "'none'": "none",
  "0": 0,
  "1": 1,
  "0.25": 0.25,
  false: false,
  null: null,
};

function attribute(text: string): Attribute {
  const [head = "", missing] = text.split("=");
  const python = head.replace(/\.$/, "");
  return {
    python,
    field: camel(python),
    float: head.endsWith("."),
    missing: missing === undefined ? undefined : defaults[missing],
  };
}

/** The functions that layers of transformers hold, and a class that nn keeps to itself. */
interface Parts {
  readonly relu: unknown;
  readonly gelu: unknown;
  readonly projection: object;
}

let parts: Parts | undefined;

/** What only instances show. The generator is as it was afterwards: reading a file draws no numbers. */
export function partsOfLayers(): Parts {
  if (parts !== undefined) return parts;
  const state = getRngState();
  const layer = new nn.TransformerEncoderLayer(1, 1, 1, 0, "relu");
  const gelu = new nn.TransformerEncoderLayer(1, 1, 1, 0, "gelu").activation;
  setRngState(state);
  parts = { relu: layer.activation, gelu, projection: Object.getPrototypeOf(layer.self_attn.out_proj) as object };
  return parts;
}

function prototypeOf(name: string): object {
  if (name === "NonDynamicallyQuantizableLinear") return partsOfLayers().projection;
  const found: unknown = Reflect.get(nn, name);
  if (typeof found !== "function") throw new Error(`nn has no class ${name}`);
  return found.prototype as object;
}

const prefix = "torch.nn.modules.";
const byName = new Map<string, ModuleClass>();
const byPrototype = new Map<object, ModuleClass>();

/** A class of `torch.nn` by the names that a file has. */
export function builtinClass(module: string, name: string): ModuleClass | null {
  const known = byName.get(`${module}.${name}`);
  if (known !== undefined) return known;
  const family = module.startsWith(prefix) ? module.slice(prefix.length) : "";
  if (!Object.hasOwn(rows, family) || !Object.hasOwn(rows[family]!, name)) return null;
  const attributes = rows[family]![name]!.split(" ").filter((text) => text !== "");
  const made = { module, name, prototype: prototypeOf(name), attributes: attributes.map(attribute) };
  byName.set(`${module}.${name}`, made);
  return made;
}

/** The class of `torch.nn` with this prototype. */
export function builtinOf(prototype: object): ModuleClass | null {
  if (byPrototype.size === 0) {
    for (const [family, classes] of Object.entries(rows)) {
      for (const name of Object.keys(classes)) {
        const found = builtinClass(prefix + family, name)!;
        byPrototype.set(found.prototype, found);
      }
    }
  }
  return byPrototype.get(prototype) ?? null;
}
