// The package: types by tsc, one ES module by esbuild, the engines left to whoever installs them.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
execFileSync("npx", ["tsc", "--emitDeclarationOnly"], { stdio: "inherit" });
await build({
  entryPoints: ["src/index.ts"],
  outfile: "dist/index.js",
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  external: ["onnxruntime-node", "onnxruntime-web", "node:*"],
  logLevel: "warning",
});
