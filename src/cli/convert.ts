/** `cresset convert`: the same tensors in another format. */
import { type Command, Option } from "commander";
import { serialization } from "cresset";
import { type CommonOptions, type Context, subcommand } from "./command.ts";
import { lazyCopy, pieces, recoded } from "./elements.ts";
import { type Content, checkFree, contentOf, fitted, formatFor, write } from "./outputs.ts";
import { bytesText, plural } from "./text.ts";
import { mapTensors } from "./tree.ts";

type LazyTensor = serialization.LazyTensor;

interface ConvertOptions extends CommonOptions {
  readonly key?: string;
  readonly dtype?: "float16" | "bfloat16" | "float32" | "float64";
  readonly lossy?: boolean;
  readonly force?: boolean;
}

/** The subcommand. */
export function convert({ terminal }: Context): Command {
  return subcommand("convert", "write a file in another format", [
    ["cresset convert model.pt model.safetensors", "tied names are recorded and tied again when it is read"],
    ["cresset convert --key model_state_dict training.pt weights.safetensors", "a part of a training checkpoint"],
    ["cresset convert --dtype bfloat16 model.safetensors small.pt", "another precision"],
    ["cresset convert old.pt new.pt", "a legacy file in today's format"],
    ["cresset convert arrays.npz arrays.pt", "NumPy's arrays as tensors"],
  ])
    .argument("<from>", "a file of any kind; also a URL")
    .argument("<to>", "a path that ends in .pt, .pth, .safetensors, .npz or .npy")
    .option("--key <path>", "take only what stands under this key")
    .addOption(
      new Option("--dtype <dtype>", "convert floating point tensors").choices([
        "float16",
        "bfloat16",
        "float32",
        "float64",
      ]),
    )
    .option("--lossy", "leave out what the format cannot hold")
    .option("-f, --force", "replace an existing file")
    .action(async (from: string, to: string, options: ConvertOptions) => {
      const format = formatFor(to);
      checkFree(to, options.force);
      using file = await serialization.inspect(from);
      const { content, losses } = fitted(contentOf(file, options.key), format);
      if (losses.length > 0 && options.lossy !== true) {
        throw new Error(
          `${to} cannot hold ${losses.join(" and ")} of ${from}; --lossy leaves them out, --key takes a part`,
        );
      }
      if (losses.length > 0) terminal.note(`left out: ${losses.join(", ")}`);
      await write(to, format, options.dtype === undefined ? content : cast(content, options.dtype), terminal);
      const { size } = process.getBuiltinModule("fs").statSync(to);
      const tensors = content.tensors.size;
      if (options.json === true) terminal.json({ from, to, format, tensors, size, losses });
      else terminal.line(`${to}: ${plural(tensors, "tensor")}, ${bytesText(size)}`);
    });
}

const floats = ["float16", "bfloat16", "float32", "float64"];

/** The content with its floating point tensors in another dtype; ties stay. */
function cast(content: Content, dtype: string): Content {
  const made = new Map<LazyTensor, LazyTensor>();
  const change = (tensor: LazyTensor): LazyTensor => {
    if (!floats.includes(tensor.dtype) || tensor.dtype === dtype) return tensor;
    const known = made.get(tensor) ?? lazyCopy(tensor, dtype, () => castPieces(tensor, dtype));
    made.set(tensor, known);
    return known;
  };
  const tensors = new Map([...content.tensors].map(([name, tensor]) => [name, change(tensor)]));
  return { ...content, value: mapTensors(content.value, change), tensors };
}

async function* castPieces(tensor: LazyTensor, dtype: string): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces(tensor)) yield recoded(piece, tensor.dtype, dtype);
}
