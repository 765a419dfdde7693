/** Compresses in a Web Worker, so that the page stays alive. */
import * as engine from "onnxruntime-web/wasm";
import { Compressor, type Engine } from "../src/index.js";

engine.env.wasm.numThreads = 1;
engine.env.wasm.wasmPaths = new URL("./", import.meta.url).href;
const loading = Compressor.load(new URL("./model.onnx", import.meta.url), { engine: engine as unknown as Engine });
loading.then(
  async (compressor) => {
    const { name, inputDim } = compressor;
    await compressor.compress(new Float32Array(inputDim).fill(1)); // a first vector, so that ready means ready
    postMessage({ kind: "ready", name, width: inputDim });
  },
  (error) => postMessage({ kind: "error", message: String(error.message ?? error) }),
);

onmessage = async (event: MessageEvent<Float32Array>) => {
  try {
    const compressor = await loading;
    const start = performance.now();
    const embeddings = await compressor.compress(event.data, (rows) => postMessage({ kind: "progress", rows }));
    postMessage({ kind: "done", embeddings, seconds: (performance.now() - start) / 1000 });
  } catch (error) {
    postMessage({ kind: "error", message: error instanceof Error ? error.message : String(error) });
  }
};
