/**
 * The metadata of an ONNX file, read without running it.
 *
 * An .onnx file is a protobuf message: fields of a number, a wire type and a value, one after another. The metadata are
 * pairs of key and value in field 14 of the model (onnx.proto3).
 */
import { ModelFileError } from "./errors.js";

const METADATA = 14;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

interface Field {
  number: number;
  /** The bytes of a message or text; empty for numbers, which nothing here needs. */
  data: Uint8Array;
}

/** Key and value pairs of a model file; throws ModelFileError where the bytes are no protobuf message. */
export function readMetadata(file: Uint8Array, origin: string): Map<string, string> {
  const found = new Map<string, string>();
  const text = new TextDecoder();
  for (const field of fields(file, origin)) {
    if (field.number !== METADATA) continue;
    const entry = new Map([...fields(field.data, origin)].map((part) => [part.number, text.decode(part.data)]));
    found.set(entry.get(1) ?? "", entry.get(2) ?? "");
  }
  return found;
}

function* fields(data: Uint8Array, origin: string): Generator<Field> {
  let place = 0;
  const broken = (why: string) =>
    new ModelFileError(`${origin}: cut, damaged or no ONNX file (${why}); export or copy it again`);

  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = data[place++];
      if (byte === undefined) break;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw broken("a number without an end");
  }

  while (place < data.length) {
    const start = place;
    const tag = varint();
    const kind = tag % 8;
    let length = 0;
    if (kind === VARINT) varint();
    else if (kind === BYTES) length = varint();
    else if (kind === FIXED64 || kind === FIXED32) length = kind === FIXED64 ? 8 : 4;
    else throw broken(`wire type ${kind} at byte ${start}`);
    if (length > data.length - place) {
      throw broken(`a field of ${length} bytes where ${data.length - place} are left`);
    }
    const value = data.subarray(place, place + length);
    place += length;
    yield { number: Math.floor(tag / 8), data: value };
  }
}
