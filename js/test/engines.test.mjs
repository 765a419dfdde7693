import assert from "node:assert/strict";
import { writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Compressor, KINDS, recallAtK } from "../dist/index.js";
import { engines, hasPython, loaders, MODELS, modelBytes, raw, seededVectors } from "./data.mjs";

/** Codes of a model are Python's, decode to embeddings, and are searched as Python searches them. */
async function checkCodes(compressor, model, kind, rows) {
  for (const dim of [256, 64]) {
    const embeddings = new Float32Array(raw(model, "embeddings"));
    const codec = compressor.codec(kind, dim);
    assert.equal(codec, compressor.codec(kind, dim));
    const codes = codec.encode(embeddings);
    const bytes = new Uint8Array(codes.buffer);
    const expected = new Uint8Array(raw(model, `${kind}.${dim}`));
    assert.equal(bytes.length, rows * codec.bytesPerRow);
    if (kind !== "float32") assert.ok(differing(bytes, expected) < 1e-3, `${kind} ${dim}`);
    const decoded = codec.decode(new codes.constructor(expected.buffer));
    assert.ok(largest(decoded, new Float32Array(raw(model, `${kind}.${dim}.decoded`))) < 1e-4, `${kind} ${dim}`);
    const index = await codec.index(new codes.constructor(expected.buffer));
    const hits = index.search(embeddings.subarray(7 * 256, 8 * 256), 5);
    const found = new Float32Array(raw(model, `${kind}.${dim}.cosines`));
    assert.ok(largest(Float32Array.from(hits, (hit) => hit.cosine), found) < 1e-4, `${kind} ${dim}`);
    assert.equal(index.rows, rows);
  }
}

const largest = (a, b) => a.reduce((most, value, place) => Math.max(most, Math.abs(value - b[place])), 0);
const differing = (a, b) => a.reduce((count, value, place) => count + (value !== b[place] ? 1 : 0), 0) / a.length;

for (const [name, { load, skip }] of Object.entries(loaders)) {
  test(`${name}: batches change nothing, lengths are scaled, rows have length 1`, { skip }, async () => {
    const compressor = await load(MODELS[0]);
    const vectors = seededVectors(600);
    const steps = [];
    const embeddings = await compressor.compress(vectors, (rows) => steps.push(rows));
    assert.deepEqual(steps, [512, 88]);
    assert.equal(embeddings.length, 600 * 256);
    const alone = await compressor.compress(vectors.slice(1536 * 599).map((value) => 3 * value));
    assert.ok(largest(alone, embeddings.subarray(256 * 599)) < 1e-5);
    let squared = 0;
    for (const value of alone) squared += value * value;
    assert.ok(Math.abs(squared - 1) < 1e-5);
    assert.equal((await compressor.compress(new Float32Array())).length, 0);
    await compressor.release();
  });

  test(`${name}: vectors that cannot be used are refused with the words of the Python runtime`, { skip }, async () => {
    const compressor = await load(MODELS[0]);
    const bad = seededVectors(20);
    bad[1536 * 3] = NaN;
    bad[1536 * 7] = Infinity;
    await assert.rejects(compressor.compress(bad), {
      name: "VectorError",
      message: "vectors: 2 row(s) hold NaN or infinite values: row 3, 7 (counted from 0); remove them or embed those texts again",
    });
    await assert.rejects(compressor.compress(new Float32Array(1536 * 12)), {
      message: /12 row\(s\) hold only zeros, which have no direction: row 0, 1, .*, 9, \.\.\. \(counted from 0\)/,
    });
    await assert.rejects(compressor.compress(new Float32Array(1535)), {
      message: /1535 numbers, which are no whole rows: the model takes width 1536; use the model of the teacher/,
    });
  });

  test(`${name}: rows are taken in any form`, { skip }, async () => {
    const compressor = await load(MODELS[0]);
    const vectors = seededVectors(3);
    const found = await compressor.compress(vectors);
    const rows = [0, 1, 2].map((row) => vectors.subarray(1536 * row, 1536 * (row + 1)));
    for (const other of [Float64Array.from(vectors), [...vectors], rows, rows.map((row) => [...row])]) {
      assert.deepEqual(await compressor.compress(other), found);
    }
    assert.equal((await compressor.compress([])).length, 0);
    await assert.rejects(compressor.compress([rows[0], [1, 2]]), {
      message: "vectors: row 1 has 2 numbers, but the model takes width 1536; use the model of the teacher that made these vectors",
    });
    const advice = "expected numbers, as a Float32Array, a Float64Array or an array, or a list of rows";
    for (const wrong of ["text", ["1", "2"], new Uint8Array(1536), null]) {
      await assert.rejects(compressor.compress(wrong), { name: "VectorError", message: `vectors: ${advice}` });
    }
    await assert.rejects(compressor.compress([rows[0], [null]]), { message: `vectors: row 1: ${advice}` });
  });

  test(`${name}: an embedding is what the Python runtime makes`, { skip: !hasPython && "no LINGUAGEN_EXPECTED" }, async () => {
    for (const model of MODELS) {
      const compressor = await load(model);
      const vectors = new Float32Array(raw(model, "vectors"));
      const wanted = new Float32Array(raw(model, "embeddings"));
      const found = await compressor.compress(vectors);
      const asked = Array.from({ length: 200 }, (_, row) => 5 * row);
      const [here, there] = [found, wanted].map((embeddings) => recallAtK(vectors, embeddings, 1000, asked));
      assert.ok(Math.abs(here - there) <= 0.0005, `${model}: recall ${here} against ${there}`);
      // Seven-bit weights make the integer product exact on every processor, in WebAssembly too.
      assert.ok(largest(found, wanted) <= 1e-5, `${model}: embeddings up to ${largest(found, wanted)} apart`);
      assert.deepEqual([compressor.inputDim, compressor.outputDim, compressor.name], [1536, 256, model]);
      for (const kind of KINDS) await checkCodes(compressor, model, kind, vectors.length / 1536);
    }
  });
}

for (const [name, load] of Object.entries(engines)) {
  test(`${name}: a float32 model agrees within 1e-4`, { skip: !process.env.LINGUAGEN_FLOAT && "no LINGUAGEN_FLOAT" }, async () => {
    const compressor = await Compressor.load(process.env.LINGUAGEN_FLOAT, { engine: await load() });
    const vectors = new Float32Array(raw("float", "vectors"));
    const found = await compressor.compress(vectors);
    assert.ok(largest(found, new Float32Array(raw("float", "embeddings"))) < 1e-4);
  });
}

test("both engines agree", async () => {
  const vectors = seededVectors(300);
  const made = [];
  for (const load of Object.values(engines)) {
    const compressor = await Compressor.load(modelBytes(MODELS[1]), { engine: await load() });
    made.push(await compressor.compress(vectors));
  }
  let cosine = 0;
  for (let place = 0; place < made[0].length; place++) cosine += made[0][place] * made[1][place];
  assert.ok(cosine / 300 > 0.9999);
});

test("codes that do not exist are wrong use, and rows that cannot be coded are refused by number", async () => {
  for (const { load, skip } of Object.values(loaders).slice(0, 2)) {
    if (skip) continue;
    const compressor = await load(MODELS[0]);
    assert.throws(() => compressor.codec("int3"), { name: "UsageError", message: `kind is int3, expected one of ${KINDS.join(", ")}` });
    assert.throws(() => compressor.codec("int8", 257), { name: "UsageError", message: /^dim is 257, expected / });
    assert.throws(() => compressor.codec("binary", 12), { name: "UsageError", message: /^dim is 12, expected / });
    const codec = compressor.codec("int8");
    const rows = new Float32Array(5000 * 256).fill(1 / 16);
    rows[4500 * 256] = NaN;
    assert.throws(() => codec.encode(rows), { name: "VectorError", message: /^embeddings: row 4500: / });
    assert.throws(() => codec.encode([1, 2]), { message: /2 numbers, which are no whole rows/ });
    assert.throws(() => codec.decode(new Int8Array(255)), { message: "codes: 255 bytes, which are no whole rows of 256 bytes" });
    const index = await codec.index(new Int8Array(0));
    assert.deepEqual(index.search(rows.subarray(0, 256), 3), []);
    assert.throws(() => index.search(rows.subarray(0, 512), 3), { message: /2 embeddings, expected one of 256 numbers/ });
    assert.throws(() => index.search(rows.subarray(0, 256), 0), { name: "UsageError", message: "count is 0, expected 1 or more" });
  }
});

test("files that cannot be read, or were edited, are refused", async () => {
  await assert.rejects(Compressor.load("no.onnx"), { name: "ModelFileError", message: /^no.onnx: cannot be read \(ENOENT/ });
  const place = join(mkdtempSync(join(tmpdir(), "linguagen-")), "edited.onnx");
  const edited = modelBytes(MODELS[0]);
  for (let byte = 100; byte < edited.length; byte += 97_001) {
    edited[byte] ^= 1; // among the weights or in the manifest: either way it is noticed
    writeFileSync(place, edited);
    await assert.rejects(Compressor.load(place), { name: "ModelFileError" }, `byte ${byte}`);
    edited[byte] ^= 1;
  }
  writeFileSync(place, edited);
  await (await Compressor.load(place)).release();
});

test("an engine that fails says so", async () => {
  const broken = {
    InferenceSession: { create: async () => ({ run: async () => Promise.reject(new Error("out of memory\nmore")) }) },
    Tensor: class {},
  };
  const compressor = await Compressor.load(modelBytes(MODELS[0]), { engine: broken });
  await assert.rejects(compressor.compress(seededVectors(2)), {
    name: "DeviceError",
    message: "the model failed with 2 rows (out of memory); pass fewer rows at a time",
  });
  const refusing = { InferenceSession: { create: async () => Promise.reject(new Error("no")) }, Tensor: class {} };
  await assert.rejects(Compressor.load(modelBytes(MODELS[0]), { engine: refusing }), { message: /onnxruntime cannot load it \(no\)/ });
});
