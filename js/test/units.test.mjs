import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cosineTopK, readManifest, readNpy, recallAtK, rotationMatrix, TrellisCodec, VectorError, writeNpy } from "../dist/index.js";
import { sourceHash } from "../wasm/build.mjs";
import { modelBytes, seededVectors } from "./data.mjs";

test("the manifest is read from the model file itself", () => {
  const manifest = readManifest(modelBytes("text-embedding-3-small"), "m");
  assert.equal(manifest.teacher, "text-embedding-3-small");
  assert.deepEqual([manifest.inputDim, manifest.outputDim, manifest.precision], [1536, 256, "int8"]);
  assert.equal(manifest.embeddingCovariance.length, 256 * 256);
});

test("damaged and foreign files are refused with the words of the Python runtime", () => {
  const bytes = modelBytes("text-embedding-3-small");
  const cut = /^m: cut, damaged or no ONNX file \(.*\); export or copy it again$/;
  for (const data of [bytes.subarray(0, 3000), new TextEncoder().encode("no model"), bytes.subarray(0, bytes.length - 1)]) {
    assert.throws(() => readManifest(data, "m"), { name: "ModelFileError", message: cut });
  }
  assert.throws(() => readManifest(new Uint8Array(), "m"), { message: /^m: an ONNX file without a LinguaGEN manifest; use/ });
  const property = (value) => {
    const text = new TextEncoder().encode(value);
    const inner = [10, 9, ...new TextEncoder().encode("linguagen"), 18, text.length, ...text];
    return new Uint8Array([14 * 8 + 2, inner.length, ...inner]);
  };
  assert.throws(() => readManifest(property("{"), "m"), { message: /^m: the manifest is not JSON/ });
  assert.throws(() => readManifest(property('{"format_version": 7}'), "m"), { message: /model format version 7, but this/ });
  assert.throws(() => readManifest(property('{"format_version": 2}'), "m"), { message: /does not have the fields of format/ });
  assert.throws(() => readManifest(new Uint8Array([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]), "m"), {
    message: /a number without an end/,
  });
  assert.throws(() => readManifest(new Uint8Array([3]), "m"), { message: /wire type 3 at byte 0/ });
});

test("the rotation is orthonormal and begins with xorshift's signs", () => {
  const dim = 24;
  const matrix = rotationMatrix(dim);
  for (let a = 0; a < dim; a++) {
    for (let b = 0; b < dim; b++) {
      let product = 0;
      for (let j = 0; j < dim; j++) product += matrix[a * dim + j] * matrix[b * dim + j];
      assert.ok(Math.abs(product - (a === b ? 1 : 0)) < 1e-9);
    }
  }
  const signs = Array.from({ length: 12 }, (_, i) => Math.sign(matrix[i * dim]));
  assert.deepEqual(signs, [1, -1, 1, 1, 1, 1, -1, 1, -1, -1, -1, 1]);
});

test("the WebAssembly is that of the sources", () => {
  const recorded = readFileSync(new URL("../wasm/sources.sha256", import.meta.url), "utf8").trim();
  assert.equal(sourceHash(), recorded, "c/ or js/wasm/exports.c changed: npm run wasm");
});

test("codes of any size stand for what they do in Python", () => {
  const manifest = readManifest(modelBytes("text-embedding-3-small-1536"), "m");
  const codec = new TrellisCodec(8, manifest);
  const codes = Uint8Array.from(Buffer.from("c2de133c7e8f5cd75dd915b24abc6ecf83685dfd8a708cea", "hex"));
  const decoded = codec.decode(codes);
  assert.equal(decoded.length, 3 * 1536);
  const expected = [0.070618108, -0.22768253, -0.086215839, 0.1293654, -0.0070069619, 0.14415716];
  expected.forEach((value, place) => assert.ok(Math.abs(decoded[place] - value) < 1e-6));
  for (const size of [8, 33, 128, 2048]) {
    const row = new TrellisCodec(size, manifest).decode(new Uint8Array(size).fill(77));
    assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-6);
    assert.equal(cosineTopK(row, row, 1)[0].row, 0);
  }
  assert.throws(() => codec.decode(new Uint8Array(9)), { message: /9 bytes, which are no whole rows of 8 bytes/ });
  for (const size of [7, 8.5, 2049]) {
    assert.throws(() => new TrellisCodec(size, manifest), { name: "UsageError", message: /expected 8 to 2048/ });
  }
  const narrow = readManifest(modelBytes("text-embedding-3-small"), "m");
  assert.throws(() => new TrellisCodec(64, narrow), { message: /text-embedding-3-small has no codes of any number of bytes/ });
});

test("search finds what sorting all cosines finds", () => {
  const rows = seededVectors(200, 16);
  const query = rows.subarray(16, 32);
  const all = Array.from({ length: 200 }, (_, row) => {
    let cosine = 0;
    for (let i = 0; i < 16; i++) cosine += query[i] * rows[row * 16 + i];
    return { row, cosine };
  }).sort((a, b) => b.cosine - a.cosine);
  const close = (hits) => hits.map((hit) => hit.row);
  assert.deepEqual(close(cosineTopK(query, rows, 7)), close(all.slice(0, 7)));
  assert.deepEqual(close(cosineTopK(query, rows, 7, 1)), close(all.filter((hit) => hit.row !== 1).slice(0, 7)));
  assert.throws(() => cosineTopK(query, rows.subarray(1), 3), { name: "UsageError", message: /no whole rows of the query's/ });
  assert.equal(recallAtK(rows, rows, 200, [0, 5, 9]), 1);
});

test(".npy files go out and come back, whatever their type and order", () => {
  const rows = seededVectors(5, 4);
  const back = readNpy(writeNpy(rows, 4).buffer, "v.npy");
  assert.deepEqual([back.rows, back.width], [5, 4]);
  assert.deepEqual(back.data, rows);
});

test("what is no .npy of vectors is refused with the words of the Python runtime", () => {
  const file = (text) => new TextEncoder().encode(text).buffer;
  const npy = (header, bytes = 0) => {
    const head = `${header}\n`;
    const data = new Uint8Array(10 + head.length + bytes);
    data.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length, 0]);
    data.set(new TextEncoder().encode(head), 10);
    return data.buffer;
  };
  const cases = [
    [file(""), "v: not a .npy file: it is empty; write it with numpy.save"],
    [file("0.1,0.2"), 'v: not a .npy file: it begins with "0.1,0."; write it with numpy.save'],
    [npy("{}"), "v: its .npy header cannot be read; write it with numpy.save"],
    [npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }"), /holds \|O values, expected float16, float32, float64/],
    [npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"), /has 1 dimension\(s\), shape \(3,\); expected \(rows, width\)/],
    [npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", 20), /cut short: its header promises 3 rows of 2/],
  ];
  for (const [data, message] of cases) assert.throws(() => readNpy(data, "v"), { name: "VectorError", message });
  assert.ok(new VectorError("x") instanceof Error);
  for (const [kind, order, bytes] of [
    ["<f2", "False", [0, 0x3c, 0, 0x40, 0, 0xc2, 1, 0]],
    ["<f2", "True", [0, 0x3c, 0, 0xc2, 0, 0x40, 1, 0]],
    [">f4", "False", [0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0xc0, 0x40, 0, 0, 0x33, 0x80, 0, 0]],
  ]) {
    const data = npy(`{'descr': '${kind}', 'fortran_order': ${order}, 'shape': (2, 2), }`, bytes.length);
    new Uint8Array(data).set(bytes, data.byteLength - bytes.length);
    assert.deepEqual([...readNpy(data, "v").data], [1, 2, -3, 2 ** -24]);
  }
});
