/** Fewer bytes: embeddings as codes, the bytes of the Python runtime (docs/model-file.md, Codes). */
import { CodeIndex } from "./codeIndex.js";
import { UsageError, VectorError } from "./errors.js";
import type { Library } from "./library.js";
import type { Manifest } from "./manifest.js";
import { int8Deviation, rotatedMoments } from "./moments.js";
import type { TableEngine } from "./table.js";
import { toFloats, type Vectors } from "./vectors.js";

/** The kinds of codes, in the order of lg_kind. */
export const KINDS = ["float32", "float16", "int8", "uint8", "int4", "e8", "binary", "ubinary"] as const;
export type Kind = (typeof KINDS)[number];

/** Codes: Float32Array for float32, Uint16Array for float16 (as bits), Int8Array for int8 and binary, bytes for the rest. */
export type Codes = Float32Array | Uint16Array | Int8Array | Uint8Array;

const CLASSES = { float32: Float32Array, float16: Uint16Array, int8: Int8Array, binary: Int8Array } as const;
const BITS: Record<Kind, number> = { float32: 32, float16: 16, int8: 8, uint8: 8, int4: 4, e8: 1, binary: 1, ubinary: 1 };

/** Rows in one call of the library. */
const CHUNK_ROWS = 4096;

/** Turns a model's embeddings into codes of one kind, and back. */
export class Codec {
  /** Bytes of one embedding's codes. */
  readonly bytesPerRow: number;

  private constructor(
    private readonly library: Library,
    private readonly address: number,
    readonly kind: Kind,
    /** Leading dimensions of an embedding that are kept. */
    readonly dim: number,
    private readonly outputDim: number,
  ) {
    this.bytesPerRow = library.call("codec_bytes_per_row", address);
  }

  /** The codec of a table; errors as in `Compressor.codec`. */
  static ofTable(engine: TableEngine, kind: Kind, dim: number): Codec {
    const address = engine.openCodec(numberOf(kind), dim);
    if (!address) {
      throw new UsageError(
        `dim is ${dim}, expected ${engine.outputDim}, or a half, a quarter, ... of it that the table holds`,
      );
    }
    return new Codec(engine.library, address, kind, dim, engine.outputDim);
  }

  /** The codec of an ONNX file; errors as in `Compressor.codec`. */
  static ofManifest(library: Library, kind: Kind, dim: number, manifest: Manifest): Codec {
    numberOf(kind);
    if (!Number.isInteger(dim) || dim < 1 || dim > manifest.outputDim || (dim * BITS[kind]) % 8) {
      throw new UsageError(`dim is ${dim}, expected 1 to ${manifest.outputDim}, in whole bytes as ${kind}`);
    }
    if (BITS[kind] > 8) return Codec.make(library, kind, dim, manifest.outputDim, null, null);
    const { mean, deviation } = rotatedMoments(manifest, dim);
    return BITS[kind] === 8
      ? Codec.make(library, kind, dim, manifest.outputDim, null, int8Deviation(mean, deviation))
      : Codec.make(library, kind, dim, manifest.outputDim, mean, deviation);
  }

  private static make(
    library: Library,
    kind: Kind,
    dim: number,
    outputDim: number,
    mean: Float32Array | null,
    deviation: Float32Array | null,
  ): Codec {
    const address = library.take(library.call("codec_size"));
    const places = [mean, deviation].map((numbers) => (numbers ? library.put(numbers) : 0));
    const status = library.call("lg_codec_make", address, numberOf(kind), dim, outputDim, ...places);
    if (status !== 0) throw new UsageError(`a codec of ${kind} cannot be made: ${library.statusText(status)}`);
    return new Codec(library, address, kind, dim, outputDim);
  }

  /** This codec in another library. */
  copyTo(library: Library): Codec {
    const { kind, dim, outputDim } = this;
    const numbers = (name: string, length: number) => {
      const place = this.library.call(name, this.address);
      return place ? this.library.view(Float32Array, place, length).slice() : null;
    };
    if (BITS[kind] > 8) return Codec.make(library, kind, dim, outputDim, null, null);
    const mean = numbers("codec_mean", dim);
    return Codec.make(library, kind, dim, outputDim, mean, numbers("codec_deviation", mean ? dim : 1));
  }

  /**
   * Codes of embeddings, row after row.
   *
   * @param embeddings (rows x the model's outputDim), each of length 1
   * @throws VectorError no whole rows, or a row that is zero or not finite
   */
  encode(embeddings: Vectors): Codes {
    const floats = toFloats(embeddings, this.outputDim);
    const bytes = new Uint8Array((floats.length / this.outputDim) * this.bytesPerRow);
    this.eachChunk(floats.length / this.outputDim, (first, rows, scratch) => {
      const { library, outputDim } = this;
      const input = library.put(floats.subarray(first * outputDim, (first + rows) * outputDim));
      const output = library.take(rows * this.bytesPerRow);
      const bad = library.take(4);
      const status = library.call("lg_codes_encode", this.address, input, rows, output, scratch, bad);
      if (status !== 0) {
        const row = first + library.view(Uint32Array, bad, 1)[0]!;
        throw new VectorError(`embeddings: row ${row}: ${library.statusText(status)}`);
      }
      bytes.set(library.view(Uint8Array, output, rows * this.bytesPerRow), first * this.bytesPerRow);
    });
    return this.asCodes(bytes);
  }

  /**
   * The embeddings (rows x dim) that codes stand for, row after row, each of length 1.
   *
   * @throws VectorError no whole rows
   */
  decode(codes: Codes): Float32Array {
    const bytes = this.bytesOf(codes);
    const rows = bytes.length / this.bytesPerRow;
    const embeddings = new Float32Array(rows * this.dim);
    this.eachChunk(rows, (first, some, scratch) => {
      const { library, bytesPerRow } = this;
      const input = library.put(bytes.subarray(first * bytesPerRow, (first + some) * bytesPerRow));
      const output = library.take(4 * some * this.dim);
      library.call("lg_codes_decode", this.address, input, some, output, scratch);
      embeddings.set(library.view(Float32Array, output, some * this.dim), first * this.dim);
    });
    return embeddings;
  }

  /**
   * Put codes into memory, to be searched.
   *
   * @throws VectorError no whole rows
   * @throws DeviceError there is not enough memory
   */
  async index(codes: Codes): Promise<CodeIndex> {
    return CodeIndex.of(this, this.bytesOf(codes));
  }

  /** Where the library keeps this codec. */
  get place(): { library: Library; address: number; outputDim: number } {
    return { library: this.library, address: this.address, outputDim: this.outputDim };
  }

  private eachChunk(rows: number, work: (first: number, rows: number, scratch: number) => void): void {
    for (let first = 0; first < rows; first += CHUNK_ROWS) {
      this.library.borrow(() => {
        const scratch = this.library.take(this.library.call("lg_codes_scratch", this.address));
        work(first, Math.min(CHUNK_ROWS, rows - first), scratch);
      });
    }
  }

  private asCodes(bytes: Uint8Array<ArrayBuffer>): Codes {
    const Class = CLASSES[this.kind as keyof typeof CLASSES] ?? Uint8Array;
    return new Class(bytes.buffer);
  }

  private bytesOf(codes: Codes): Uint8Array {
    const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
    if (bytes.length % this.bytesPerRow !== 0) {
      throw new VectorError(`codes: ${bytes.length} bytes, which are no whole rows of ${this.bytesPerRow} bytes`);
    }
    return bytes;
  }
}

function numberOf(kind: Kind): number {
  const number = KINDS.indexOf(kind);
  if (number < 0) throw new UsageError(`kind is ${kind}, expected one of ${KINDS.join(", ")}`);
  return number;
}
