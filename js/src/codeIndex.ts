/** Exact search over codes. */
import type { Codec } from "./codes.js";
import { UsageError, VectorError } from "./errors.js";
import { Library } from "./library.js";
import type { Hit } from "./search.js";
import { unitRows, type Vectors } from "./vectors.js";

/** Codes in memory of their own, which goes with the last reference to this object. */
export class CodeIndex {
  private constructor(
    private readonly codec: Codec,
    /** How many codes there are. */
    readonly rows: number,
    private readonly codes: number,
    private readonly lengths: number,
  ) {}

  /** Copy whole codes of a codec into memory, and measure them once. */
  static async of(original: Codec, bytes: Uint8Array): Promise<CodeIndex> {
    const codec = original.copyTo(await Library.open());
    const { library, address } = codec.place;
    const rows = bytes.length / codec.bytesPerRow;
    const codes = library.put(bytes);
    const lengths = library.take(4 * rows);
    library.borrow(() => {
      const scratch = library.take(library.call("lg_codes_scratch", address));
      library.call("lg_codes_lengths", address, codes, rows, lengths, scratch);
    });
    return new CodeIndex(codec, rows, codes, lengths);
  }

  /**
   * The codes nearest to a query by cosine, nearest first, and the lower row first if two are equal.
   *
   * @param query one whole embedding of the model
   * @param count how many to find
   * @throws VectorError it is not one embedding, or is zero or not finite
   */
  search(query: Vectors, count: number): Hit[] {
    const { library, address, outputDim } = this.codec.place;
    if (!Number.isInteger(count) || count < 1) throw new UsageError(`count is ${count}, expected 1 or more`);
    const unit = unitRows(query, outputDim);
    if (unit.length !== outputDim) {
      throw new VectorError(`query: ${unit.length / outputDim} embeddings, expected one of ${outputDim} numbers`);
    }
    const found = Math.min(count, this.rows);
    if (found === 0) return [];
    return library.borrow(() => {
      const place = library.put(unit);
      const hits = library.take(8 * found);
      const scratch = library.take(library.call("lg_search_scratch", address));
      library.call("lg_search", address, place, this.codes, this.lengths, this.rows, found, hits, scratch);
      const rows = library.view(Uint32Array, hits, 2 * found);
      const cosines = library.view(Float32Array, hits, 2 * found);
      return Array.from({ length: found }, (_, hit) => ({ row: rows[2 * hit]!, cosine: cosines[2 * hit + 1]! }));
    });
  }
}
