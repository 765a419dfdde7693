/** The C library (c/linguagen.h) in WebAssembly: its memory and its functions. */
import { DeviceError } from "./errors.js";
import bytes from "./linguagen.wasm";

/** What functions of the library return; 0 is success. */
export const STATUS = { badArgument: 1, notFinite: 5, zeroRow: 6, otherKind: 7, emptyText: 8 } as const;

/** What the library takes from JavaScript. */
const IMPORTS = { cos: Math.cos, exp: Math.exp, log: Math.log };
const ALIGNMENT = 64;
const PAGE = 65_536;

type View = Uint8Array | Int8Array | Uint16Array | Uint32Array | Float32Array;
type ViewClass<T extends View> = new (buffer: ArrayBuffer, offset: number, length: number) => T;

let compiled: Promise<WebAssembly.Module> | undefined;

/** One instance of the library, with a memory of its own. Nothing in it waits, so calls never overlap. */
export class Library {
  private readonly functions: Record<string, (...values: number[]) => number>;
  private readonly memory: WebAssembly.Memory;
  /** The first byte that is free. */
  private free: number;

  private constructor(exports: WebAssembly.Exports) {
    this.functions = exports as Record<string, (...values: number[]) => number>;
    this.memory = exports["memory"] as WebAssembly.Memory;
    this.free = aligned((exports["__heap_base"] as WebAssembly.Global).value as number);
  }

  static async open(): Promise<Library> {
    compiled ??= WebAssembly.compile(bytes);
    return new Library((await WebAssembly.instantiate(await compiled, { math: IMPORTS })).exports);
  }

  /** Call a function of the library; addresses and sizes are numbers. */
  call(name: string, ...values: number[]): number {
    return this.functions[name]!(...values) >>> 0;
  }

  /**
   * Take memory, up to the end of the `borrow` around it.
   *
   * @throws DeviceError there is no more
   */
  take(size: number): number {
    const start = this.free;
    const end = aligned(start + size);
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / PAGE);
    try {
      if (missing > 0) this.memory.grow(missing);
    } catch {
      throw new DeviceError(`WebAssembly has no ${end} bytes of memory; pass fewer rows at a time`);
    }
    this.free = end;
    return start;
  }

  /** Take memory and fill it with data. */
  put(data: View): number {
    const address = this.take(data.byteLength);
    this.view(Uint8Array, address, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
    return address;
  }

  /** Do work whose memory is free again afterwards. */
  borrow<T>(work: () => T): T {
    const start = this.free;
    try {
      return work();
    } finally {
      this.free = start;
    }
  }

  /** The memory at an address, until the next `take`. */
  view<T extends View>(kind: ViewClass<T>, address: number, length: number): T {
    return new kind(this.memory.buffer as ArrayBuffer, address, length);
  }

  /** The text that ends with a zero byte. */
  text(address: number): string {
    const all = new Uint8Array(this.memory.buffer, address);
    return new TextDecoder().decode(all.slice(0, all.indexOf(0)));
  }

  /** A sentence for a status. */
  statusText(status: number): string {
    return this.text(this.call("lg_status_text", status));
  }
}

function aligned(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
