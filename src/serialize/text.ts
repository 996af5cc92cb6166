/** Python's strings as bytes: UTF-8 in which also lone surrogates have a form ("surrogatepass"). */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The string as bytes; unlike TextEncoder it replaces nothing. */
export function encodeText(text: string): Uint8Array {
  if (text.search(loneSurrogate) < 0) return encoder.encode(text);
  const parts: number[] = [];
  let from = 0;
  for (const match of text.matchAll(loneSurrogate)) {
    const code = match[0].charCodeAt(0);
    for (const byte of encoder.encode(text.slice(from, match.index))) parts.push(byte);
    parts.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    from = match.index + 1;
  }
  for (const byte of encoder.encode(text.slice(from))) parts.push(byte);
  return Uint8Array.from(parts);
}

/** The string that these bytes are; null where they are none. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes);
  }
}

/** Cuts the bytes at encoded surrogates (ED A0..BF xx), which the decoder refuses. */
function decodeWithSurrogates(bytes: Uint8Array): string | null {
  let text = "";
  let from = 0;
  try {
    for (let i = 0; i + 2 < bytes.length; i++) {
      const [a, b, c] = [bytes[i]!, bytes[i + 1]!, bytes[i + 2]!];
      if (a !== 0xed || b < 0xa0 || b > 0xbf || (c & 0xc0) !== 0x80) continue;
      text += decoder.decode(bytes.subarray(from, i));
      text += String.fromCharCode(0xd000 | ((b & 63) << 6) | (c & 63));
      from = i + 3;
      i += 2;
    }
    return text + decoder.decode(bytes.subarray(from));
  } catch {
    return null;
  }
}
