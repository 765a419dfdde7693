/** More like this: the rows nearest to a row, among the vectors and among their codes. */
import { cosineTopK, type Hit } from "../src/index.js";
import { element, made, timed } from "./elements.js";
import type { Compressed } from "./vectors.js";

const NEIGHBOURS = 10;

/** Show the neighbours of the row that the visitor names, and of any that is chosen among them. */
export function startNeighbours(compressed: Compressed): void {
  const field = element<HTMLInputElement>("row");
  const last = compressed.before.rows - 1;
  const show = (row: number) => {
    field.value = String(row);
    showNeighbours(compressed, row, show);
  };
  field.max = String(last);
  field.oninput = () => {
    const row = Number(field.value);
    if (field.value !== "" && Number.isInteger(row) && row >= 0 && row <= last) show(row);
  };
  show(Math.min(last, Math.max(0, Math.floor(Number(field.value)) || 0)));
}

function showNeighbours({ before, after, dim, index }: Compressed, row: number, choose: (row: number) => void): void {
  const query = before.data.subarray(row * before.width, (row + 1) * before.width);
  const [exact, slow] = timed(() => cosineTopK(query, before.data, NEIGHBOURS, row));
  const [nearest, quick] = timed(() => index.search(after.subarray(row * dim, (row + 1) * dim), NEIGHBOURS + 1));
  const found = nearest.filter((hit) => hit.row !== row).slice(0, NEIGHBOURS);
  const same = list("after", found, exact, choose);
  list("before", exact, found, choose);
  element("searched").textContent = `Row ${row}: ${same} of ${exact.length} are the same. Codes take ${quick}, vectors ${slow}.`;
}

/** List hits; those that the other list lacks are marked. Returns how many both have. */
function list(id: string, hits: Hit[], others: Hit[], choose: (row: number) => void): number {
  const kept = new Set(others.map((hit) => hit.row));
  const items = hits.map(({ row, cosine }) => {
    const item = document.createElement("li");
    const button = made("button", `row ${row}`);
    button.type = "button";
    button.className = "like";
    button.onclick = () => {
      choose(row);
      element("row").focus();
    };
    item.append(button, ` ${cosine.toFixed(3)}${kept.has(row) ? "" : " (only here)"}`);
    if (!kept.has(row)) item.className = "lost";
    return item;
  });
  element(id).replaceChildren(...items);
  return hits.filter((hit) => kept.has(hit.row)).length;
}
