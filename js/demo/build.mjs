// The scripts of the page and its sample. The models next to them are tables: see page in the Makefile.
// node demo/build.mjs [FOLDER]: into docs/demo/built, made anew, or into a folder of one's own, where nothing is removed.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { drawSample } from "./sample.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const served = here("../../docs/demo/built");
const [built = served] = process.argv.slice(2);
if (built === served) rmSync(built, { recursive: true, force: true });
mkdirSync(built, { recursive: true });
await build({
  entryPoints: { page: here("page.ts") },
  outdir: built,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".wasm": "binary" },
  external: ["node:*", "onnxruntime-node", "onnxruntime-web"],
  logLevel: "warning",
});
writeFileSync(`${built}/sample.npy`, drawSample(here("../../models/shipped/text-embedding-3-small.onnx"), 300));
