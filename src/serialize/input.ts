/** What `load` reads from: paths, URLs, blobs, responses, streams and bytes. */
import { check, RuntimeError } from "../core/errors.ts";
import { FileNotFoundError } from "./errors.ts";
import { bytesSource, fileSource, type Source } from "./source.ts";

/** Anything that gives bytes. A string is a path, unless it begins with `http://` or `https://` or there are no files. */
export type LoadSource =
  | string
  | URL
  | Blob
  | Response
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | ArrayBufferLike
  | ArrayBufferView;

/** Gives `use` a source, and closes what had to be opened. */
export async function withSource<R>(from: LoadSource, use: (source: Source) => R): Promise<R> {
  const path = pathOf(from);
  if (path === null) return use(bytesSource(await bytesOf(from), nameOf(from)));
  return withFile(path, use);
}

/** The bytes of a buffer or of a view of one; a shared one is copied, as decoders refuse those. */
export function plainBytes(from: ArrayBufferLike | ArrayBufferView): Uint8Array {
  const bytes = ArrayBuffer.isView(from)
    ? new Uint8Array(from.buffer, from.byteOffset, from.byteLength)
    : new Uint8Array(from);
  return bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
}

/** Whether these are bytes in memory, also of another realm. */
export function isBytes(from: unknown): from is ArrayBufferLike | ArrayBufferView {
  if (ArrayBuffer.isView(from)) return true;
  const tag = Object.prototype.toString.call(from);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

/** The path that a string or `file:` URL means; null for other sources and where there are no files. */
export function pathOf(from: unknown): string | null {
  const node = globalThis.process?.getBuiltinModule;
  if (from instanceof URL && from.protocol === "file:") {
    check(node !== undefined, () => `${from.href}: there are no files here`);
    return node("url").fileURLToPath(from);
  }
  if (typeof from !== "string" || node === undefined || /^https?:\/\//.test(from)) return null;
  return from;
}

const nameOf = (from: LoadSource): string => {
  if (typeof from === "string") return from;
  if (from instanceof URL) return from.href;
  if (typeof Response === "function" && from instanceof Response && from.url !== "") return from.url;
  if (typeof File === "function" && from instanceof File) return from.name;
  return "the checkpoint";
};

function withFile<R>(path: string, use: (source: Source) => R): R {
  const { source, close } = openFile(path);
  try {
    return use(source);
  } finally {
    close();
  }
}

/** A file as a source; `close` it when done. */
export function openFile(path: string): { source: Source; close: () => void } {
  const fs = process.getBuiltinModule("fs");
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") throw new FileNotFoundError(path);
    throw error;
  }
  const close = (): void => fs.closeSync(fd);
  try {
    const status = fs.fstatSync(fd);
    check(!status.isDirectory(), () => `[Errno 21] Is a directory: '${path}'`);
    const source = status.isFile() ? fileSource(fs, fd, status.size, path) : bytesSource(fs.readFileSync(fd), path);
    return { source, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function bytesOf(from: LoadSource): Promise<Uint8Array> {
  if (isBytes(from)) return plainBytes(from);
  if (typeof from === "string" || from instanceof URL) return bytesOfResponse(await fetch(from));
  if (from instanceof Blob) return new Uint8Array(await from.arrayBuffer());
  if (from instanceof Response) return bytesOfResponse(from);
  if (from instanceof ReadableStream) return joined(chunksOf(from));
  if (typeof from === "object" && from !== null && Symbol.asyncIterator in from) return joined(from);
  throw new TypeError(
    "load(): expected a path, URL, Blob, Response, stream, ArrayBuffer or typed array, not " +
      (from === null ? "null" : typeof from),
  );
}

async function bytesOfResponse(response: Response): Promise<Uint8Array> {
  const status = `${response.status} ${response.statusText}`.trim();
  if (!response.ok) throw new RuntimeError(`load(): ${response.url || "the response"} answered ${status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Safari's streams are not async iterable. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError(`load(): a stream of ${typeof chunk}s; expected bytes`);
    parts.push(chunk);
  }
  return join(parts);
}

/** The pieces as one array. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
