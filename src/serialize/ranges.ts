/** Bytes that are fetched range by range: open files, blobs and HTTP servers. */
import { check, RuntimeError } from "../core/errors.ts";
import { isBytes, type LoadSource, openFile, pathOf, plainBytes } from "./input.ts";
import { bytesSource, type Source } from "./source.ts";

/** Bytes that can be asked for at any place. */
export interface Ranges {
  /** What messages call it. */
  readonly name: string;
  readonly size: number;
  /** Runs a synchronous reader over the bytes, as often as it takes to have what it reads. */
  run<R>(use: (source: Source) => R): Promise<R>;
  /** Fills `length` bytes from `offset` on into what `target` gives when they are there. */
  fill(offset: number, length: number, target: () => Uint8Array): Promise<void>;
  close(): void;
}

/** Opens anything whose parts can be read alone. */
export async function openRanges(from: LoadSource): Promise<Ranges> {
  if (isBytes(from)) return direct(bytesSource(plainBytes(from), "the checkpoint"), () => {});
  const path = pathOf(from);
  if (path !== null) {
    const { source, close } = openFile(path);
    return direct(source, close);
  }
  if (typeof Blob === "function" && from instanceof Blob) return remote(blobFetcher(from));
  if (typeof from === "string" || from instanceof URL) return remote(await httpFetcher(String(from)));
  throw new TypeError(
    "open(): expected a path, URL, Blob, ArrayBuffer or typed array; streams can only be loaded whole",
  );
}

function direct(source: Source, close: () => void): Ranges {
  return {
    name: source.name,
    size: source.size,
    run: async (use) => use(source),
    fill: async (offset, _length, target) => source.readInto(offset, target()),
    close,
  };
}

/** Who gets the bytes of a far source. */
interface Fetcher {
  readonly name: string;
  readonly size: number;
  fetch(offset: number, length: number): Promise<Uint8Array>;
}

/** Metadata is fetched in pieces of this size, aligned to it. */
const block = 2 ** 16;

/** Thrown by a reader that came to bytes that are not there yet. */
class Missing extends Error {
  readonly first: number;
  readonly last: number;

  constructor(first: number, last: number) {
    super("these bytes have not been fetched yet");
    this.first = first;
    this.last = last;
  }
}

function remote(from: Fetcher): Ranges {
  const blocks = new Map<number, Uint8Array>();
  const { name, size } = from;
  const readInto = (offset: number, target: Uint8Array): void => {
    check(offset >= 0 && offset + target.length <= size, () => `${name}: it ends before ${offset + target.length}`);
    const first = Math.floor(offset / block);
    const last = Math.floor((offset + target.length - 1) / block);
    let missing = first;
    while (missing <= last && blocks.has(missing)) missing++;
    if (missing <= last) throw new Missing(missing, last);
    for (let i = first; i <= last; i++) {
      const from_ = Math.max(offset, i * block);
      const to = Math.min(offset + target.length, (i + 1) * block);
      target.set(blocks.get(i)!.subarray(from_ - i * block, to - i * block), from_ - offset);
    }
  };
  const read = (offset: number, length: number): Uint8Array => {
    check(offset >= 0 && offset + length <= size, () => `${name}: it ends before ${offset + length}`);
    const bytes = new Uint8Array(length);
    readInto(offset, bytes);
    return bytes;
  };
  const get = async ({ first, last }: Missing): Promise<void> => {
    const start = first * block;
    const bytes = await from.fetch(start, Math.min((last + 1) * block, size) - start);
    for (let i = first; i <= last; i++) blocks.set(i, bytes.subarray(i * block - start, (i + 1) * block - start));
  };
  return {
    name,
    size,
    async run(use) {
      for (;;) {
        try {
          return use({ name, size, read, readInto });
        } catch (error) {
          if (!(error instanceof Missing)) throw error;
          await get(error);
        }
      }
    },
    async fill(offset, length, target) {
      const bytes = length === 0 ? new Uint8Array(0) : await from.fetch(offset, length);
      target().set(bytes);
    },
    close: () => blocks.clear(),
  };
}

function blobFetcher(blob: Blob): Fetcher {
  const name = "name" in blob && typeof blob.name === "string" ? blob.name : "the blob";
  return {
    name,
    size: blob.size,
    fetch: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  };
}

async function httpFetcher(url: string): Promise<Fetcher> {
  const first = await request(url, 0, 1);
  const total = Number(/\/(\d+)$/.exec(first.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
  check(Number.isSafeInteger(total), () => `open(): ${url} does not say how long it is (Content-Range)`);
  await first.arrayBuffer();
  const tag = first.headers.get("etag");
  return {
    name: url,
    size: total,
    async fetch(offset, length) {
      const response = await request(url, offset, length);
      const bytes = new Uint8Array(await response.arrayBuffer());
      check(
        bytes.length === length,
        () => `open(): ${url}: expected ${length} bytes from ${offset} on, found ${bytes.length}`,
      );
      check(response.headers.get("etag") === tag, () => `open(): ${url} changed while it was read`);
      return bytes;
    },
  };
}

async function request(url: string, offset: number, length: number): Promise<Response> {
  const range = `bytes=${offset}-${offset + length - 1}`;
  const response = await fetch(url, { headers: { Range: range } });
  if (response.status === 206) {
    const found = response.headers.get("content-range") ?? "";
    check(found.startsWith(`bytes ${offset}-`), () => `open(): ${url} answered ${found || "nothing"} to ${range}`);
    return response;
  }
  await response.body?.cancel();
  if (response.ok)
    throw new RuntimeError(`open(): ${url} does not give parts of files; await torch.load reads it whole`);
  throw new RuntimeError(`open(): ${url} answered ${`${response.status} ${response.statusText}`.trim()}`);
}
