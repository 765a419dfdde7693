// The page's parts: page, worker, engine, model and a sample. Nothing is fetched when it runs.
// node demo/build.mjs [FOLDER]: into docs/demo/built, made anew, or into a folder of one's own, where nothing is removed.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { drawSample } from "./sample.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const served = here("../../docs/demo/built");
const [built = served] = process.argv.slice(2);
if (built === served) rmSync(built, { recursive: true, force: true });
mkdirSync(built, { recursive: true });
await build({
  entryPoints: { page: here("page.ts"), worker: here("worker.ts") },
  outdir: built,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".wasm": "binary" },
  external: ["node:*", "onnxruntime-node", "onnxruntime-web"],
  alias: { "onnxruntime-web/wasm": here("../node_modules/onnxruntime-web/dist/ort.wasm.min.mjs") },
  logLevel: "warning",
});
for (const name of ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]) {
  copyFileSync(here(`../node_modules/onnxruntime-web/dist/${name}`), `${built}/${name}`);
}
copyFileSync(here("../../models/shipped/text-embedding-3-small.onnx"), `${built}/model.onnx`);
writeFileSync(`${built}/sample.npy`, drawSample(here("../../models/shipped/text-embedding-3-small.onnx"), 600));
