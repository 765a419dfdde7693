// What the tests share: the shipped models, seeded vectors, and the Python runtime's answers where they were made.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Compressor } from "../dist/index.js";

export const MODELS = ["text-embedding-3-small", "text-embedding-ada-002"];
export const root = fileURLToPath(new URL("../..", import.meta.url));
export const modelPath = (name) => join(root, "models", "shipped", `${name}.onnx`);
export const modelBytes = (name) => new Uint8Array(readFileSync(modelPath(name)));

/** The folder that test/expected.py wrote, named by LINGUAGEN_EXPECTED; null where nobody made it. */
export const expected = process.env.LINGUAGEN_EXPECTED ?? null;

export function raw(name, kind) {
  const data = readFileSync(join(expected, `${name}.${kind}`));
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
}

/** Rows of length 1 in groups of near neighbours, the same every time. */
export function seededVectors(rows, width = 1536) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const data = new Float32Array(rows * width);
  let topic = [];
  for (let row = 0; row < rows; row++) {
    if (row % 10 === 0) topic = Array.from({ length: width }, random);
    let squared = 0;
    for (let i = 0; i < width; i++) squared += (data[row * width + i] = topic[i] + random()) ** 2;
    for (let i = 0; i < width; i++) data[row * width + i] /= Math.sqrt(squared);
  }
  return data;
}

export const engines = {
  "onnxruntime-node": () => import("onnxruntime-node"),
  "onnxruntime-web": async () => {
    const engine = await import("onnxruntime-web");
    engine.env.wasm.numThreads = 1;
    return engine;
  },
};

export const hasPython = expected !== null && existsSync(join(expected, "expected.json"));
const skip = !hasPython && "no LINGUAGEN_EXPECTED";

/** The path of a model's table, which test/expected.py wrote. */
export const tablePath = (name) => join(expected, `${name}.lgt`);

/** How each engine loads a shipped model, and why its tests are skipped, if they are. */
export const loaders = {
  webassembly: { load: (name) => Compressor.load(tablePath(name)), skip },
  ...Object.fromEntries(
    Object.entries(engines).map(([name, engine]) => [
      name,
      { load: async (model) => Compressor.load(modelBytes(model), { engine: await engine() }), skip: false },
    ]),
  ),
};
