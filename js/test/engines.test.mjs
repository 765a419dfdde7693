import assert from "node:assert/strict";
import { writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Compressor, recallAtK } from "../dist/index.js";
import { engines, hasPython, MODELS, modelBytes, modelPath, raw, seededVectors } from "./data.mjs";

const largest = (a, b) => a.reduce((most, value, place) => Math.max(most, Math.abs(value - b[place])), 0);
const differing = (a, b) => a.reduce((count, value, place) => count + (value !== b[place] ? 1 : 0), 0) / a.length;

for (const [name, load] of Object.entries(engines)) {
  test(`${name}: batches change nothing, lengths are scaled, rows have length 1`, async () => {
    const compressor = await Compressor.load(modelPath(MODELS[0]), { engine: await load() });
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

  test(`${name}: vectors that cannot be used are refused with the words of the Python runtime`, async () => {
    const compressor = await Compressor.load(modelBytes(MODELS[0]), { engine: await load() });
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
    await assert.rejects(compressor.compress([1, 2]), { message: /not a Float32Array; pass the numbers of all rows in one/ });
  });

  test(`${name}: an embedding is what the Python runtime makes`, { skip: !hasPython && "no LINGUAGEN_EXPECTED" }, async () => {
    for (const model of MODELS) {
      const compressor = await Compressor.load(modelBytes(model), { engine: await load() });
      const vectors = new Float32Array(raw(model, "vectors"));
      const wanted = new Float32Array(raw(model, "embeddings"));
      const found = await compressor.compress(vectors);
      const asked = Array.from({ length: 200 }, (_, row) => 5 * row);
      const [here, there] = [found, wanted].map((embeddings) => recallAtK(vectors, embeddings, 1000, asked));
      assert.ok(Math.abs(here - there) <= 0.0005, `${model}: recall ${here} against ${there}`);
      // Seven-bit weights make the integer product exact on every processor, in WebAssembly too.
      assert.ok(largest(found, wanted) <= 1e-5, `${model}: embeddings up to ${largest(found, wanted)} apart`);
      const exact = compressor.codec("int8").encode(wanted);
      assert.ok(differing(exact, new Int8Array(raw(model, "int8"))) < 1e-3);
      const bits = compressor.codec("ubinary").encode(wanted);
      assert.ok(differing(bits, new Uint8Array(raw(model, "ubinary"))) < 1e-3);
      assert.deepEqual([bits.length, compressor.codec("ubinary").bytesPerRow], [32_000, 32]);
    }
  });

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
