/** The index of a checkpoint in several safetensors files: which file has which tensor. */
import { check } from "../core/errors.ts";
import { SafetensorError } from "./errors.ts";
import { type LoadSource, pathOf, withSource } from "./input.ts";

/** Whether a source is an index of shards, by its name. */
export function isShardIndex(from: LoadSource): from is string | URL {
  const name = from instanceof URL ? from.pathname : from;
  return typeof name === "string" && name.replace(/\?.*$/, "").endsWith(".index.json");
}

const largestIndex = 100_000_000;

/** Reads an index: the file of each tensor, in the order of the index. */
export async function readShardIndex(index: string | URL): Promise<Map<string, string>> {
  const name = String(index);
  const text = await withSource(index, (source) => {
    check(source.size <= largestIndex, () => `${name}: an index of ${source.size} bytes`, SafetensorError);
    return new TextDecoder().decode(source.read(0, source.size));
  });
  return weightMap(name, text);
}

/** Which file has which tensor. Files stand beside the index: a name with a folder is refused. */
function weightMap(name: string, text: string): Map<string, string> {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw new SafetensorError(`${name}: the index is no JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  const map: unknown = typeof index === "object" && index !== null ? Reflect.get(index, "weight_map") : null;
  check(
    typeof map === "object" && map !== null,
    () => `${name}: expected an object with weight_map, found ${text.slice(0, 40)}`,
    SafetensorError,
  );
  return new Map(
    Object.entries(map).map(([key, file]: [string, unknown]) => {
      check(
        typeof file === "string" && /^[\w][\w.-]*$/.test(file),
        () => `${name}: ${key} is said to be in ${JSON.stringify(file)}, which is no file beside the index`,
        SafetensorError,
      );
      return [key, file];
    }),
  );
}

/** A file that stands beside the index. */
export function beside(index: string | URL, file: string): string | URL {
  if (index instanceof URL) return new URL(file, index);
  if (pathOf(index) === null) return new URL(file, new URL(index, globalThis.location?.href)).href;
  return process.getBuiltinModule("path").join(process.getBuiltinModule("path").dirname(index), file);
}
