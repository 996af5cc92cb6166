/** Files in memory, for programs that save and load by path, and the few Node modules that examples use beside. */
import * as torch from "cresset";

const files = new Map<string, Uint8Array<ArrayBuffer>>();

function expectFile(path: string): Uint8Array<ArrayBuffer> {
  const bytes = files.get(path);
  if (bytes === undefined) throw new Error(`ENOENT: no such file in the playground's memory: '${path}'`);
  return bytes;
}

/** `torch` whose `save` and `load` take paths in memory; `saved` hears of new files. */
export function withFiles(saved: (name: string, bytes: Uint8Array<ArrayBuffer>) => void): typeof torch {
  const save = async (value: unknown, dest: unknown, ...rest: unknown[]): Promise<void> => {
    if (typeof dest !== "string") return torch.save(value as never, dest as never, ...(rest as []));
    const bytes = torch.serialize(value as never);
    files.set(dest, bytes);
    saved(dest.split("/").at(-1)!, bytes);
  };
  const load = async (src: unknown, ...rest: unknown[]): Promise<unknown> =>
    torch.load((typeof src === "string" ? expectFile(src) : src) as never, ...(rest as []));
  return { ...torch, save, load } as typeof torch;
}

const join = (...parts: string[]): string => parts.join("/").replace(/\/+/g, "/");

/** Node's modules, as far as a program without a disk can have them. */
export const nodeModules: Readonly<Record<string, object>> = {
  "node:fs": {
    mkdtempSync: (prefix: string) => `${prefix}memory`,
    mkdirSync: () => undefined,
    existsSync: (path: string) => files.has(path),
    readFileSync: (path: string) => expectFile(path).slice(),
    writeFileSync: (path: string, bytes: Uint8Array) => void files.set(path, new Uint8Array(bytes)),
    rmSync: (path: string) => {
      for (const name of files.keys()) if (name === path || name.startsWith(`${path}/`)) files.delete(name);
    },
  },
  "node:os": { tmpdir: () => "/tmp" },
  "node:path": { join, dirname: (path: string) => path.replace(/\/[^/]*$/, "") || "/" },
};
