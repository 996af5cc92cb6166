/** What files need to know of tensors: the format stands on this, not on the Tensor class. */
import type { Room } from "./room.ts";

/** A tensor's parts as a file keeps them. */
export interface Description {
  /** Identical for tensors that share memory. */
  readonly storage: object;
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
  readonly requiresGrad: boolean;
  readonly isParameter: boolean;
  /** What waits to be carried out when the tensor is read. */
  readonly pending?: "conj" | "neg";
}

/** Where a tensor to be made lies in its storage. */
export type Placement = Pick<Description, "dtype" | "shape" | "strides" | "offset" | "requiresGrad" | "pending">;

/** A storage that is a value itself. */
export interface BareStorage {
  readonly storage: object;
  /** Null for bytes. */
  readonly dtype: string | null;
}

/** Names and values that a user has given to a tensor. */
export type Attributes = readonly (readonly [name: string, value: unknown])[];

/** A whole module as a pickle has it. */
export interface ModuleParts {
  /** `torch.nn.modules.linear` */
  readonly module: string;
  /** `Linear` */
  readonly name: string;
  readonly state: readonly (readonly [name: string, value: unknown])[];
}

/** The modules of a library. */
export interface ModuleAdapter {
  /** The parts of a module; null for any other value. Throws for modules that no file can hold. */
  describe(value: unknown): ModuleParts | null;
  /** Whether there is a class that files call by this name. */
  knows(module: string, name: string): boolean;
  /** Whether the user has said that files may name this class. */
  isSafe(module: string, name: string): boolean;
  /** An empty instance of a known class. */
  make(module: string, name: string): object;
  /** Gives an instance its state. */
  fill(target: object, module: string, name: string, state: ReadonlyMap<string, unknown>): void;
}

/** The tensors of a library. Storages and tensors are opaque here. */
export interface TensorAdapter {
  /** The parts of a tensor; null for any other value. Throws for tensors that have no bytes anywhere. */
  describe(value: object): Description | null;
  isStorage(value: unknown): value is object;
  /** The parts of a storage that is a value itself; null for any other value. */
  describeStorage(value: object): BareStorage | null;
  /** A storage as a value: of elements, or of bytes where the dtype is null or unknown. */
  makeBareStorage(storage: object, dtype: string | null): object;
  /** Whether there are tensors of this dtype. */
  hasDType(dtype: string): boolean;
  /** How many bytes the storage has, also on a device without memory. */
  nbytes(storage: object): number;
  /** The bytes as a view: to be used at once. Null where the storage's device has none. */
  bytes(storage: object): Uint8Array | null;
  /** Reads all bytes of a storage that is not in memory, into memory that `room` gives; null for those that are, or have none. */
  far(storage: object): ((room: Room) => Promise<Uint8Array>) | null;
  /** A count that grows with every write to the storage. */
  writes(storage: object): number;
  /** A storage of this size on `device`; throws for a device that is not there. */
  makeStorage(nbytes: number, device: string): object;
  /** A tensor over the storage, in whose bounds the layout lies. */
  makeTensor(storage: object, placement: Placement): object;
  makeParameter(tensor: object, requiresGrad: boolean): object;
  makeBuffer(tensor: object, persistent: boolean): object;
  /** What users have added to a tensor. */
  attributes(tensor: object): Attributes;
  /** Adds to a tensor; throws for a name that its class uses. */
  setAttributes(tensor: object, attributes: Attributes): void;
  /** How whole modules are saved and made; without it files with modules give plain trees. */
  readonly modules?: ModuleAdapter;
}
