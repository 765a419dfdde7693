/** What compression kept, compared with the first numbers of each row. */
import { recallAtK, type Rows } from "../src/index.js";
import { element, made } from "./elements.js";
import type { Compressed } from "./vectors.js";

const ASKED_ROWS = 200;
const PAIRS = 1500;

interface Method {
  name: string;
  /** Embeddings (rows x dim). */
  rows: Float32Array;
  /** Cosines of the pairs. */
  cosines: number[];
}

/** The rows at length 1. */
export function unit(rows: Rows): Rows {
  const data = rows.data.slice();
  for (let start = 0; start < data.length; start += rows.width) {
    const row = data.subarray(start, start + rows.width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let place = 0; place < row.length; place++) row[place]! /= length;
  }
  return { ...rows, data };
}

/** Fill the table and draw the cosines of pairs. */
export function showFidelity({ before, after, dim }: Compressed): void {
  const pairs = pairsOf(before.rows);
  const exact = cosinesOf(before.data, before.width, pairs);
  const methods = Object.entries({ LinguaGEN: after, truncation: truncated(before, dim) }).map(([name, rows]) => ({
    name,
    rows,
    cosines: cosinesOf(rows, dim, pairs),
  }));
  element("fidelity").replaceChildren(...methods.map((method) => tableRow(before, exact, method)));
  const draw = () => scatter(exact, methods);
  matchMedia("(prefers-color-scheme: dark)").onchange = draw;
  draw();
}

function tableRow(before: Rows, exact: number[], { name, rows, cosines }: Method): HTMLElement {
  const step = Math.max(1, Math.floor(before.rows / ASKED_ROWS));
  const asked = Array.from({ length: Math.min(before.rows, ASKED_ROWS) }, (_, place) => place * step);
  const recall = recallAtK(before.data, rows, before.rows, asked);
  const change = cosines.reduce((sum, value, place) => sum + Math.abs(value - exact[place]!), 0) / PAIRS;
  const line = document.createElement("tr");
  const head = made("th", name);
  head.scope = "row";
  line.append(head, made("td", recall.toFixed(3)), made("td", change.toFixed(3)));
  return line;
}

/** Pairs of different rows, the same every time. */
function pairsOf(rows: number): (readonly [number, number])[] {
  return Array.from({ length: PAIRS }, (_, place) => {
    const first = (place * 7919) % rows;
    return [first, (first + 1 + ((place * 104729) % (rows - 1))) % rows] as const;
  });
}

function cosinesOf(rows: Float32Array, width: number, pairs: (readonly [number, number])[]): number[] {
  return pairs.map(([a, b]) => {
    let product = 0;
    for (let place = 0; place < width; place++) product += rows[a * width + place]! * rows[b * width + place]!;
    return product;
  });
}

/** The first numbers of each row, at length 1. */
function truncated(rows: Rows, dim: number): Float32Array {
  const cut = new Float32Array(rows.rows * dim);
  for (let row = 0; row < rows.rows; row++) cut.set(rows.data.subarray(row * rows.width, row * rows.width + dim), row * dim);
  return unit({ data: cut, rows: rows.rows, width: dim }).data;
}

function scatter(exact: number[], methods: Method[]): void {
  const canvas = element<HTMLCanvasElement>("scatter");
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(document.documentElement);
  const all = [...exact, ...methods.flatMap((method) => method.cosines)];
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
    methods[methods.length - 1 - order]!.cosines.forEach((value, pair) => {
      context.fillRect(place(exact[pair]!) - 2, canvas.height - place(value) - 2, 4, 4);
    });
  });
}
