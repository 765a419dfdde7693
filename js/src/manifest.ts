/** What a model file says about itself (docs/model-file.md). */
import { ModelFileError } from "./errors.js";
import { readMetadata } from "./onnxFile.js";

export const FORMAT_VERSION = 2;
const KEY = "linguagen";

/** The fields that this package reads; a file has more. */
export interface Manifest {
  name: string;
  /** The embedding model whose vectors this encoder compresses. */
  teacher: string;
  inputDim: number;
  outputDim: number;
  precision: string;
  /** Of the whole file, with zeros in the place of this hash. */
  fileSha256: string;
  /** Mean (outputDim) and covariance (outputDim x outputDim) of the embeddings, by which codes are scaled. */
  embeddingMean: Float32Array;
  embeddingCovariance: Float32Array;
  /** How embeddings are written in any number of bytes; null for a model that has no such codes. */
  trellis: Trellis | null;
}

/** Values and order of a model's trellis codes; docs/model-file.md explains each. */
export interface Trellis {
  order: Uint16Array;
  gains: Float32Array;
  tables: Float32Array[];
}

interface StoredArray {
  dtype: string;
  shape: number[];
  base64: string;
}

/** Read the manifest of a model file's bytes; throws ModelFileError where there is none of this format version. */
export function readManifest(file: Uint8Array, origin: string): Manifest {
  const text = readMetadata(file, origin).get(KEY);
  if (text === undefined) {
    throw new ModelFileError(`${origin}: an ONNX file without a LinguaGEN manifest; use a file that lg-export wrote`);
  }
  let document: Record<string, unknown>;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new ModelFileError(`${origin}: the manifest is not JSON (${String(error)}); export the model again`);
  }
  const version = document["format_version"];
  if (version !== FORMAT_VERSION) {
    throw new ModelFileError(
      `${origin}: model format version ${String(version)}, but this linguagen reads version ${FORMAT_VERSION}; ` +
        "install the linguagen that wrote it, or export the model again",
    );
  }
  try {
    const moments = document["embedding_moments"] as Record<string, unknown>;
    const trellis = document["trellis"] as Record<string, unknown> | null | undefined;
    return {
      name: document["name"] as string,
      teacher: document["teacher"] as string,
      inputDim: document["input_dim"] as number,
      outputDim: document["output_dim"] as number,
      precision: document["precision"] as string,
      fileSha256: document["file_sha256"] as string,
      embeddingMean: decodeArray(moments["mean"] as StoredArray),
      embeddingCovariance: covarianceOf(moments),
      trellis: trellis
        ? {
            order: Uint16Array.from(decodeArray(trellis["order"] as StoredArray)),
            gains: decodeArray(trellis["gains"] as StoredArray),
            tables: (trellis["tables"] as StoredArray[]).map(decodeArray),
          }
        : null,
    };
  } catch (error) {
    throw new ModelFileError(
      `${origin}: the manifest does not have the fields of format version ${FORMAT_VERSION} (${String(error)}); ` +
        "the file was edited or written by another program: export the model again",
    );
  }
}

/** The covariance, row after row, stored whole or as variances alone. */
function covarianceOf(moments: Record<string, unknown>): Float32Array {
  if (moments["variances"] === undefined) {
    const scale = moments["covariance_scale"] as number;
    return decodeArray(moments["covariance"] as StoredArray).map((value) => value * scale);
  }
  const variances = decodeArray(moments["variances"] as StoredArray);
  const covariance = new Float32Array(variances.length ** 2);
  variances.forEach((variance, dim) => (covariance[dim * (variances.length + 1)] = variance));
  return covariance;
}

/** An array of little-endian float32, float16 or uint16 as float32. */
export function decodeArray(stored: StoredArray): Float32Array {
  const bytes = Uint8Array.from(atob(stored.base64), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const count = stored.shape.reduce((product, size) => product * size, 1);
  const size = stored.dtype === "<f4" ? 4 : 2;
  if (!["<f4", "<f2", "<u2"].includes(stored.dtype) || bytes.length !== count * size) {
    throw new RangeError(`${stored.dtype} of shape ${stored.shape.join(" x ")} in ${bytes.length} bytes`);
  }
  return Float32Array.from({ length: count }, (_, place) =>
    size === 4
      ? view.getFloat32(4 * place, true)
      : stored.dtype === "<u2"
        ? view.getUint16(2 * place, true)
        : halfToFloat(view.getUint16(2 * place, true)),
  );
}

/** IEEE 754 half precision. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}
