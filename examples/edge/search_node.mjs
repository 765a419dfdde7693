// The same search in Node: codes in a SQLite file, read by sql.js (SQLite as WebAssembly, no native build).
//
//     npm install ../../js onnxruntime-node sql.js
//     node search_node.mjs build MODEL.onnx vectors.npy documents.sqlite
//     node search_node.mjs ask MODEL.onnx queries.npy documents.sqlite
//
// MODEL.onnx is the file that Python uses, unchanged. For some ten thousands of rows a scan takes milliseconds.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { Compressor, cosineTopK, readNpy } from "linguagen";
import initSqlJs from "sql.js";

const [what, model, vectors, path] = process.argv.slice(2);
const sqlite = await initSqlJs();
const compressor = await Compressor.load(model);
const file = readFileSync(vectors);
const rows = readNpy(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength), vectors);
const codec = compressor.codec("int8");
const codes = codec.encode(await compressor.compress(rows.data));

/** Codes as numbers of length 1: cosines of codes are those of the embeddings. */
function unit(code) {
  const row = Float32Array.from(code);
  const length = Math.hypot(...row);
  return row.map((value) => value / length);
}

if (what === "build") {
  const database = new sqlite.Database();
  database.run("create table documents (id integer primary key, code blob)");
  database.run("begin");
  const insert = database.prepare("insert into documents values (?, ?)");
  for (let row = 0; row < rows.rows; row++) {
    const code = codes.subarray(row * codec.dim, (row + 1) * codec.dim);
    insert.run([row, new Uint8Array(code.buffer, code.byteOffset, code.length)]);
  }
  insert.free();
  database.run("commit");
  writeFileSync(path, database.export());
  console.log(`${rows.rows} rows, ${(statSync(path).size / 1e6).toFixed(1)} MB`);
} else {
  const database = new sqlite.Database(readFileSync(path));
  const stored = database.exec("select code from documents order by id")[0].values;
  const documents = new Float32Array(stored.length * codec.dim);
  stored.forEach(([code], row) => documents.set(unit(new Int8Array(code.buffer, code.byteOffset, code.length)), row * codec.dim));
  for (let row = 0; row < rows.rows; row++) {
    const query = unit(codes.subarray(row * codec.dim, (row + 1) * codec.dim));
    console.log(cosineTopK(query, documents, 10).map((hit) => hit.row).join(" "));
  }
}
