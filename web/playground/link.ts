/** Links that carry a program: deflated, in the part of the address that no server sees. */

const prefix = "#code=";
/** Longer ones do not come from here. */
const mostBytes = 500_000;

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: GenericTransformStream,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

/** The part of an address that carries a program. */
export async function toHash(code: string): Promise<string> {
  const bytes = await through(new TextEncoder().encode(code), new CompressionStream("deflate-raw"));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return prefix + text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The program that an address carries; null where it carries none. Throws where it carries something else. */
export async function fromHash(hash: string): Promise<string | null> {
  if (!hash.startsWith(prefix)) return null;
  const text = hash.slice(prefix.length).replaceAll("-", "+").replaceAll("_", "/");
  if (text.length > mostBytes) throw new Error("the program in this link is too long");
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    bytes = await through(packed, new DecompressionStream("deflate-raw"));
  } catch {
    throw new Error("the program in this link is damaged");
  }
  if (bytes.length > mostBytes) throw new Error("the program in this link is too long");
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
