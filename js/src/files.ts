/** The bytes of a model, from wherever it lies. */
import { firstLine, ModelFileError } from "./errors.js";

/** Where a model comes from: a URL, a path (in Node), or its bytes. */
export type Origin = string | URL | Uint8Array;

/** How messages name an origin. */
export function nameOf(origin: Origin): string {
  return origin instanceof Uint8Array ? "model" : String(origin);
}

/**
 * All bytes of a model.
 *
 * @throws ModelFileError it cannot be read
 */
export async function readBytes(origin: Origin): Promise<Uint8Array> {
  if (origin instanceof Uint8Array) return origin;
  const text = String(origin);
  const local = typeof process !== "undefined" && process.versions?.node && !/^https?:/.test(text);
  try {
    if (local) {
      const { readFile } = await import("node:fs/promises");
      return new Uint8Array(await readFile(origin instanceof URL || text.startsWith("file:") ? new URL(text) : text));
    }
    const response = await fetch(origin);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new ModelFileError(`${text}: cannot be read (${firstLine(error)}); give the address of a model file`);
  }
}
