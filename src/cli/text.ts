/** Numbers, sizes and values as people read them. */

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** `31.4 kB`; thousands, as disks count. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1,234,567` */
export const countText = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/** `1 tensor`, `2 tensors` */
export const plural = (count: number, noun: string): string => `${countText(count)} ${noun}${count === 1 ? "" : "s"}`;

/** `[3, 4]` */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** Four digits of a number. */
export function numberText(x: number): string {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  return Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5 ? String(Number(x.toPrecision(4))) : x.toExponential(2);
}

/** At most `length` characters. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;

/** Text that a terminal shows as text, whatever a file put into it. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });

/** Rows whose columns begin at the same places. */
export function aligned(rows: readonly (readonly string[])[], widthOf: (text: string) => number): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  }
  return rows.map((row) => {
    const last = row.findLastIndex((cell) => widthOf(cell) > 0);
    const cells = row.slice(0, last + 1);
    return cells.map((cell, i) => (i === last ? cell : cell + " ".repeat(widths[i]! - widthOf(cell)))).join("  ");
  });
}

/** Characters that a terminal shows, without colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
export const widthOf = (text: string): number => [...text.replace(/\u001b\[\d*m/g, "")].length;
