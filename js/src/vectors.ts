/** What counts as usable vectors: the right width, finite numbers, a direction in every row. */
import { VectorError } from "./errors.js";

/** Rows whose length is this near to 1 are passed on as they are. */
const UNIT_TOLERANCE = 1e-3;

/**
 * The rows with length 1, refusing rows that have no direction.
 *
 * @param vectors rows one after another, width numbers each
 * @param width numbers in a vector
 */
export function unitRows(vectors: Float32Array, width: number): Float32Array {
  if (!(vectors instanceof Float32Array)) {
    throw new VectorError("vectors: not a Float32Array; pass the numbers of all rows in one Float32Array");
  }
  if (vectors.length % width !== 0) {
    throw new VectorError(
      `vectors: ${vectors.length} numbers, which are no whole rows: the model takes width ${width}; ` +
        "use the model of the teacher that made these vectors",
    );
  }
  const rows = vectors.length / width;
  const infinite: number[] = [];
  const zero: number[] = [];
  let scaled: Float32Array | null = null;
  for (let row = 0; row < rows; row++) {
    let squared = 0;
    for (let place = row * width; place < (row + 1) * width; place++) squared += vectors[place]! * vectors[place]!;
    if (!Number.isFinite(squared)) infinite.push(row);
    else if (squared === 0) zero.push(row);
    else if (Math.abs(squared - 1) >= UNIT_TOLERANCE) {
      scaled ??= vectors.slice();
      const length = Math.sqrt(squared);
      for (let place = row * width; place < (row + 1) * width; place++) scaled[place] = vectors[place]! / length;
    }
  }
  refuse(infinite, "NaN or infinite values");
  refuse(zero, "only zeros, which have no direction");
  return scaled ?? vectors;
}

function refuse(rows: number[], what: string): void {
  if (rows.length === 0) return;
  const shown = rows.slice(0, 10).join(", ") + (rows.length > 10 ? ", ..." : "");
  throw new VectorError(
    `vectors: ${rows.length} row(s) hold ${what}: row ${shown} (counted from 0); ` +
      "remove them or embed those texts again",
  );
}
