// Tables: damaged ones are refused, and text models give what Python gives.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Compressor, TextModel } from "../dist/index.js";
import { hasPython, MODELS, modelBytes, raw, tablePath } from "./data.mjs";

const skip = !hasPython && "no LINGUAGEN_EXPECTED";
const TEXT = "linguagen-en";

test("texts have the tokens and embeddings of Python, in any script", { skip }, async () => {
  const model = await TextModel.load(tablePath(TEXT));
  const texts = JSON.parse(new TextDecoder().decode(raw(TEXT, "texts.json")));
  const tokens = JSON.parse(new TextDecoder().decode(raw(TEXT, "tokens.json")));
  const expected = new Float32Array(raw(TEXT, "embeddings"));
  assert.deepEqual([model.name, model.outputDim], [TEXT, 256]);
  assert.deepEqual(texts.map((text) => [...model.tokenize(text)]), tokens);
  const found = model.embed(texts);
  assert.equal(found.length, expected.length);
  found.forEach((value, place) => assert.ok(Math.abs(value - expected[place]) < 1e-5));
  assert.deepEqual(model.embed(texts[0]), found.subarray(0, 256));
  assert.equal(model.embed([]).length, 0);
});

test("texts that cannot be embedded are refused by number", { skip }, async () => {
  const model = await TextModel.load(tablePath(TEXT));
  assert.deepEqual([...model.tokenize("  ")], []);
  assert.throws(() => model.embed(["a", "", "b", " \n"]), {
    name: "TextError",
    message: '2 of 4 texts are empty, the first is text 1 (""); leave them out',
  });
  assert.throws(() => model.embed(["a", 3]), { message: "text 1 is of type number, expected a string" });
  assert.throws(() => model.embed("a\ud800"), { message: /^text 0 has half of a surrogate pair, which is no Unicode text/ });
});

test("tables that are cut, edited or of another kind are refused", { skip }, async () => {
  const table = new Uint8Array(readFileSync(tablePath(MODELS[0])));
  const advice = /; export it again: lg-export MODEL --format table$/;
  for (const data of [table.subarray(0, 1000), table.with(5000, table[5000] ^ 1)]) {
    await assert.rejects(Compressor.load(data), { name: "ModelFileError", message: advice });
  }
  await assert.rejects(Compressor.load(tablePath(TEXT)), { name: "ModelFileError", message: /; use TextModel for it$/ });
  await assert.rejects(TextModel.load(table), { name: "ModelFileError", message: /; use Compressor for it$/ });
  await assert.rejects(TextModel.load(modelBytes(MODELS[0])), { message: /^model: not a table; write one: lg-export MODEL/ });
});

test("a table has no codes of any number of bytes, and no manifest", { skip }, async () => {
  const compressor = await Compressor.load(tablePath(MODELS[0]));
  assert.equal(compressor.manifest, null);
  assert.throws(() => compressor.byteCodec(64), { name: "UsageError", message: /load the model's .onnx file$/ });
  await compressor.release();
});
