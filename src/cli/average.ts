/** `cresset average`: one file whose tensors are the mean of those of several. */
import { type Command, InvalidArgumentError } from "commander";
import { serialization } from "cresset";
import { type CommonOptions, type Context, subcommand, UsageError } from "./command.ts";
import { sameBytes } from "./compare.ts";
import { encoded, hasNumbers, lazyCopy, numbersOf, partsOf, pieces } from "./elements.ts";
import { type Content, checkFree, contentOf, fitted, formatFor, write } from "./outputs.ts";
import { tiesOf } from "./sharing.ts";
import { bytesText, plural, printable, shapeText } from "./text.ts";
import { mapTensors, valuesOf } from "./tree.ts";

type LazyTensor = serialization.LazyTensor;

interface AverageOptions extends CommonOptions {
  readonly output: string;
  readonly weights?: readonly number[];
  readonly key?: string;
  readonly force?: boolean;
}

function weights(text: string): readonly number[] {
  const list = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!list.every((weight) => Number.isFinite(weight))) throw new InvalidArgumentError("Expected numbers and commas.");
  if (list.reduce((sum, weight) => sum + weight, 0) === 0) throw new InvalidArgumentError("Their sum must not be 0.");
  return list;
}

/** The subcommand. */
export function average({ terminal }: Context): Command {
  return subcommand("average", "write the mean of several files", [
    ["cresset average epoch-8.pt epoch-9.pt epoch-10.pt -o mean.pt", "the mean of three checkpoints"],
    [
      "cresset average a.pt b.pt -o soup.safetensors --weights 0.7,0.3",
      "a weighted one; weights are scaled to a sum of 1",
    ],
    ["cresset average a.pt b.pt -o mean.pt --key model_state_dict", "of a part of each file"],
  ])
    .argument("<files...>", "two files or more, with the same keys and shapes")
    .requiredOption("-o, --output <path>", "the file to write: .pt, .pth, .safetensors, .npz or .npy")
    .option("--weights <list>", "a weight for each file, such as 2,1,1", weights)
    .option("--key <path>", "take only what stands under this key")
    .option("-f, --force", "replace an existing file")
    .action(async (paths: string[], options: AverageOptions) => {
      const format = formatFor(options.output);
      checkFree(options.output, options.force);
      const shares = sharesOf(paths, options.weights);
      const files: serialization.Checkpoint[] = [];
      try {
        for (const path of paths) files.push(await serialization.inspect(path));
        const contents = files.map((file) => contentOf(file, options.key));
        checkAlike(contents, paths);
        const { content, losses } = fitted(contents[0]!, format);
        const differing = differingValues(contents);
        if (losses.length > 0) terminal.note(`left out: ${losses.join(", ")}`);
        else if (differing > 0)
          terminal.note(`not the same in all files: ${plural(differing, "value")}; ${paths[0]} gives them`);
        await write(options.output, format, meanOf(content, contents, shares), terminal);
        const { size } = process.getBuiltinModule("fs").statSync(options.output);
        const tensors = content.tensors.size;
        const { output } = options;
        if (options.json === true) terminal.json({ from: paths, weights: shares, to: output, format, tensors, size });
        else
          terminal.line(
            `${output}: the mean of ${plural(paths.length, "file")}, ${plural(tensors, "tensor")}, ${bytesText(size)}`,
          );
      } finally {
        for (const file of files) file.close();
      }
    });
}

/** The weights with a sum of 1. */
function sharesOf(paths: readonly string[], given: readonly number[] | undefined): number[] {
  if (paths.length < 2) throw new UsageError("average: expected two files or more");
  const list = given ?? paths.map(() => 1);
  if (list.length !== paths.length) {
    throw new UsageError(`--weights: expected ${paths.length} weights, one for each file, found ${list.length}`);
  }
  const sum = list.reduce((total, weight) => total + weight, 0);
  return list.map((weight) => weight / sum);
}

/** Throws unless all files have the same names, dtypes and shapes. */
function checkAlike(contents: readonly Content[], paths: readonly string[]): void {
  const first = contents[0]!.tensors;
  for (const [i, { tensors }] of contents.entries()) {
    const missing = [...first.keys()].find((name) => !tensors.has(name));
    const extra = [...tensors.keys()].find((name) => !first.has(name));
    if (missing !== undefined)
      throw new Error(`${paths[i]} has no tensor ${printable(missing)}, which ${paths[0]} has`);
    if (extra !== undefined) throw new Error(`${paths[0]} has no tensor ${printable(extra)}, which ${paths[i]} has`);
    for (const [name, tensor] of first) {
      const [a, b] = [kindOf(tensor), kindOf(tensors.get(name)!)];
      if (a !== b) throw new Error(`tensor ${printable(name)} is ${a} in ${paths[0]} and ${b} in ${paths[i]}`);
    }
  }
  for (const [name, { dtype }] of first) {
    if (!hasNumbers(dtype)) throw new Error(`tensor ${printable(name)} has dtype ${dtype}, of which there is no mean`);
  }
}

const kindOf = ({ dtype, shape }: LazyTensor): string => `${dtype} ${shapeText(shape)}`;

function differingValues(contents: readonly Content[]): number {
  const [first, ...others] = contents.map(({ value }) => valuesOf(value));
  return [...first!].filter(([path, text]) => others.some((values) => values.get(path) !== text)).length;
}

/** The first content with the means in its tensors' places; names that are one tensor stay so. */
function meanOf(content: Content, contents: readonly Content[], shares: readonly number[]): Content {
  const representative = new Map([...content.tensors.keys()].map((name) => [name, name]));
  for (const [kept, ...others] of tiesOf(content.tensors)) for (const name of others) representative.set(name, kept);
  const means = new Map<string, LazyTensor>();
  const byTensor = new Map<LazyTensor, LazyTensor>();
  for (const [name, tensor] of content.tensors) {
    const kept = representative.get(name)!;
    const mean = means.get(kept) ?? meanTensor(kept, contents, shares);
    means.set(kept, mean);
    byTensor.set(tensor, mean);
  }
  const change = (tensor: LazyTensor): LazyTensor => byTensor.get(tensor) ?? tensor;
  const tensors = new Map([...content.tensors].map(([name, tensor]) => [name, change(tensor)]));
  return { ...content, value: mapTensors(content.value, change), tensors };
}

function meanTensor(name: string, contents: readonly Content[], shares: readonly number[]): LazyTensor {
  const sources = contents.map(({ tensors }) => tensors.get(name)!);
  return lazyCopy(sources[0]!, sources[0]!.dtype, () => meanPieces(name, sources, shares));
}

/** The mean of a piece of each at a time, summed in float64. */
async function* meanPieces(
  name: string,
  sources: readonly LazyTensor[],
  shares: readonly number[],
): AsyncGenerator<Uint8Array> {
  const { dtype } = sources[0]!;
  const others = sources.slice(1).map(pieces);
  for await (const piece of pieces(sources[0]!)) {
    const all = [piece];
    for (const other of others) all.push((await other.next()).value as Uint8Array);
    yield await meanPiece(name, dtype, all, shares);
  }
}

async function meanPiece(
  name: string,
  dtype: string,
  all: readonly Uint8Array[],
  shares: readonly number[],
): Promise<Uint8Array> {
  // Weights that are rounded would change what is the same everywhere.
  if (all.every((piece) => sameBytes(piece, all[0]!))) return all[0]!;
  const numbers: (ArrayLike<number> | ArrayLike<bigint>)[] = [];
  for (const piece of all) numbers.push(await numbersOf(piece, dtype));
  const [first] = numbers;
  if (dtype === "bool" || /^uint(16|32|64)$/.test(dtype)) {
    const same = numbers.every((other) => Array.prototype.every.call(other, (x, i) => x === first![i]));
    if (!same) throw new Error(`tensor ${printable(name)} of dtype ${dtype} differs; there is no mean of such`);
    return all[0]!;
  }
  const sums = new Float64Array(first!.length);
  for (const [k, values] of numbers.entries()) addScaled(sums, values, shares[k]!);
  return encoded(sums, partsOf(dtype) === 1 ? dtype : dtype === "complex64" ? "float32" : "float64");
}

function addScaled(sums: Float64Array, values: ArrayLike<number> | ArrayLike<bigint>, share: number): void {
  if (typeof values[0] === "bigint") for (let i = 0; i < sums.length; i++) sums[i]! += share * Number(values[i]);
  else for (let i = 0; i < sums.length; i++) sums[i]! += share * (values[i] as number);
}
