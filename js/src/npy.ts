/** .npy files: float16, float32 and float64 in, float32 out. */
import { VectorError } from "./errors.js";
import { halfToFloat } from "./manifest.js";

export interface Rows {
  data: Float32Array;
  rows: number;
  width: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Read rows of vectors; throws VectorError where the file is no such .npy, with what is wrong. */
export function readNpy(buffer: ArrayBuffer, name: string): Rows {
  const bytes = new Uint8Array(buffer);
  if (!MAGIC.every((byte, place) => bytes[place] === byte)) {
    const found = bytes.length ? `begins with ${JSON.stringify(latin1(bytes.subarray(0, 6)))}` : "is empty";
    throw new VectorError(`${name}: not a .npy file: it ${found}; write it with numpy.save`);
  }
  const view = new DataView(buffer);
  const start = bytes[6] === 1 ? 10 : 12;
  const length = start > buffer.byteLength ? Infinity : bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = start + length <= buffer.byteLength ? latin1(bytes.subarray(start, start + length)) : "";
  const kind = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const fortran = /'fortran_order':\s*True/.test(header);
  if (kind === undefined || shape === undefined) {
    throw new VectorError(`${name}: its .npy header cannot be read; write it with numpy.save`);
  }
  if (!/^[<>]f[248]$/.test(kind)) {
    throw new VectorError(`${name}: holds ${kind} values, expected float16, float32, float64; save the vectors as floats`);
  }
  const sizes = shape.split(",").filter((part) => part.trim()).map(Number);
  const [rows, width] = sizes;
  if (sizes.length !== 2 || rows === undefined || width === undefined || width < 1) {
    throw new VectorError(`${name}: has ${sizes.length} dimension(s), shape (${shape}); expected (rows, width)`);
  }
  return { data: readNumbers(view, start + length, rows, width, kind, fortran, name), rows, width };
}

function readNumbers(
  view: DataView,
  start: number,
  rows: number,
  width: number,
  kind: string,
  fortran: boolean,
  name: string,
): Float32Array {
  const size = Number(kind[2]);
  const expected = start + rows * width * size;
  if (view.byteLength < expected) {
    throw new VectorError(
      `${name}: cut short: its header promises ${rows} rows of ${width} (${expected} bytes), ` +
        `but the file has ${view.byteLength} bytes; copy it again`,
    );
  }
  if (kind === "<f4" && !fortran) return new Float32Array(view.buffer.slice(start, expected));
  const little = kind[0] === "<";
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const place = start + size * (fortran ? column * rows + row : row * width + column);
      data[row * width + column] =
        size === 4
          ? view.getFloat32(place, little)
          : size === 8
            ? view.getFloat64(place, little)
            : halfToFloat(view.getUint16(place, little));
    }
  }
  return data;
}

/** A .npy file of float32 rows. */
export function writeNpy(data: Float32Array, width: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${data.length / width}, ${width}), }`;
  const header = text.padEnd(117) + "\n";
  const file = new Uint8Array(128 + data.byteLength);
  file.set([...MAGIC, 1, 0, 118, 0]);
  file.set(new TextEncoder().encode(header), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 128);
  return file;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
