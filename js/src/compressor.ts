/** The compressor: vectors in, embeddings out. */
import { Codec, type Kind } from "./codes.js";
import { DeviceError, ModelFileError } from "./errors.js";
import { type Manifest, readManifest } from "./manifest.js";
import { fileHash } from "./seal.js";
import { TrellisCodec } from "./trellis.js";
import { unitRows } from "./vectors.js";

/** What is used of onnxruntime-node and onnxruntime-web alike. */
export interface Engine {
  InferenceSession: { create(data: Uint8Array, options?: object): Promise<EngineSession> };
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
}

interface EngineSession {
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: unknown }>>;
  release?(): Promise<void>;
}

export interface LoadOptions {
  /** onnxruntime-node or onnxruntime-web, where the caller has imported it; by default the one for this platform. */
  engine?: Engine;
  /** Passed on to InferenceSession.create. */
  session?: object;
}

/** Rows in one call of the engine. */
const CHUNK_ROWS = 512;

/** A model file, loaded. */
export class Compressor {
  private constructor(
    /** What the model file says about itself. */
    readonly manifest: Manifest,
    private readonly engine: Engine,
    private readonly session: EngineSession,
  ) {}

  /**
   * Load a model file that lg-export wrote, unchanged.
   *
   * @param source a URL, a path (in Node), or the file's bytes
   * @throws ModelFileError the file is damaged, or is no LinguaGEN model
   * @throws DeviceError no engine is installed
   */
  static async load(source: string | URL | Uint8Array, options: LoadOptions = {}): Promise<Compressor> {
    const origin = source instanceof Uint8Array ? "model" : String(source);
    const data = source instanceof Uint8Array ? source : await readBytes(source);
    const manifest = readManifest(data, origin);
    await checkHash(data, manifest, origin);
    const engine = options.engine ?? (await findEngine());
    try {
      return new Compressor(manifest, engine, await engine.InferenceSession.create(data, options.session));
    } catch (error) {
      throw new ModelFileError(`${origin}: onnxruntime cannot load it (${firstLine(error)}); export or copy it again`);
    }
  }

  /**
   * Compress vectors; each row by itself. Rows that are not of length 1 are scaled to it.
   *
   * @param vectors (rows x manifest.inputDim), row after row
   * @param advance told the number of rows just finished
   * @returns (rows x manifest.outputDim), row after row, each of length 1
   * @throws VectorError no whole rows, or rows that are zero or not finite, by number
   */
  async compress(vectors: Float32Array, advance: (rows: number) => void = () => {}): Promise<Float32Array> {
    const { inputDim, outputDim } = this.manifest;
    const unit = unitRows(vectors, inputDim);
    const rows = unit.length / inputDim;
    const embeddings = new Float32Array(rows * outputDim);
    for (let start = 0; start < rows; start += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, rows - start);
      const chunk = unit.subarray(start * inputDim, (start + count) * inputDim);
      const feeds = { vectors: new this.engine.Tensor("float32", chunk, [count, inputDim]) };
      let results: Record<string, { data: unknown }>;
      try {
        results = await this.session.run(feeds);
      } catch (error) {
        throw new DeviceError(`the model failed with ${count} rows (${firstLine(error)}); pass fewer rows at a time`);
      }
      embeddings.set(results["embeddings"]!.data as Float32Array, start * outputDim);
      advance(count);
    }
    return embeddings;
  }

  /** How this model's embeddings are coded in fewer bytes, as the Python runtime codes them. */
  codec(kind: Kind): Codec {
    return new Codec(kind, this.manifest);
  }

  /** Reads this model's codes of a number of bytes, which the Python runtime or C writes. */
  byteCodec(bytes: number): TrellisCodec {
    return new TrellisCodec(bytes, this.manifest);
  }

  /** Give the engine's memory back. */
  async release(): Promise<void> {
    await this.session.release?.();
  }
}

async function checkHash(data: Uint8Array, manifest: Manifest, origin: string): Promise<void> {
  if (!globalThis.crypto?.subtle) return; // browsers have it on https and localhost only
  const recorded = String(manifest.fileSha256);
  const found = await fileHash(data, recorded);
  if (found !== recorded) {
    throw new ModelFileError(
      `${origin}: its bytes have the sha256 ${found.slice(0, 16)}..., its manifest says ${recorded.slice(0, 16)}...; ` +
        "the file was edited or damaged: export or copy it again",
    );
  }
}

async function readBytes(source: string | URL): Promise<Uint8Array> {
  const text = String(source);
  const local = typeof process !== "undefined" && process.versions?.node && !/^https?:/.test(text);
  try {
    if (local) {
      const { readFile } = await import("node:fs/promises");
      return new Uint8Array(await readFile(source instanceof URL || text.startsWith("file:") ? new URL(text) : text));
    }
    const response = await fetch(source);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new ModelFileError(`${text}: cannot be read (${firstLine(error)}); give the address of a model file`);
  }
}

async function findEngine(): Promise<Engine> {
  const name = typeof process !== "undefined" && process.versions?.node ? "onnxruntime-node" : "onnxruntime-web";
  try {
    const loaded = name === "onnxruntime-node" ? await import("onnxruntime-node") : await import("onnxruntime-web");
    return loaded as unknown as Engine;
  } catch (error) {
    throw new DeviceError(`${name} is not installed (${firstLine(error)}); install it: npm install ${name}`);
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0]!.slice(0, 200);
}
