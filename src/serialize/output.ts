/** What `save` writes to: files, which change whole or not at all, and streams. */
import { check } from "../core/errors.ts";
import { pathOf } from "./input.ts";

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
}

/** Writes the pieces that `chunks` makes for an archive of the given name. */
export async function writeTo(
  to: SaveDestination,
  chunks: (name: string) => Iterable<Uint8Array>,
  options: SaveOptions = {},
): Promise<void> {
  const path = pathOf(to);
  if (path !== null) return writeFile(path, chunks(stem(path)), options.durable === true);
  if (typeof to === "object" && to !== null && "getWriter" in to) return writeStream(to, chunks("archive"));
  if (typeof to === "object" && to !== null && "write" in to) return writeSink(to, chunks("archive"));
  throw new TypeError("save(): expected a path, a file: URL, a WritableStream or an object with write(bytes)");
}

/** The archive's inner name, as PyTorch takes it: the file's name up to its last point; non-ASCII names are not used. */
export function stem(path: string): string {
  const base = path.replace(/^.*[/\\]/s, "");
  const dot = base.lastIndexOf(".");
  const name = dot < 0 ? base : base.slice(0, dot);
  return /^[\x20-\x7e]+$/.test(name) ? name : "archive";
}

async function writeStream(stream: WritableStream<Uint8Array>, chunks: Iterable<Uint8Array>): Promise<void> {
  const writer = stream.getWriter();
  try {
    // A copy: the heap's memory may move or change before the stream has passed the piece on.
    for (const chunk of chunks) {
      await writer.ready;
      await writer.write(chunk.slice());
    }
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

async function writeSink(sink: Sink, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) {
    const answer: unknown = sink.write(chunk.slice());
    if (answer === false && drains(sink)) await drained(sink);
    else await answer;
  }
}

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

/** All of it is synchronous: a snapshot of what is saved. */
function writeFile(path: string, chunks: Iterable<Uint8Array>, durable: boolean): void {
  const fs = process.getBuiltinModule("fs");
  const { dirname } = process.getBuiltinModule("path");
  const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
  const folder = dirname(target);
  check(fs.existsSync(folder), () => `Parent directory ${folder} does not exist.`);
  const old = fs.statSync(target, { throwIfNoEntry: false });
  check(old?.isDirectory() !== true, () => `[Errno 21] Is a directory: '${path}'`);
  if (old !== undefined && !old.isFile()) writeDevice(fs, target, chunks);
  else replaceFile(fs, target, chunks, old?.mode, durable);
}

/** A temporary file beside the target takes its place when it is complete. */
function replaceFile(
  fs: Fs,
  target: string,
  chunks: Iterable<Uint8Array>,
  mode: number | undefined,
  durable: boolean,
): void {
  const { dirname, join } = process.getBuiltinModule("path");
  const folder = dirname(target);
  const temporary = join(folder, `.cresset-${process.pid}-${Math.random().toString(36).slice(2, 12)}.tmp`);
  const fd = fs.openSync(temporary, "wx", mode ?? 0o666);
  try {
    try {
      writeAll(fs, fd, chunks);
      if (mode !== undefined) fs.fchmodSync(fd, mode);
      if (durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(fs, folder);
}

/** Pipes and devices cannot be replaced. */
function writeDevice(fs: Fs, path: string, chunks: Iterable<Uint8Array>): void {
  const fd = fs.openSync(path, "w");
  try {
    writeAll(fs, fd, chunks);
  } finally {
    fs.closeSync(fd);
  }
}

/** One system call writes at most 2 GiB less a page. */
const largestWrite = 2 ** 30;

function writeAll(fs: Fs, fd: number, chunks: Iterable<Uint8Array>): void {
  for (const chunk of chunks) {
    for (let done = 0; done < chunk.length; ) {
      done += fs.writeSync(fd, chunk, done, Math.min(chunk.length - done, largestWrite));
    }
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
