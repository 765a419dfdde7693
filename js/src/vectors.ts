/** What counts as usable vectors: the right width, finite numbers, a direction in every row. */
import { VectorError } from "./errors.js";

/** Rows whose length is this near to 1 are passed on as they are. */
const UNIT_TOLERANCE = 1e-3;

type Numbers = Float32Array | Float64Array | readonly number[];

/** Rows of numbers: one after another, or a list of rows. */
export type Vectors = Numbers | readonly Numbers[];

/**
 * The rows with length 1, refusing rows that have no direction.
 *
 * @param vectors rows of `width` numbers
 * @param width numbers in a vector
 */
export function unitRows(vectors: Vectors, width: number): Float32Array {
  const floats = toFloats(vectors, width);
  const rows = floats.length / width;
  const infinite: number[] = [];
  const zero: number[] = [];
  let scaled: Float32Array | null = null;
  for (let row = 0; row < rows; row++) {
    let squared = 0;
    for (let place = row * width; place < (row + 1) * width; place++) squared += floats[place]! * floats[place]!;
    if (!Number.isFinite(squared)) infinite.push(row);
    else if (squared === 0) zero.push(row);
    else if (Math.abs(squared - 1) >= UNIT_TOLERANCE) {
      scaled ??= floats.slice();
      const length = Math.sqrt(squared);
      for (let place = row * width; place < (row + 1) * width; place++) scaled[place] = floats[place]! / length;
    }
  }
  refuse(infinite, "NaN or infinite values");
  refuse(zero, "only zeros, which have no direction");
  return scaled ?? floats;
}

/**
 * Rows of numbers as one Float32Array.
 *
 * @throws VectorError they are no numbers, or no whole rows
 */
export function toFloats(vectors: Vectors, width: number): Float32Array {
  const floats = isList(vectors) ? joined(vectors, width) : numbersOf(vectors, "vectors");
  if (floats.length % width !== 0) {
    throw new VectorError(
      `vectors: ${floats.length} numbers, which are no whole rows: the model takes width ${width}; ` +
        "use the model of the teacher that made these vectors",
    );
  }
  return floats;
}

function isList(vectors: Vectors): vectors is readonly Numbers[] {
  return Array.isArray(vectors) && typeof vectors[0] === "object";
}

/** A list of rows as one array. */
function joined(rows: readonly Numbers[], width: number): Float32Array {
  const floats = new Float32Array(rows.length * width);
  rows.forEach((row, number) => {
    const numbers = numbersOf(row, `vectors: row ${number}`);
    if (numbers.length !== width) {
      throw new VectorError(
        `vectors: row ${number} has ${numbers.length} numbers, but the model takes width ${width}; ` +
          "use the model of the teacher that made these vectors",
      );
    }
    floats.set(numbers, number * width);
  });
  return floats;
}

function numbersOf(values: Numbers, what: string): Float32Array {
  if (values instanceof Float32Array) return values;
  const isNumbers =
    values instanceof Float64Array || (Array.isArray(values) && values.every((value) => typeof value === "number"));
  if (!isNumbers) {
    throw new VectorError(`${what}: expected numbers, as a Float32Array, a Float64Array or an array, or a list of rows`);
  }
  return Float32Array.from(values);
}

function refuse(rows: number[], what: string): void {
  if (rows.length === 0) return;
  const shown = rows.slice(0, 10).join(", ") + (rows.length > 10 ? ", ..." : "");
  throw new VectorError(
    `vectors: ${rows.length} row(s) hold ${what}: row ${shown} (counted from 0); ` +
      "remove them or embed those texts again",
  );
}
