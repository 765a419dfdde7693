/** The compressor: vectors in, embeddings out. */
import { Codec, type Kind } from "./codes.js";
import { UsageError } from "./errors.js";
import { nameOf, type Origin, readBytes } from "./files.js";
import { Library } from "./library.js";
import type { Manifest } from "./manifest.js";
import { type LoadOptions, OnnxEngine } from "./onnxEngine.js";
import { isTable, TableEngine } from "./table.js";
import { TrellisCodec } from "./trellis.js";
import { unitRows, type Vectors } from "./vectors.js";

/** Rows in one call of the engine. */
const CHUNK_ROWS = 512;

/** A vector model, loaded. */
export class Compressor {
  private readonly codecs = new Map<string, Codec>();

  private constructor(
    private readonly engine: TableEngine | OnnxEngine,
    private readonly library: Library,
  ) {}

  /**
   * Load a model: a table (.lgt) that lg-export --format table wrote, which needs nothing but this package, or an ONNX
   * file, which onnxruntime-node or onnxruntime-web runs.
   *
   * @throws ModelFileError the file is damaged, or is no LinguaGEN model of vectors
   * @throws DeviceError an ONNX file, and no onnxruntime is installed
   */
  static async load(origin: Origin, options: LoadOptions = {}): Promise<Compressor> {
    const data = await readBytes(origin);
    const library = await Library.open();
    const engine = isTable(data)
      ? new TableEngine(library, data, nameOf(origin))
      : await OnnxEngine.open(data, nameOf(origin), options);
    return new Compressor(engine, library);
  }

  /** The model's name. */
  get name(): string {
    return this.engine.name;
  }

  /** Numbers in a vector. */
  get inputDim(): number {
    return this.engine.inputDim;
  }

  /** Numbers in an embedding. */
  get outputDim(): number {
    return this.engine.outputDim;
  }

  /** What an ONNX file says about itself; null for a table. */
  get manifest(): Manifest | null {
    return this.engine instanceof OnnxEngine ? this.engine.manifest : null;
  }

  /**
   * Compress vectors; each row by itself. Rows that are not of length 1 are scaled to it.
   *
   * @param vectors (rows x inputDim): numbers one after another, or a list of rows
   * @param advance told the number of rows just finished
   * @returns (rows x outputDim), row after row, each of length 1
   * @throws VectorError no whole rows, or rows that are zero or not finite, by number
   */
  async compress(vectors: Vectors, advance: (rows: number) => void = () => {}): Promise<Float32Array> {
    const { inputDim, outputDim } = this.engine;
    const unit = unitRows(vectors, inputDim);
    const rows = unit.length / inputDim;
    const embeddings = new Float32Array(rows * outputDim);
    for (let start = 0; start < rows; start += CHUNK_ROWS) {
      const end = Math.min(start + CHUNK_ROWS, rows);
      embeddings.set(await this.engine.run(unit.subarray(start * inputDim, end * inputDim)), start * outputDim);
      advance(end - start);
    }
    return embeddings;
  }

  /**
   * How this model's embeddings are coded in fewer bytes, as the Python runtime codes them.
   *
   * @param dim leading dimensions to keep; for a table all of them, or a half, a quarter, ... down to 32
   * @throws UsageError the kind is unknown, or the width does not fit it
   */
  codec(kind: Kind, dim = this.outputDim): Codec {
    const key = `${kind} ${dim}`;
    let codec = this.codecs.get(key);
    if (!codec) {
      const { engine, library } = this;
      codec =
        engine instanceof OnnxEngine
          ? Codec.ofManifest(library, kind, dim, engine.manifest)
          : Codec.ofTable(engine, kind, dim);
      this.codecs.set(key, codec);
    }
    return codec;
  }

  /** Reads this model's codes of a number of bytes, which the Python runtime or C writes. */
  byteCodec(bytes: number): TrellisCodec {
    if (!this.manifest) {
      throw new UsageError(`the table ${this.name} has no codes of any number of bytes; load the model's .onnx file`);
    }
    return new TrellisCodec(bytes, this.manifest);
  }

  /** Give the engine's memory back. */
  async release(): Promise<void> {
    await this.engine.release();
  }
}
