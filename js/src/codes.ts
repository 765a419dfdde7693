/** Fewer bytes: embeddings as int8 or single bits, as the Python runtime writes them (docs/model-file.md, Codes). */
import { UsageError } from "./errors.js";
import type { Manifest } from "./manifest.js";

export const KINDS = ["int8", "ubinary"] as const;
export type Kind = (typeof KINDS)[number];

const ROTATION_SEED = 20240720;
const INT8_RANGE = 4;

/** Turns a model's embeddings into codes of one kind. */
export class Codec {
  private readonly rotation: Float64Array;
  /** Mean and standard deviation of each rotated dimension. */
  private readonly mean: Float64Array;
  private readonly deviation: Float64Array;
  private readonly step: number;

  constructor(
    readonly kind: Kind,
    manifest: Manifest,
  ) {
    if (!KINDS.includes(kind)) throw new UsageError(`kind is ${kind}, expected one of ${KINDS.join(", ")}`);
    const dim = manifest.outputDim;
    this.dim = dim;
    this.rotation = rotationMatrix(dim);
    this.mean = new Float64Array(dim);
    this.deviation = new Float64Array(dim);
    // Moments of embeddings at length 1 again, as the Python runtime takes them.
    let length = 0;
    for (let i = 0; i < dim; i++) {
      length += manifest.embeddingMean[i]! ** 2 + manifest.embeddingCovariance[i * dim + i]!;
    }
    for (let j = 0; j < dim; j++) {
      let variance = 0;
      for (let i = 0; i < dim; i++) {
        const left = this.rotation[i * dim + j]!;
        this.mean[j]! += (manifest.embeddingMean[i]! * left) / Math.sqrt(length);
        let inner = 0;
        for (let k = 0; k < dim; k++) inner += manifest.embeddingCovariance[i * dim + k]! * this.rotation[k * dim + j]!;
        variance += (left * inner) / length;
      }
      this.deviation[j] = Math.sqrt(Math.max(variance, 1e-12));
    }
    const widest = Math.max(...this.mean.map((value, j) => Math.abs(value) / INT8_RANGE + this.deviation[j]!));
    this.step = (widest * INT8_RANGE) / 127;
  }

  readonly dim: number;

  /** Bytes of one embedding's codes. */
  get bytesPerRow(): number {
    return this.kind === "int8" ? this.dim : this.dim / 8;
  }

  /** Codes of embeddings, row after row: Int8Array (dim a row) or Uint8Array (dim / 8 a row, first bit highest). */
  encode(embeddings: Float32Array): Int8Array | Uint8Array {
    const rows = embeddings.length / this.dim;
    const codes = this.kind === "int8" ? new Int8Array(embeddings.length) : new Uint8Array(embeddings.length / 8);
    const turned = new Float64Array(this.dim);
    for (let row = 0; row < rows; row++) {
      this.rotate(embeddings.subarray(row * this.dim, (row + 1) * this.dim), turned);
      for (let j = 0; j < this.dim; j++) {
        if (this.kind === "int8") {
          codes[row * this.dim + j] = Math.max(-128, Math.min(127, roundHalfEven(turned[j]! / this.step)));
        } else if (turned[j]! > this.mean[j]!) {
          codes[row * this.bytesPerRow + (j >> 3)]! |= 128 >> (j & 7);
        }
      }
    }
    return codes;
  }

  private rotate(embedding: Float32Array, turned: Float64Array): void {
    turned.fill(0);
    for (let i = 0; i < this.dim; i++) {
      const value = embedding[i]!;
      const start = i * this.dim;
      for (let j = 0; j < this.dim; j++) turned[j]! += value * this.rotation[start + j]!;
    }
  }
}

/** Signs, then the orthonormal cosine transform: the Python runtime's `rotation_matrix`, row after row. */
export function rotationMatrix(dim: number): Float64Array {
  const matrix = new Float64Array(dim * dim);
  let state = ROTATION_SEED;
  for (let i = 0; i < dim; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const sign = state >>> 31 ? 1 : -1;
    for (let j = 0; j < dim; j++) {
      const scale = Math.sqrt((j ? 2 : 1) / dim);
      matrix[i * dim + j] = sign * scale * Math.cos((Math.PI / dim) * (i + 0.5) * j);
    }
  }
  return matrix;
}

/** As numpy rounds: a half goes to the even neighbour. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}
