/** Where an archive's bytes come from: memory, or a file of which only the asked ranges are read. */
import { RuntimeError } from "../core/errors.ts";

/** Bytes that can be read at any place. */
export interface Source {
  /** What messages call it. */
  readonly name: string;
  readonly size: number;
  /** The bytes from `offset` on; of a memory source a view, so not to be written. */
  read(offset: number, length: number): Uint8Array;
  /** Fills `target` with the bytes from `offset` on. */
  readInto(offset: number, target: Uint8Array): void;
}

/** The part of Node's `fs` that a file source needs. */
export interface Reads {
  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array, name: string): Source {
  return {
    name,
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    readInto: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  };
}

/** One system call reads at most 2 GiB less a page. */
const largestRead = 2 ** 30;

/** A source over an open file. */
export function fileSource(fs: Reads, fd: number, size: number, name: string): Source {
  const readInto = (offset: number, target: Uint8Array): void => {
    for (let done = 0; done < target.length; ) {
      const wanted = Math.min(target.length - done, largestRead);
      const got = fs.readSync(fd, target, done, wanted, offset + done);
      if (got === 0) throw new RuntimeError(`${name}: the file became shorter while it was read (at ${offset + done})`);
      done += got;
    }
  };
  const read = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    readInto(offset, bytes);
    return bytes;
  };
  return { name, size, read, readInto };
}
