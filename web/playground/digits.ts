/** MNIST digits for programs that ask: a script beside the page has them, since pages opened from disk cannot fetch. */
import type { Digits } from "../worker/messages.ts";

/** What the script sets: the digits, deflated, in base64. */
interface Packed {
  readonly images: string;
  readonly labels: string;
  readonly training: number;
}

declare global {
  var cressetDigits: Packed | undefined;
}

async function unpack(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function loadScript(): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "digits.js";
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error("digits.js, which holds the digits, cannot be loaded")));
    document.head.append(script);
  });
}

/** The digits, loaded when they are first asked for. */
export async function digits(): Promise<Digits> {
  if (globalThis.cressetDigits === undefined) await loadScript();
  const { images, labels, training } = globalThis.cressetDigits!;
  return { images: await unpack(images), labels: await unpack(labels), training };
}
