// The C library as WebAssembly: node wasm/build.mjs writes src/linguagen.wasm, which is kept in the repository so that
// building the package needs no C compiler. It needs clang, lld and wasi-libc: run it again when a file in ../c changes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const C = here("../../c/");
const inLibrary = (name) => /\.[ch]$/.test(name) && !/^(example|python)/.test(name);
const files = [here("exports.c"), ...readdirSync(C).filter(inLibrary).sort().map((name) => C + name)];
const EXPORTS = [
  "lg_status_text",
  ...["lg_open", "lg_encode_scratch", "lg_encode"],
  ...["lg_codec_open", "lg_codec_make", "lg_codes_scratch", "lg_codes_encode", "lg_codes_decode", "lg_codes_lengths"],
  ...["lg_search_scratch", "lg_search"],
  ...["lg_trellis_table_floats", "lg_trellis_make", "lg_trellis_scratch", "lg_trellis_encode", "lg_trellis_decode"],
  ...["lg_trellis_search_scratch", "lg_trellis_search"],
  ...["lg_text_open", "lg_most_tokens", "lg_tokenize_scratch", "lg_tokenize", "lg_embed_scratch", "lg_embed"],
];

/** The sha256 of the sources, by which a test tells whether src/linguagen.wasm was built from them. */
export function sourceHash() {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}

function build() {
  const target = here("../src/linguagen.wasm");
  execFileSync("clang", [
    ...["--target=wasm32-wasi", "-mexec-model=reactor", "-nostartfiles", "-std=c11"],
    ...["-Oz", "-flto", "-ffp-contract=off"],
    // Every engine that has SIMD has these, too.
    ...["-msimd128", "-mbulk-memory", "-mnontrapping-fptoint", "-msign-ext"],
    ...[`-I${C}`, ...files.filter((name) => name.endsWith(".c")), "-lm", "-o", target],
    ...["--no-entry", "--strip-all", "--stack-first", "--export=__heap_base"].map((word) => `-Wl,${word}`),
    ...EXPORTS.map((name) => `-Wl,--export=${name}`),
  ]);
  writeFileSync(here("sources.sha256"), `${sourceHash()}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
