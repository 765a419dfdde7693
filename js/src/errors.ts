/** Every error that this package throws on purpose; the names and words are those of the Python runtime. */
export class LinguaGenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The call cannot mean anything. */
export class UsageError extends LinguaGenError {}

/** The vectors cannot be used as they are: shape, or values. */
export class VectorError extends LinguaGenError {}

/** A text cannot be embedded: it is empty, or no text. */
export class TextError extends LinguaGenError {}

/** The model file is cut, edited, of another format version, or not a LinguaGEN model. */
export class ModelFileError extends LinguaGenError {}

/** The device or engine asked for is not there. */
export class DeviceError extends LinguaGenError {}

/** The first line of what was thrown. */
export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0]!.slice(0, 200);
}
