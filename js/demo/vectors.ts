/** The part of the page for vectors: pick a file, compress it, show what came out. */
import { type CodeIndex, Compressor, readNpy, type Rows, VectorError, writeNpy } from "../src/index.js";
import { count, element, made, pause, report } from "./elements.js";
import { showFidelity, unit } from "./fidelity.js";
import { startNeighbours } from "./neighbours.js";

/** Rows that are compressed before the page draws again. */
const SLICE = 512;
const LEAST_ROWS = 12;

/** Vectors and what became of them. */
export interface Compressed {
  /** (rows x width), each of length 1. */
  before: Rows;
  /** Embeddings (rows x dim). */
  after: Float32Array;
  /** Numbers in an embedding. */
  dim: number;
  /** int8 codes of the embeddings. */
  index: CodeIndex;
}

const status = element("status");
const progress = element<HTMLProgressElement>("progress");
const error = element("error");

/** Load the model, and take files. */
export async function startVectors(): Promise<void> {
  try {
    const compressor = await Compressor.load(new URL("./model.lgt", import.meta.url));
    await compressor.compress(new Float32Array(compressor.inputDim).fill(1)); // a first vector, so that ready means ready
    document.documentElement.dataset["ready"] = String(Math.round(performance.now()));
    status.textContent = `The model ${compressor.name} is loaded.`;
    let work = Promise.resolve();
    takeFiles((load) => (work = work.then(() => open(compressor, load)))); // one after another
  } catch (problem) {
    status.textContent = "The model is not loaded.";
    report(error, problem);
  }
}

type Load = () => Promise<{ data: ArrayBuffer; name: string }>;

/** Call for each file that is chosen or dropped, and for the sample. */
function takeFiles(take: (load: Load) => unknown): void {
  const takeFile = (file: File | undefined) => {
    if (file) take(async () => ({ data: await file.arrayBuffer(), name: file.name }));
  };
  const drop = element("drop");
  element<HTMLInputElement>("file").onchange = (event) => takeFile((event.target as HTMLInputElement).files?.[0]);
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    takeFile(event.dataTransfer?.files[0]);
  };
  element("sample").onclick = () => {
    take(async () => {
      const response = await fetch(new URL("./sample.npy", import.meta.url));
      return { data: await response.arrayBuffer(), name: "sample.npy" };
    });
  };
}

async function open(compressor: Compressor, load: Load): Promise<void> {
  report(error, null);
  element("results").hidden = true;
  try {
    const { data, name } = await load();
    const rows = readNpy(data, name);
    checkRows(rows, name, compressor);
    progress.hidden = false;
    const start = performance.now();
    const after = await compressed(compressor, rows);
    const seconds = (performance.now() - start) / 1000;
    const codec = compressor.codec("int8");
    const index = await codec.index(codec.encode(after));
    show({ before: unit(rows), after, dim: compressor.outputDim, index }, seconds, name.replace(/\.npy$/i, ""));
  } catch (problem) {
    status.textContent = "";
    report(error, problem);
  } finally {
    progress.hidden = true;
  }
}

function checkRows(rows: Rows, name: string, { inputDim }: Compressor): void {
  if (rows.width !== inputDim) {
    throw new VectorError(
      `${name}: vectors of width ${rows.width}, but the model takes width ${inputDim}; ` +
        "use the model of the teacher that made these vectors",
    );
  }
  if (rows.rows < LEAST_ROWS) {
    throw new VectorError(
      `${name}: ${rows.rows} vectors are too few for recall@10: at least ${LEAST_ROWS} are needed; give more vectors`,
    );
  }
}

/** Embeddings of rows, slice by slice. */
async function compressed(compressor: Compressor, { data, rows, width }: Rows): Promise<Float32Array> {
  const { outputDim } = compressor;
  const embeddings = new Float32Array(rows * outputDim);
  for (let row = 0; row < rows; row += SLICE) {
    progress.value = row / rows;
    status.textContent = `${count(row)} of ${count(rows)} rows`;
    await pause();
    embeddings.set(await compressor.compress(data.subarray(row * width, (row + SLICE) * width)), row * outputDim);
  }
  return embeddings;
}

function show(compressed: Compressed, seconds: number, name: string): void {
  const { before, after, dim } = compressed;
  const size = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  status.textContent = "Done.";
  showFacts({
    rows: count(before.rows),
    speed: `${count(Math.round(before.rows / seconds))} rows a second`,
    before: `${size(before.data.byteLength)}, ${before.width} numbers a row`,
    after: `${size(after.byteLength)}, ${dim} numbers a row`,
    codes: `${size(before.rows * dim)}, ${dim} bytes a row`,
  });
  offer(writeNpy(after, dim), `${name}.${dim}.npy`);
  startNeighbours(compressed);
  showFidelity(compressed);
  element("results").hidden = false;
  element("results").focus();
}

function showFacts(facts: Record<string, string>): void {
  const items = Object.entries(facts).flatMap(([name, value]) => [made("dt", name), made("dd", value)]);
  element("facts").replaceChildren(...items);
}

/** Let the visitor save a file. */
function offer(file: Uint8Array, name: string): void {
  const link = element<HTMLAnchorElement>("download");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([file as BlobPart], { type: "application/octet-stream" }));
  link.download = name;
}
