// The package: types by tsc, one ES module by esbuild, the engines left to whoever installs them.
// node build.mjs [FOLDER]: into dist, made anew, or into a folder of one's own, where nothing is removed.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { build } from "esbuild";

const [folder = "dist"] = process.argv.slice(2);
if (folder === "dist") rmSync(folder, { recursive: true, force: true });
execFileSync("npx", ["tsc", "--emitDeclarationOnly", "--outDir", folder], { stdio: "inherit" });
await build({
  entryPoints: ["src/index.ts"],
  outfile: `${folder}/index.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  loader: { ".wasm": "binary" },
  external: ["onnxruntime-node", "onnxruntime-web", "node:*"],
  logLevel: "warning",
});
