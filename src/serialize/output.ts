/** What `save` writes to: files, which change whole or not at all, and streams. */
import { check } from "../core/errors.ts";
import { pathOf } from "./input.ts";
import { type Pieces, pump, withProgress } from "./pieces.ts";

/** An object that takes bytes piece by piece, such as Node's writable streams. It is not closed. */
export interface Sink {
  write(chunk: Uint8Array): unknown;
}

/** A path, a `file:` URL, a stream or a sink. */
export type SaveDestination = string | URL | WritableStream<Uint8Array> | Sink;

/** How a file is written. */
export interface SaveOptions {
  /** Waits until the bytes are on the disk, so that they outlive a loss of power. */
  readonly durable?: boolean;
  /** Hears of every piece that was written, by its bytes. */
  readonly progress?: (bytes: number) => void;
}

/** Writes the pieces that `pieces` makes for an archive of the given name. */
export async function writeTo(
  to: SaveDestination,
  pieces: (name: string) => Pieces,
  options: SaveOptions = {},
): Promise<void> {
  const path = pathOf(to);
  const told = (name: string): Pieces => withProgress(pieces(name), options.progress);
  if (path !== null) return writeFile(path, told(stem(path)), options.durable === true);
  if (typeof to === "object" && to !== null && "getWriter" in to) return writeStream(to, told("archive"));
  if (typeof to === "object" && to !== null && "write" in to) return pump(told("archive"), sinkWriter(to));
  throw new TypeError("save(): expected a path, a file: URL, a WritableStream or an object with write(bytes)");
}

/** The archive's inner name, as PyTorch takes it: the file's name up to its last point; non-ASCII names are not used. */
export function stem(path: string): string {
  const base = path.replace(/^.*[/\\]/s, "");
  const dot = base.lastIndexOf(".");
  const name = dot < 0 ? base : base.slice(0, dot);
  return /^[\x20-\x7e]+$/.test(name) ? name : "archive";
}

async function writeStream(stream: WritableStream<Uint8Array>, pieces: Pieces): Promise<void> {
  const writer = stream.getWriter();
  try {
    await pump(pieces, async (chunk) => {
      await writer.ready;
      // A copy: the heap's memory may move or change before the stream has passed the piece on.
      await writer.write(chunk.slice());
    });
  } finally {
    writer.releaseLock();
  }
}

/** The part of Node's streams that says when they can take more. */
interface Drains {
  once(event: string, listener: (error?: unknown) => void): unknown;
  off(event: string, listener: (error?: unknown) => void): unknown;
}

const drains = (sink: object): sink is Drains =>
  "once" in sink && typeof sink.once === "function" && "off" in sink && typeof sink.off === "function";

const sinkWriter =
  (sink: Sink) =>
  async (chunk: Uint8Array): Promise<void> => {
    const answer: unknown = sink.write(chunk.slice());
    if (answer === false && drains(sink)) await drained(sink);
    else await answer;
  };

function drained(sink: Drains): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: unknown): void => {
      sink.off("drain", done);
      sink.off("error", done);
      sink.off("close", closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = (): void => done(new Error("save(): the stream was closed before the checkpoint was complete"));
    sink.once("drain", done);
    sink.once("error", done);
    sink.once("close", closed);
  });
}

type Fs = typeof import("node:fs");

/** Synchronous where all pieces are there: then a file is a snapshot of the moment of the call. */
function writeFile(path: string, pieces: Pieces, durable: boolean): Promise<void> | undefined {
  const fs = process.getBuiltinModule("fs");
  const file = openOutput(fs, path, durable);
  const failed = (error: unknown): never => {
    file.abandon();
    throw error;
  };
  const write = (chunk: Uint8Array): void => writeAll(fs, file.fd, chunk);
  let rest: Promise<void> | undefined;
  try {
    rest = pump(pieces, write);
    if (rest === undefined) file.finish();
  } catch (error) {
    failed(error);
  }
  return rest?.then(() => file.finish()).catch(failed);
}

/** A file that is being written. */
interface Output {
  readonly fd: number;
  finish(): void;
  abandon(): void;
}

function openOutput(fs: Fs, path: string, durable: boolean): Output {
  const { dirname } = process.getBuiltinModule("path");
  const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
  const folder = dirname(target);
  check(fs.existsSync(folder), () => `Parent directory ${folder} does not exist.`);
  const old = fs.statSync(target, { throwIfNoEntry: false });
  check(old?.isDirectory() !== true, () => `[Errno 21] Is a directory: '${path}'`);
  if (old !== undefined && !old.isFile()) return deviceOutput(fs, target);
  return replacement(fs, target, old?.mode, durable);
}

/** An open file that is closed once. */
function opened(fs: Fs, path: string, flags: string, mode: number): { fd: number; close: () => void } {
  const fd = fs.openSync(path, flags, mode);
  let open = true;
  const close = (): void => {
    if (open) fs.closeSync(fd);
    open = false;
  };
  return { fd, close };
}

/** A temporary file beside the target takes its place when it is complete. */
function replacement(fs: Fs, target: string, mode: number | undefined, durable: boolean): Output {
  const { dirname, join } = process.getBuiltinModule("path");
  const folder = dirname(target);
  const temporary = join(folder, `.cresset-${process.pid}-${Math.random().toString(36).slice(2, 12)}.tmp`);
  const { fd, close } = opened(fs, temporary, "wx", mode ?? 0o666);
  return {
    fd,
    finish() {
      if (mode !== undefined) fs.fchmodSync(fd, mode);
      if (durable) fs.fsyncSync(fd);
      close();
      const old = mode === undefined ? null : held(fs, target);
      fs.renameSync(temporary, target);
      if (durable) syncFolder(fs, folder);
      // To free a large file takes longer than to write one. Whoever closes it last does that: here another thread.
      if (old !== null) fs.close(old, () => {});
    },
    abandon() {
      close();
      fs.rmSync(temporary, { force: true });
    },
  };
}

/** Keeps a file that is about to be replaced; null where that is not possible. */
function held(fs: Fs, path: string): number | null {
  if (process.platform === "win32") return null; // open files cannot be replaced there
  try {
    return fs.openSync(path, "r");
  } catch {
    return null;
  }
}

/** Pipes and devices cannot be replaced. */
function deviceOutput(fs: Fs, path: string): Output {
  const { fd, close } = opened(fs, path, "w", 0o666);
  return { fd, finish: close, abandon: close };
}

/** One system call writes at most 2 GiB less a page. */
const largestWrite = 2 ** 30;

function writeAll(fs: Fs, fd: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) {
    done += fs.writeSync(fd, chunk, done, Math.min(chunk.length - done, largestWrite));
  }
}

function syncFolder(fs: Fs, folder: string): void {
  if (process.platform === "win32") return; // folders cannot be opened there
  const fd = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
