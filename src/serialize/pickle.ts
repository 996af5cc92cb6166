/** The pickle machine: it builds plain data and calls only what its host's allow-list offers. Nothing is executed. */
import { ContentError } from "./errors.ts";
import { op } from "./opcodes.ts";
import { type Grow, PickleBytes } from "./pickle-bytes.ts";
import { Part, PyCallable, PyDict, PyName, PyObject } from "./python.ts";

/** What a pickle may name. */
export interface PickleHost {
  /** A class, function or constant; throws for a name that is not allowed. */
  global(module: string, name: string): unknown;
  /** The object that stands outside of the pickle under this id. */
  persistent(id: unknown): unknown;
}

/** A JavaScript Map holds 2^24 entries; no honest file comes near. */
const most = 2 ** 24 - 1;
const highestProtocol = 5;

/** Reads one pickle. */
export class Unpickler {
  readonly #in: PickleBytes;
  readonly #host: PickleHost;
  readonly #memo: Map<number, unknown> = new Map();
  #stack: unknown[] = [];
  readonly #marks: unknown[][] = [];

  /** `grow` is asked for more where the bytes are the beginning of a file only. */
  constructor(bytes: Uint8Array, host: PickleHost, label: string, position = 0, grow: Grow | null = null) {
    this.#in = new PickleBytes(bytes, position, label, grow);
    this.#host = host;
  }

  /** The offset after what was read. */
  get position(): number {
    return this.#in.position;
  }

  /** Runs until STOP. Dicts are PyDicts until `settle`. */
  load(): unknown {
    let at = this.#in.position;
    try {
      for (;;) {
        at = this.#in.position;
        const code = this.#in.u8();
        if (code === op.STOP) return this.#pop();
        if (!this.#scalar(code) && !this.#memory(code) && !this.#container(code) && !this.#object(code)) {
          const shown = `0x${code.toString(16).padStart(2, "0")}`;
          throw this.#in.error(`unsupported pickle instruction ${shown}`);
        }
      }
    } catch (error) {
      if (!(error instanceof ContentError)) throw error;
      throw error.at(`${this.#in.label}, pickle offset ${at}`);
    }
  }

  #push(value: unknown): true {
    if (this.#stack.length >= most) throw this.#in.error(`more than ${most} values on the stack`);
    this.#stack.push(value);
    return true;
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw this.#in.error("the stack is empty");
    return this.#stack.pop();
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#in.error("the stack is empty");
    return this.#stack[this.#stack.length - 1];
  }

  #popMark(): unknown[] {
    const below = this.#marks.pop();
    if (below === undefined) throw this.#in.error("there is no mark on the stack");
    const values = this.#stack;
    this.#stack = below;
    return values;
  }

  #scalar(code: number): boolean {
    const input = this.#in;
    switch (code) {
      case op.NONE:
        return this.#push(null);
      case op.NEWTRUE:
        return this.#push(true);
      case op.NEWFALSE:
        return this.#push(false);
      case op.BININT:
        return this.#push(input.i32());
      case op.BININT1:
        return this.#push(input.u8());
      case op.BININT2:
        return this.#push(input.u16());
      case op.LONG1:
        return this.#push(input.int(input.u8()));
      case op.LONG4:
        return this.#push(input.int(input.u32()));
      case op.LONG:
        return this.#push(input.intLine());
      case op.INT:
        return this.#push(this.#intOrBool());
      case op.BINFLOAT:
        return this.#push(input.f64());
      case op.FLOAT:
        return this.#push(input.floatLine());
      case op.BINUNICODE:
      case op.BINSTRING:
        return this.#push(input.text(input.u32()));
      case op.SHORT_BINUNICODE:
      case op.SHORT_BINSTRING:
        return this.#push(input.text(input.u8()));
      case op.BINUNICODE8:
        return this.#push(input.text(input.u64()));
      case op.UNICODE:
        return this.#push(input.escapedLine());
      case op.STRING:
        return this.#push(input.quotedLine());
      case op.BINBYTES:
        return this.#push(input.bytes(input.u32()).slice());
      case op.SHORT_BINBYTES:
        return this.#push(input.bytes(input.u8()).slice());
      case op.BINBYTES8:
      case op.BYTEARRAY8:
        return this.#push(input.bytes(input.u64()).slice());
      default:
        return false;
    }
  }

  /** Protocol 0 writes booleans as `I00` and `I01`. */
  #intOrBool(): number | bigint | boolean {
    const start = this.#in.position;
    const text = this.#in.textLine();
    if (text === "00" || text === "01") return text === "01";
    this.#in.position = start;
    return this.#in.intLine();
  }

  #memory(code: number): boolean {
    const input = this.#in;
    switch (code) {
      case op.PROTO: {
        const protocol = input.u8();
        if (protocol > highestProtocol) throw input.error(`unsupported pickle protocol: ${protocol}`);
        return true;
      }
      case op.FRAME:
        input.u64();
        return true;
      case op.MARK:
        if (this.#marks.length >= most) throw input.error(`more than ${most} marks on the stack`);
        this.#marks.push(this.#stack);
        this.#stack = [];
        return true;
      case op.POP:
        if (this.#stack.length === 0) this.#popMark();
        else this.#stack.pop();
        return true;
      case op.POP_MARK:
        this.#popMark();
        return true;
      case op.DUP:
        return this.#push(this.#top());
      case op.PUT:
        return this.#put(Number(input.intLine()));
      case op.BINPUT:
        return this.#put(input.u8());
      case op.LONG_BINPUT:
        return this.#put(input.u32());
      case op.MEMOIZE:
        return this.#put(this.#memo.size);
      case op.GET:
        return this.#get(Number(input.intLine()));
      case op.BINGET:
        return this.#get(input.u8());
      case op.LONG_BINGET:
        return this.#get(input.u32());
      default:
        return false;
    }
  }

  #put(index: number): true {
    if (this.#memo.size >= most) throw this.#in.error(`more than ${most} values in the memo`);
    this.#memo.set(index, this.#top());
    return true;
  }

  #get(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#in.error(`Memo value not found at index ${index}`);
    return this.#push(value);
  }

  #container(code: number): boolean {
    switch (code) {
      case op.EMPTY_LIST:
      case op.EMPTY_TUPLE:
        return this.#push([]);
      case op.LIST:
      case op.TUPLE:
        return this.#push(this.#popMark());
      case op.TUPLE1:
        return this.#tuple(1);
      case op.TUPLE2:
        return this.#tuple(2);
      case op.TUPLE3:
        return this.#tuple(3);
      case op.EMPTY_DICT:
        return this.#push(new PyDict(false));
      case op.DICT: {
        const items = this.#popMark();
        return this.#push(this.#setItems(new PyDict(false), items));
      }
      case op.EMPTY_SET:
        return this.#push(new Set());
      case op.FROZENSET:
        return this.#push(new Set(this.#popMark()));
      case op.APPEND:
        return this.#append([this.#pop()]);
      case op.APPENDS:
        return this.#append(this.#popMark());
      case op.SETITEM: {
        const value = this.#pop();
        const key = this.#pop();
        return this.#assign([key, value]);
      }
      case op.SETITEMS:
        return this.#assign(this.#popMark());
      case op.ADDITEMS:
        return this.#add(this.#popMark());
      default:
        return false;
    }
  }

  #tuple(length: number): true {
    if (this.#stack.length < length) throw this.#in.error("the stack is empty");
    return this.#push(this.#stack.splice(this.#stack.length - length));
  }

  #append(values: readonly unknown[]): true {
    const top = this.#top();
    const list = top instanceof PyObject ? top.items : top;
    if (!Array.isArray(list) || Object.isFrozen(list)) throw this.#in.error("items for something that is no list");
    for (const value of values) list.push(value);
    return true;
  }

  #add(values: readonly unknown[]): true {
    const set = this.#top();
    if (set instanceof PyObject) return this.#append(values);
    if (!(set instanceof Set)) throw this.#in.error("members for something that is no set");
    for (const value of values) set.add(value);
    return true;
  }

  #assign(items: readonly unknown[]): true {
    const top = this.#top();
    const dict = top instanceof PyObject ? top.entries : top;
    if (!(dict instanceof PyDict)) throw this.#in.error("items for something that is no dict");
    this.#setItems(dict, items);
    return true;
  }

  #setItems(dict: PyDict, items: readonly unknown[]): PyDict {
    if (items.length % 2 !== 0) throw this.#in.error("a dict key without its value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (key instanceof PyDict || key instanceof Part || key instanceof PyObject) {
        throw this.#in.error("a dict key that is not hashable");
      }
      if (dict.items.size >= most) throw this.#in.error(`a dict of more than ${most} entries`);
      dict.items.set(key, items[i + 1]);
    }
    return dict;
  }

  #object(code: number): boolean {
    switch (code) {
      case op.GLOBAL: {
        const module = this.#in.textLine();
        return this.#push(this.#host.global(module, this.#in.textLine()));
      }
      case op.STACK_GLOBAL: {
        const name = this.#pop();
        const module = this.#pop();
        if (typeof module !== "string" || typeof name !== "string") throw this.#in.error("a global without a name");
        return this.#push(this.#host.global(module, name));
      }
      case op.INST: {
        const module = this.#in.textLine();
        const callable = this.#host.global(module, this.#in.textLine());
        return this.#call(callable, this.#popMark());
      }
      case op.OBJ: {
        const [callable, ...args] = this.#popMark();
        return this.#call(callable, args);
      }
      case op.REDUCE:
      case op.NEWOBJ: {
        const args = this.#pop();
        return this.#call(this.#pop(), args);
      }
      case op.NEWOBJ_EX: {
        const options = this.#pop();
        const args = this.#pop();
        if (!(options instanceof PyDict) || options.items.size > 0) throw this.#in.error("a call with named arguments");
        return this.#call(this.#pop(), args);
      }
      case op.BUILD: {
        const state = this.#pop();
        this.#build(this.#top(), state);
        return true;
      }
      case op.PERSID:
        return this.#push(this.#host.persistent(this.#in.textLine()));
      case op.BINPERSID:
        return this.#push(this.#host.persistent(this.#pop()));
      default:
        return false;
    }
  }

  #call(callable: unknown, args: unknown): true {
    if (callable instanceof PyName && Array.isArray(args)) return this.#push(new PyObject(callable, args));
    if (!(callable instanceof PyCallable) || !Array.isArray(args)) {
      throw this.#in.error("a call of something that cannot be called");
    }
    return this.#push(callable.call(args));
  }

  /** Sets an object's attributes; of containers only an OrderedDict's `_metadata` means something here. */
  #build(target: unknown, state: unknown): void {
    if (target instanceof PyObject) {
      target.state = state;
      return;
    }
    const known = target instanceof PyDict && target.ordered && state instanceof PyDict;
    if (!known) throw this.#in.error("attributes for an object that has none here");
    for (const [name, value] of state.items) {
      if (name !== "_metadata") throw this.#in.error(`the attribute "${String(name)}" of an OrderedDict`);
      target.metadata = value;
    }
  }
}
