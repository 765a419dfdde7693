/** The part of the page for texts: those that are pasted are searched by meaning. */
import { cosineTopK, type Hit, TextError, TextModel } from "../src/index.js";
import { count, element, made, pause, report, timed } from "./elements.js";

const MOST_FOUND = 10;
/** Texts that are embedded before the page draws again. */
const SLICE = 64;

const status = element("text-status");
const error = element("text-error");

/** The texts of the last search and their embeddings (texts x outputDim). */
interface Embedded {
  pasted: string;
  texts: string[];
  rows: Float32Array;
}

/** Search when the visitor asks; the model is loaded with the first search. */
export function startTexts(): void {
  const button = element<HTMLButtonElement>("search");
  let loading: Promise<TextModel> | null = null;
  let embedded: Embedded | null = null;
  element("ask").onsubmit = async (event) => {
    event.preventDefault();
    report(error, null);
    button.disabled = true;
    try {
      if (!loading) status.textContent = "The text model is being loaded.";
      loading ??= TextModel.load(new URL("./text.lgt", import.meta.url));
      embedded = await search(await loading, embedded);
    } catch (problem) {
      status.textContent = "";
      element("found").replaceChildren();
      report(error, problem);
      await loading?.catch(() => (loading = null));
    } finally {
      button.disabled = false;
    }
  };
}

/** Embed the texts unless they are those of the search before, and show what is near to the query. */
async function search(model: TextModel, before: Embedded | null): Promise<Embedded> {
  const pasted = element<HTMLTextAreaElement>("lines").value;
  const query = element<HTMLInputElement>("query").value.trim();
  const embedded = before?.pasted === pasted ? before : await embed(model, pasted);
  if (query === "") throw new TextError("there is nothing to search for; type a few words");
  const [hits, passed] = timed(() => cosineTopK(model.embed(query), embedded.rows, MOST_FOUND));
  status.textContent = `${hits.length} of ${count(embedded.texts.length)} texts, in ${passed}.`;
  element("found").replaceChildren(...hits.map((hit) => item(hit, embedded.texts)));
  return embedded;
}

async function embed(model: TextModel, pasted: string): Promise<Embedded> {
  const texts = pasted.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (texts.length === 0) throw new TextError("there are no texts; paste some, one per line");
  const rows = new Float32Array(texts.length * model.outputDim);
  for (let first = 0; first < texts.length; first += SLICE) {
    status.textContent = `${count(first)} of ${count(texts.length)} texts are read.`;
    await pause();
    rows.set(model.embed(texts.slice(first, first + SLICE)), first * model.outputDim);
  }
  return { pasted, texts, rows };
}

function item({ row, cosine }: Hit, texts: string[]): HTMLElement {
  const found = document.createElement("li");
  found.append(made("span", cosine.toFixed(3)), ` ${texts[row]!}`);
  return found;
}
