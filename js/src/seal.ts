/** The hash that a model file carries of itself, by which a change of any of its bytes is noticed. */

const LENGTH = 64;

/**
 * The sha256, in hexadecimal, of a model file with zeros in the place of the hash that its manifest records, or "another"
 * where the file does not hold that hash.
 */
export async function fileHash(file: Uint8Array, recorded: string): Promise<string> {
  const field = new TextEncoder().encode(`"file_sha256": "${recorded}"`);
  const found = recorded.length === LENGTH ? find(file, field) : -1;
  if (found < 0) return "another";
  const copy = file.slice();
  const end = found + field.length - 1; // the closing quotation mark
  copy.fill("0".charCodeAt(0), end - LENGTH, end);
  const digest = await crypto.subtle.digest("SHA-256", copy);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Where some bytes first stand in others; -1 if they do not. */
function find(bytes: Uint8Array, sought: Uint8Array): number {
  for (let place = bytes.indexOf(sought[0]!); place >= 0; place = bytes.indexOf(sought[0]!, place + 1)) {
    if (sought.every((byte, offset) => bytes[place + offset] === byte)) return place;
  }
  return -1;
}
