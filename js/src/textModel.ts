/** The text model: strings in, embeddings out. What Python calls TextEncoder, a name that JavaScript has taken. */
import { ModelFileError, TextError } from "./errors.js";
import { nameOf, type Origin, readBytes } from "./files.js";
import { Library, STATUS } from "./library.js";
import { isTable, openTable } from "./table.js";

/** A text model, loaded. */
export class TextModel {
  /** The model's name. */
  readonly name: string;
  /** Numbers in an embedding. */
  readonly outputDim: number;

  private constructor(
    private readonly library: Library,
    private readonly model: number,
  ) {
    this.name = library.text(library.call("text_name", model));
    this.outputDim = library.call("text_output_dim", model);
  }

  /**
   * Load the table (.lgt) of a text model, which lg-export --format table wrote; its tokenizer is in it.
   *
   * @throws ModelFileError the file is damaged, or is no table of a text model
   */
  static async load(origin: Origin): Promise<TextModel> {
    const name = nameOf(origin);
    const data = await readBytes(origin);
    if (!isTable(data)) {
      throw new ModelFileError(`${name}: not a table; write one: lg-export MODEL --format table`);
    }
    const library = await Library.open();
    return new TextModel(library, openTable(library, "text", data, name));
  }

  /**
   * The tokens of a text of any length, those of the model's SentencePiece tokenizer; none if it holds only spaces.
   *
   * @throws TextError it is no string, or has half of a surrogate pair
   */
  tokenize(text: string): Uint32Array {
    checkText(text, 0);
    return this.library.borrow(() => {
      const { place, count } = this.tokens(text);
      return this.library.view(Uint32Array, place, count).slice();
    });
  }

  /**
   * Embed texts of any length and script; each by itself.
   *
   * @param texts one text, or several
   * @returns (texts x outputDim), row after row, each of length 1
   * @throws TextError a text is empty, or no string; the message has its number
   */
  embed(texts: string | readonly string[]): Float32Array {
    const list = typeof texts === "string" ? [texts] : texts;
    list.forEach(checkText);
    const embeddings = new Float32Array(list.length * this.outputDim);
    const empty = list.flatMap((text, number) => {
      const row = embeddings.subarray(number * this.outputDim, (number + 1) * this.outputDim);
      return this.embedOne(text, row) ? [] : [number];
    });
    if (empty.length > 0) {
      const first = empty[0]!;
      throw new TextError(
        `${empty.length} of ${list.length} texts are empty, the first is text ${first} ` +
          `(${JSON.stringify(list[first]!.slice(0, 40))}); leave them out`,
      );
    }
    return embeddings;
  }

  /** Write the embedding of a text; false if it has no token. */
  private embedOne(text: string, row: Float32Array): boolean {
    const { library, model } = this;
    return library.borrow(() => {
      const { place, count } = this.tokens(text);
      const output = library.take(4 * this.outputDim);
      const scratch = library.take(library.call("lg_embed_scratch", model, count));
      if (library.call("lg_embed", model, place, count, output, 0, scratch) === STATUS.emptyText) return false;
      row.set(library.view(Float32Array, output, this.outputDim));
      return true;
    });
  }

  /** Tokens of a text in borrowed memory. */
  private tokens(text: string): { place: number; count: number } {
    const { library, model } = this;
    const bytes = new TextEncoder().encode(text);
    const letters = library.put(bytes);
    const most = library.call("lg_most_tokens", model, letters, bytes.length);
    const place = library.take(4 * most);
    const scratch = library.take(library.call("lg_tokenize_scratch", most));
    const count = library.take(4);
    library.call("lg_tokenize", model, letters, bytes.length, place, count, scratch);
    return { place, count: library.view(Uint32Array, count, 1)[0]! };
  }
}

function checkText(text: unknown, number: number): void {
  if (typeof text !== "string") throw new TextError(`text ${number} is of type ${typeof text}, expected a string`);
  if (/\p{Surrogate}/u.test(text)) {
    throw new TextError(`text ${number} has half of a surrogate pair, which is no Unicode text; write it again`);
  }
}
