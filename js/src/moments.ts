/** How embeddings are distributed once they are rotated, by which codes are scaled. */
import type { Manifest } from "./manifest.js";

const ROTATION_SEED = 20240720;
/** Standard deviations on each side of a dimension's mean that int8 represents. */
const INT8_RANGE = 4;
const LEAST_VARIANCE = 1e-12;

/** Mean and standard deviation of each dimension. */
export interface Moments {
  mean: Float32Array;
  deviation: Float32Array;
}

/** Moments of the leading dimensions of a model's embeddings, scaled to length 1 again and rotated. */
export function rotatedMoments(manifest: Manifest, dim: number): Moments {
  const width = manifest.outputDim;
  const { embeddingMean, embeddingCovariance } = manifest;
  const rotation = rotationMatrix(dim);
  const mean = new Float32Array(dim);
  const deviation = new Float32Array(dim);
  let squared = 0;
  for (let i = 0; i < dim; i++) squared += embeddingMean[i]! ** 2 + embeddingCovariance[i * width + i]!;
  for (let j = 0; j < dim; j++) {
    let middle = 0;
    let variance = 0;
    for (let i = 0; i < dim; i++) {
      const left = rotation[i * dim + j]!;
      middle += embeddingMean[i]! * left;
      let inner = 0;
      for (let k = 0; k < dim; k++) inner += embeddingCovariance[i * width + k]! * rotation[k * dim + j]!;
      variance += left * inner;
    }
    mean[j] = middle / Math.sqrt(squared);
    deviation[j] = Math.sqrt(Math.max(variance / squared, LEAST_VARIANCE));
  }
  return { mean, deviation };
}

/** The one deviation of int8 and uint8: wide enough for the widest dimension. */
export function int8Deviation(mean: Float32Array, deviation: Float32Array): Float32Array {
  return Float32Array.of(Math.max(...mean.map((value, j) => Math.abs(value) / INT8_RANGE + deviation[j]!)));
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
