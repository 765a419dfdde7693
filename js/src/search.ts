/** Exact search and what it tells of fidelity. */
import { UsageError } from "./errors.js";

export interface Hit {
  /** Row number. */
  row: number;
  cosine: number;
}

/**
 * The nearest rows by cosine, best first.
 *
 * @param query one row of length 1
 * @param rows rows of length 1, one after another, as wide as the query
 * @param count how many to find
 * @param without a row to leave out, such as the query itself
 */
export function cosineTopK(query: Float32Array, rows: Float32Array, count: number, without = -1): Hit[] {
  const width = query.length;
  if (width === 0 || rows.length % width !== 0) {
    throw new UsageError(`rows: ${rows.length} numbers, which are no whole rows of the query's width ${width}`);
  }
  const best: Hit[] = [];
  for (let row = 0; row * width < rows.length; row++) {
    if (row === without) continue;
    let cosine = 0;
    for (let place = 0; place < width; place++) cosine += query[place]! * rows[row * width + place]!;
    const last = best[best.length - 1];
    if (best.length === count && last && cosine <= last.cosine) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.cosine < cosine) at--;
    best.splice(at, 0, { row, cosine });
    if (best.length > count) best.pop();
  }
  return best;
}

/**
 * Share of each asked row's exact nearest neighbours that are still among its nearest: mean recall@k.
 *
 * @param before the original rows, length 1
 * @param after the same rows, compressed, length 1
 * @param rows how many rows there are
 * @param asked the rows to ask with
 */
export function recallAtK(before: Float32Array, after: Float32Array, rows: number, asked: number[], k = 10): number {
  const wide = before.length / rows;
  const narrow = after.length / rows;
  let total = 0;
  for (const row of asked) {
    const exact = new Set(cosineTopK(rowOf(before, row, wide), before, k, row).map((hit) => hit.row));
    const found = cosineTopK(rowOf(after, row, narrow), after, k, row);
    total += found.filter((hit) => exact.has(hit.row)).length / k;
  }
  return total / asked.length;
}

/** One row of rows that lie one after another. */
export function rowOf(rows: Float32Array, row: number, width: number): Float32Array {
  return rows.subarray(row * width, (row + 1) * width);
}
