/** ONNX files, run by onnxruntime-node or onnxruntime-web, whichever the user has installed. */
import { DeviceError, firstLine, ModelFileError } from "./errors.js";
import { type Manifest, readManifest } from "./manifest.js";
import { fileHash } from "./seal.js";

/** What is used of onnxruntime-node and onnxruntime-web alike. */
export interface Engine {
  InferenceSession: { create(data: Uint8Array, options?: object): Promise<EngineSession> };
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
}

interface EngineSession {
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: unknown }>>;
  release?(): Promise<void>;
}

/** How a model is loaded; a table needs none of this. */
export interface LoadOptions {
  /** onnxruntime-node or onnxruntime-web, where the caller has imported it; by default the one for this platform. */
  engine?: Engine;
  /** Passed on to InferenceSession.create. */
  session?: object;
}

/** What compresses with an ONNX file. */
export class OnnxEngine {
  readonly name: string;
  readonly inputDim: number;
  readonly outputDim: number;

  private constructor(
    readonly manifest: Manifest,
    private readonly engine: Engine,
    private readonly session: EngineSession,
  ) {
    ({ name: this.name, inputDim: this.inputDim, outputDim: this.outputDim } = manifest);
  }

  /** Check a file and load it; errors as in `Compressor.load`. */
  static async open(data: Uint8Array, origin: string, options: LoadOptions): Promise<OnnxEngine> {
    const manifest = readManifest(data, origin);
    await checkHash(data, manifest, origin);
    const engine = options.engine ?? (await findEngine());
    try {
      return new OnnxEngine(manifest, engine, await engine.InferenceSession.create(data, options.session));
    } catch (error) {
      throw new ModelFileError(`${origin}: onnxruntime cannot load it (${firstLine(error)}); export or copy it again`);
    }
  }

  /** Embeddings (rows x outputDim) of checked vectors (rows x inputDim) of length 1. */
  async run(vectors: Float32Array): Promise<Float32Array> {
    const rows = vectors.length / this.inputDim;
    try {
      const results = await this.session.run({
        vectors: new this.engine.Tensor("float32", vectors, [rows, this.inputDim]),
      });
      return results["embeddings"]!.data as Float32Array;
    } catch (error) {
      throw new DeviceError(`the model failed with ${rows} rows (${firstLine(error)}); pass fewer rows at a time`);
    }
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

async function findEngine(): Promise<Engine> {
  const name = typeof process !== "undefined" && process.versions?.node ? "onnxruntime-node" : "onnxruntime-web";
  try {
    const loaded = name === "onnxruntime-node" ? await import("onnxruntime-node") : await import("onnxruntime-web");
    return loaded as unknown as Engine;
  } catch (error) {
    throw new DeviceError(
      `${name} is not installed (${firstLine(error)}); install it: npm install ${name}, or load a table, which needs ` +
        "nothing else: lg-export MODEL --format table",
    );
  }
}
