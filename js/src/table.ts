/** Tables: model files that the C library runs (docs/c.md), written by lg-export --format table. */
import { ModelFileError } from "./errors.js";
import type { Library } from "./library.js";
import { STATUS } from "./library.js";

const MAGIC = "LGTABLE\n";

/** Whether bytes are a table; otherwise they may be an ONNX file. */
export function isTable(data: Uint8Array): boolean {
  return [...MAGIC].every((letter, place) => data[place] === letter.charCodeAt(0));
}

/**
 * Open a table in a library, whose memory keeps it.
 *
 * @param kind `model` of vectors, or `text`
 * @param origin how messages name the table
 * @returns the address of the model
 * @throws ModelFileError it is cut, edited, of another version or of another kind
 */
export function openTable(library: Library, kind: "model" | "text", data: Uint8Array, origin: string): number {
  const model = library.take(library.call(`${kind}_size`));
  const table = library.put(data);
  const status = library.call(kind === "model" ? "lg_open" : "lg_text_open", model, table, data.length);
  if (status === 0) return model;
  const advice =
    status === STATUS.otherKind
      ? `use ${kind === "model" ? "TextModel" : "Compressor"} for it`
      : "export it again: lg-export MODEL --format table";
  throw new ModelFileError(`${origin}: ${library.statusText(status)}; ${advice}`);
}

/** What compresses with the table of a vector model. */
export class TableEngine {
  readonly name: string;
  readonly inputDim: number;
  readonly outputDim: number;
  private readonly model: number;

  constructor(
    readonly library: Library,
    data: Uint8Array,
    origin: string,
  ) {
    this.model = openTable(library, "model", data, origin);
    this.name = library.text(library.call("model_name", this.model));
    this.inputDim = library.call("model_input_dim", this.model);
    this.outputDim = library.call("model_output_dim", this.model);
  }

  /** Embeddings (rows x outputDim) of checked vectors (rows x inputDim) of length 1. */
  async run(vectors: Float32Array): Promise<Float32Array> {
    const { library, model } = this;
    const rows = vectors.length / this.inputDim;
    return library.borrow(() => {
      const input = library.put(vectors);
      const output = library.take(4 * rows * this.outputDim);
      const scratch = library.take(library.call("lg_encode_scratch", model, rows));
      library.call("lg_encode", model, input, rows, output, scratch, 0);
      return library.view(Float32Array, output, rows * this.outputDim).slice();
    });
  }

  /** The address of a codec of this model, or 0 if the table has none of this width. */
  openCodec(kind: number, dim: number): number {
    const codec = this.library.take(this.library.call("codec_size"));
    return this.library.call("lg_codec_open", codec, this.model, kind, dim) === 0 ? codec : 0;
  }

  /** Nothing to give back: the memory goes with the last reference. */
  async release(): Promise<void> {}
}
