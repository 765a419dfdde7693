// node test/speed.mjs ENGINE THREADS ROWS.bin ROUNDS: rows a second, and seconds from process start to the first vector.
import { readFileSync } from "node:fs";
import { Compressor } from "../dist/index.js";
import { engines, modelPath } from "./data.mjs";

const [name, threads, path, rounds] = process.argv.slice(2);
const engine = await engines[name]();
const session = name === "onnxruntime-node" ? { intraOpNumThreads: Number(threads), interOpNumThreads: 1 } : {};
const compressor = await Compressor.load(modelPath("text-embedding-3-small"), { engine, session });
const file = readFileSync(path);
const rows = new Float32Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
await compressor.compress(rows.slice(0, 1536));
const first = process.uptime();
const times = [];
for (let round = 0; round < Number(rounds); round++) {
  const start = performance.now();
  await compressor.compress(rows);
  times.push((performance.now() - start) / 1000);
}
console.log(JSON.stringify({ rows_per_second: rows.length / 1536 / Math.min(...times), first_seconds: first }));
