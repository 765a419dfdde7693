/** Codes of any number of bytes, read as the Python runtime writes them (docs/model-file.md, Codes of any size). */
import { UsageError, VectorError } from "./errors.js";
import type { Manifest, Trellis } from "./manifest.js";

/** Dimensions of a symbol, its bits, and the dimensions that step up together from this rung. */
const LADDER: readonly (readonly [dims: number, bits: number, span: number])[] = [
  [4, 0, 4],
  [4, 1, 4],
  [2, 1, 2],
  [1, 1, 2],
  [2, 3, 2],
  ...Array.from({ length: 10 }, (_, step) => [1, step + 2, 1] as const),
];
const STATES = 256;
const LEAST_BYTES = 8;

interface Symbol {
  rung: number;
  /** The first dimension of the symbol. */
  dim: number;
}

/** Reads a model's codes of one number of bytes. */
export class TrellisCodec {
  private readonly symbols: Symbol[];
  private readonly trellis: Trellis;
  private readonly mean: Float32Array;
  private readonly deviation: Float32Array;
  /** Numbers in an embedding. */
  readonly dim: number;

  constructor(
    readonly bytesPerRow: number,
    manifest: Manifest,
  ) {
    if (!manifest.trellis) throw new UsageError(`the model ${manifest.name} has no codes of any number of bytes`);
    const most = manifest.trellis.order.length / 8;
    if (!Number.isInteger(bytesPerRow) || bytesPerRow < LEAST_BYTES || bytesPerRow > most) {
      throw new UsageError(`bytes is ${bytesPerRow}, expected ${LEAST_BYTES} to ${most}`);
    }
    this.trellis = manifest.trellis;
    this.dim = manifest.outputDim;
    this.mean = manifest.embeddingMean;
    this.deviation = manifest.embeddingCovariance.filter((_, place) => place % (this.dim + 1) === 0).map(Math.sqrt);
    this.symbols = symbolsOf(this.trellis, this.dim, bytesPerRow);
  }

  /**
   * The embeddings that codes stand for, row after row, each of length 1.
   *
   * @param codes (rows x bytesPerRow), row after row
   * @throws VectorError no whole rows
   */
  decode(codes: Uint8Array): Float32Array {
    if (codes.length % this.bytesPerRow !== 0) {
      throw new VectorError(`codes: ${codes.length} bytes, which are no whole rows of ${this.bytesPerRow} bytes`);
    }
    const rows = codes.length / this.bytesPerRow;
    const embeddings = new Float32Array(rows * this.dim);
    for (let row = 0; row < rows; row++) {
      this.decodeRow(
        codes.subarray(row * this.bytesPerRow, (row + 1) * this.bytesPerRow),
        embeddings.subarray(row * this.dim, (row + 1) * this.dim),
      );
    }
    return embeddings;
  }

  private decodeRow(code: Uint8Array, row: Float32Array): void {
    let place = 0;
    let state = 0;
    const next = () => (code[place >> 3]! >> (7 - (place++ & 7))) & 1;
    row.set(this.mean);
    for (const { rung, dim } of this.symbols) {
      const [dims, bits] = LADDER[rung]!;
      const bit = next();
      const window = bit * STATES + state;
      let pick = 0;
      for (let more = 1; more < bits; more++) pick = pick * 2 + next();
      const columns = bits > 3 ? 4 : 2 * STATES;
      const column = bits > 3 ? coset(window) : window;
      const table = this.trellis.tables[rung - 1]!;
      for (let part = 0; part < dims; part++) {
        const level = Math.fround(table[(pick * dims + part) * columns + column]! * this.trellis.gains[rung]!);
        row[dim + part]! += Math.fround(level * this.deviation[dim + part]!);
      }
      state = ((state << 1) | bit) & (STATES - 1);
    }
    const length = Math.hypot(...row);
    for (let dim = 0; dim < row.length; dim++) row[dim]! /= length;
  }
}

/** The symbols of a code: the first 8 x bytes steps lead up the ladder. */
function symbolsOf(trellis: Trellis, dim: number, bytes: number): Symbol[] {
  const rungs = new Uint8Array(dim);
  for (const at of trellis.order.subarray(0, 8 * bytes)) {
    const span = LADDER[rungs[at]!]![2];
    for (let part = 0; part < span; part++) rungs[at + part]!++;
  }
  const symbols: Symbol[] = [];
  for (let at = 0; at < dim; at += LADDER[rungs[at]!]![0]) {
    if (rungs[at]) symbols.push({ rung: rungs[at]!, dim: at });
  }
  return symbols;
}

/** The coset of a window: parities of two of its parts. */
function coset(window: number): number {
  return parity(window & 0o165) + 2 * parity(window & 0o656);
}

function parity(bits: number): number {
  let odd = 0;
  for (let rest = bits; rest; rest &= rest - 1) odd ^= 1;
  return odd;
}
