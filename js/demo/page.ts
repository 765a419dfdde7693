/** The page: pick vectors, compress them in a worker, show what became of them. */
import { cosineTopK, readNpy, recallAtK, type Rows, VectorError, writeNpy } from "../src/index.js";

const DIM = 256;
const NEIGHBOURS = 10;
const ASKED_ROWS = 200;
const PAIRS = 1500;
function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const status = element("status");
const progress = element<HTMLProgressElement>("progress");
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
let width = 1536;
let ready = false;
let given: Rows | null = null;
let fileName = "vectors";
let done = 0;

worker.onmessage = (event) => {
  const message = event.data;
  if (message.kind === "ready") {
    ready = true;
    width = message.width;
    document.documentElement.dataset["ready"] = String(Math.round(performance.now()));
    status.textContent = `The model ${message.name} is loaded.`;
  } else if (message.kind === "progress") {
    done += message.rows;
    progress.value = done / given!.rows;
    status.textContent = `${done.toLocaleString("en")} of ${given!.rows.toLocaleString("en")} rows`;
  } else if (message.kind === "done") show(given!, message.embeddings, message.seconds);
  else fail(message.message);
};
worker.onerror = (event) => fail(`the worker stopped: ${event.message}`);

function fail(message: string): void {
  progress.hidden = true;
  status.textContent = ready ? "" : "The model is not loaded.";
  element("error").hidden = false;
  element("error").textContent = message;
}

function compress(rows: Rows, name: string): void {
  if (rows.width !== width) {
    throw new VectorError(
      `${name}: vectors of width ${rows.width}, but the model takes width ${width}; ` +
        "use the model of the teacher that made these vectors",
    );
  }
  if (rows.rows < NEIGHBOURS + 2) {
    throw new VectorError(`${name}: ${rows.rows} vectors are too few for recall@10: at least 12 are needed; give more vectors`);
  }
  given = { ...rows, data: unit(rows.data, rows.width) };
  fileName = name.replace(/\.npy$/i, "");
  done = 0;
  progress.hidden = false;
  progress.value = 0;
  element("results").hidden = true;
  worker.postMessage(rows.data);
}

/** Rows at length 1, for measuring; the worker refuses those that have no direction. */
function unit(data: Float32Array, wide: number): Float32Array {
  const scaled = data.slice();
  for (let start = 0; start < scaled.length; start += wide) {
    const row = scaled.subarray(start, start + wide);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let place = 0; place < wide; place++) row[place]! /= length;
  }
  return scaled;
}

async function open(load: () => Promise<{ rows: Rows; name: string }>): Promise<void> {
  element("error").hidden = true;
  try {
    const { rows, name } = await load();
    compress(rows, name);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

function openFile(file: File): void {
  void open(async () => ({ rows: readNpy(await file.arrayBuffer(), file.name), name: file.name }));
}

element<HTMLInputElement>("file").onchange = (event) => {
  const file = (event.target as HTMLInputElement).files?.[0];
  if (file) openFile(file);
};
const drop = element("drop");
drop.ondragover = (event) => {
  event.preventDefault();
  drop.classList.add("over");
};
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const file = event.dataTransfer?.files[0];
  if (file) openFile(file);
};
element("sample").onclick = () => {
  void open(async () => {
    const response = await fetch(new URL("./sample.npy", import.meta.url));
    return { rows: readNpy(await response.arrayBuffer(), "sample.npy"), name: "sample.npy" };
  });
};

function show(before: Rows, after: Float32Array, seconds: number): void {
  progress.hidden = true;
  status.textContent = "Done.";
  const cut = unit(truncated(before), DIM);
  const size = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  facts({
    rows: before.rows.toLocaleString("en"),
    speed: `${Math.round(before.rows / seconds).toLocaleString("en")} rows a second`,
    before: `${size(before.data.byteLength)}, ${before.width} numbers a row`,
    after: `${size(after.byteLength)}, ${DIM} numbers a row`,
  });
  const file = writeNpy(after, DIM);
  const link = element<HTMLAnchorElement>("download");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([file as BlobPart], { type: "application/octet-stream" }));
  link.download = `${fileName}.${DIM}.npy`;
  fidelity(before, { LinguaGEN: after, truncation: cut });
  const row = element<HTMLInputElement>("row");
  row.max = String(before.rows - 1);
  row.oninput = () => neighbours(before, after, Math.min(before.rows - 1, Math.max(0, Math.floor(Number(row.value) || 0))));
  neighbours(before, after, Math.min(before.rows - 1, Number(row.value)));
  element("results").hidden = false;
  element("results").focus();
}

function truncated(rows: Rows): Float32Array {
  const cut = new Float32Array(rows.rows * DIM);
  for (let row = 0; row < rows.rows; row++) cut.set(rows.data.subarray(row * rows.width, row * rows.width + DIM), row * DIM);
  return cut;
}

function facts(pairs: Record<string, string>): void {
  element("facts").replaceChildren(
    ...Object.entries(pairs).flatMap(([name, value]) => [text("dt", name), text("dd", value)]),
  );
}

function text(tag: string, content: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = content;
  return made;
}

function cosine(rows: Float32Array, wide: number, a: number, b: number): number {
  let product = 0;
  for (let place = 0; place < wide; place++) product += rows[a * wide + place]! * rows[b * wide + place]!;
  return product;
}

function fidelity(before: Rows, methods: Record<string, Float32Array>): void {
  const step = Math.max(1, Math.floor(before.rows / ASKED_ROWS));
  const asked = Array.from({ length: Math.min(before.rows, ASKED_ROWS) }, (_, place) => place * step);
  const pairs = Array.from({ length: PAIRS }, (_, place) => {
    const first = (place * 7919) % before.rows;
    return [first, (first + 1 + ((place * 104729) % (before.rows - 1))) % before.rows] as const;
  });
  const wanted = pairs.map(([a, b]) => cosine(before.data, before.width, a, b));
  const found = Object.entries(methods).map(([name, rows]) => {
    const cosines = pairs.map(([a, b]) => cosine(rows, DIM, a, b));
    const change = cosines.reduce((sum, value, place) => sum + Math.abs(value - wanted[place]!), 0) / PAIRS;
    return { name, cosines, change, recall: recallAtK(before.data, rows, before.rows, asked) };
  });
  element("fidelity").replaceChildren(
    ...found.map((method) => {
      const line = document.createElement("tr");
      const head = text("th", method.name);
      head.setAttribute("scope", "row");
      line.append(head, text("td", method.recall.toFixed(3)), text("td", method.change.toFixed(3)));
      return line;
    }),
  );
  const draw = () => scatter(wanted, found.map((method) => method.cosines));
  matchMedia("(prefers-color-scheme: dark)").onchange = draw;
  draw();
}

function scatter(across: number[], up: number[][]): void {
  const canvas = element<HTMLCanvasElement>("scatter");
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(document.documentElement);
  const all = [...across, ...up.flat()];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const place = (value: number) => 30 + ((value - low) / (high - low || 1)) * (canvas.width - 60);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = style.getPropertyValue("--line");
  context.beginPath();
  context.moveTo(place(low), canvas.height - place(low));
  context.lineTo(place(high), canvas.height - place(high));
  context.stroke();
  ["--other", "--accent"].forEach((colour, order) => {
    context.fillStyle = style.getPropertyValue(colour);
    up[up.length - 1 - order]!.forEach((value, pair) => {
      context.fillRect(place(across[pair]!) - 2, canvas.height - place(value) - 2, 4, 4);
    });
  });
}

function neighbours(before: Rows, after: Float32Array, row: number): void {
  const query = (rows: Float32Array, wide: number) => rows.subarray(row * wide, (row + 1) * wide);
  const exact = cosineTopK(query(before.data, before.width), before.data, NEIGHBOURS, row);
  const found = cosineTopK(query(after, DIM), after, NEIGHBOURS, row);
  const list = (id: string, hits: typeof exact, others: typeof exact) => {
    const kept = new Set(others.map((hit) => hit.row));
    element(id).replaceChildren(
      ...hits.map((hit) => {
        const item = text("li", `row ${hit.row}: ${hit.cosine.toFixed(3)}${kept.has(hit.row) ? "" : " (only here)"}`);
        if (!kept.has(hit.row)) item.className = "lost";
        return item;
      }),
    );
  };
  list("before", exact, found);
  list("after", found, exact);
}
