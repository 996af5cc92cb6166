/** PyTorch's older format: pickles one after another, then the bytes of the storages. */
import { check } from "../core/errors.ts";
import { repr } from "../core/repr.ts";
import type { TensorAdapter } from "./adapter.ts";
import { UnpicklingError } from "./errors.ts";
import { Loader, type Reading, type StorageBytes } from "./load.ts";
import { Unpickler } from "./pickle.ts";
import type { Source } from "./source.ts";
import type { StorageType } from "./storage-types.ts";

const magic = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;
/** More than any protocol takes for the magic number. */
const magicBytes = 40;
/** What is read at first of a file whose pickles have no known length. */
const firstRead = 2 ** 16;

/** Refuses everything that a pickle can name: there is nothing to name in front of the value. */
const nothing = {
  global: (): never => {
    throw new UnpicklingError("a global");
  },
  persistent: (): never => {
    throw new UnpicklingError("a storage");
  },
};

/** Whether a file begins with the magic number, in whichever protocol. */
export function isLegacy(source: Source): boolean {
  return afterMagic(source) !== null;
}

/** Where the magic number ends; null in other files. */
function afterMagic(source: Source): number | null {
  const start = source.read(0, Math.min(source.size, magicBytes));
  if (start[0] !== 0x80 && start[0] !== 0x4c) return null;
  try {
    const machine = new Unpickler(start, nothing, source.name);
    return machine.load() === magic ? machine.position : null;
  } catch (error) {
    const isCutShort = source.size < magicBytes && error instanceof UnpicklingError && /truncated/.test(error.message);
    if (error instanceof UnpicklingError && !isCutShort) return null;
    throw error;
  }
}

/** A storage whose bytes come after the pickles. */
interface Slot {
  readonly type: StorageType;
  readonly nbytes: number;
  /** Null for storages whose bytes nobody wants. */
  target: () => Uint8Array | null;
}

/** Where the bytes of a storage lie. */
export interface LegacyStorage {
  readonly type: StorageType;
  readonly start: number;
  readonly nbytes: number;
}

/** A file of this format whose storages have been found, not read. */
export interface LegacyFile {
  readonly value: unknown;
  readonly storages: ReadonlyMap<string, LegacyStorage>;
  readonly slots: ReadonlyMap<string, Slot>;
}

/**
 * Reads the pickles: magic number, protocol, system, the value, the storages' keys. `expected` hears of each storage
 * before it is made.
 */
export function readLegacyPickles(
  source: Source,
  adapter: TensorAdapter,
  options: Reading,
  expected: (key: string, type: StorageType) => void = () => {},
): LegacyFile {
  const slots = new Map<string, Slot>();
  const loader = new Loader(adapter, source.name, slotBytes(source, slots, expected), options);
  let bytes = source.read(0, Math.min(source.size, firstRead));
  const grow = (length: number): Uint8Array => {
    const size = Math.min(source.size, Math.max(length, 2 * bytes.length));
    if (size > bytes.length) bytes = source.read(0, size);
    return bytes;
  };
  let position = afterMagic(source) ?? 0;
  const next = (): unknown => {
    const read = loader.load(bytes, position, grow);
    position = read.position;
    return read.value;
  };
  checkProtocol(source, next());
  checkSystem(source, next());
  const value = next();
  const keys = next();
  check(
    Array.isArray(keys) &&
      keys.every((key): key is string => typeof key === "string") &&
      keys.length === new Set(keys).size &&
      slots.size <= keys.length,
    () => `${source.name}: the list of storages is wrong`,
    UnpicklingError,
  );
  return { value, storages: findStorages(source, keys, slots, position), slots };
}

function checkProtocol(source: Source, protocol: unknown): void {
  check(
    protocol === protocolVersion,
    () => `${source.name}: Invalid protocol version: ${repr(protocol)}`,
    UnpicklingError,
  );
}

/** The machine that wrote it; whatever its byte order, the numbers of legacy files are little-endian. */
function checkSystem(source: Source, system: unknown): void {
  const isSystem = typeof system === "object" && system !== null && "little_endian" in system;
  check(isSystem, () => `${source.name}: expected the description of a system, found ${repr(system)}`, UnpicklingError);
}

function slotBytes(
  source: Source,
  slots: Map<string, Slot>,
  expected: (key: string, type: StorageType) => void,
): StorageBytes {
  let claimed = 0;
  return {
    expect(key, type, nbytes) {
      claimed += nbytes;
      slots.set(key, { type, nbytes, target: () => null });
      check(
        claimed <= source.size,
        () => `${source.name}: storages up to ${key} claim ${claimed} of ${source.size} bytes`,
      );
      expected(key, type);
    },
    fill(key, _type, target) {
      slots.get(key)!.target = target;
    },
  };
}

/** Each storage has its count of elements and its bytes. */
function findStorages(
  source: Source,
  keys: readonly string[],
  slots: ReadonlyMap<string, Slot>,
  position: number,
): Map<string, LegacyStorage> {
  const found = new Map<string, LegacyStorage>();
  let at = position;
  for (const key of keys) {
    const slot = slots.get(key);
    const what = `${source.name}, storage ${key} at offset ${at}`;
    check(slot !== undefined, () => `${what}: no tensor uses it`, UnpicklingError);
    check(at + 8 <= source.size, () => `${what}: expected 8 bytes, found ${source.size - at}`);
    const head = source.read(at, 8);
    const elements = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
    const expected = slot.nbytes / slot.type.itemsize;
    check(elements === BigInt(expected), () => `${what}: expected ${expected} elements, found ${elements}`);
    const start = at + 8;
    at = start + slot.nbytes;
    check(
      at <= source.size,
      () => `${what}: unexpected EOF, expected ${at - source.size} more bytes. The file might be corrupted.`,
    );
    found.set(key, { type: slot.type, start, nbytes: slot.nbytes });
  }
  return found;
}

/** Reads a file of this format whole. */
export function readLegacy(source: Source, adapter: TensorAdapter, options: Reading): unknown {
  const { value, storages, slots } = readLegacyPickles(source, adapter, options);
  for (const [key, { start, nbytes }] of storages) {
    const target = nbytes === 0 ? null : slots.get(key)!.target();
    if (target !== null) source.readInto(start, target);
  }
  return value;
}
