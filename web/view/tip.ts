/** What lies under the pointer: a byte, and the element of the tensor that has it. */
import type { MappedTensor } from "cresset/drawing";
import type { Row } from "./rows.ts";

/** The index of the element at a byte, where the tensor's dims nest and it reaches that byte; else null. */
export function indexAt({ shape, strides, itemsize, start }: MappedTensor, byte: number): number[] | null {
  let rest = Math.floor((byte - start) / itemsize);
  if (rest < 0 || shape.includes(0)) return null;
  const index = shape.map(() => 0);
  const dims = shape.map((_, d) => d).sort((a, b) => strides[b]! - strides[a]!);
  for (const d of dims) {
    if (strides[d] === 0 || shape[d] === 1) continue;
    index[d] = Math.min(Math.floor(rest / strides[d]!), shape[d]! - 1);
    rest -= index[d] * strides[d]!;
  }
  return rest === 0 ? index : null;
}

function textOf({ tensor, storage }: Row, byte: number): string {
  const at = `byte ${byte.toLocaleString("en")}`;
  if (tensor === null) {
    const reach = storage.tensors.filter((t) => indexAt(t, byte) !== null).length;
    return `${at} · ${reach} ${reach === 1 ? "name" : "names"}`;
  }
  const index = indexAt(tensor, byte);
  return index === null ? `${at} · not in ${tensor.name}` : `${at} · [${index.join(", ")}]`;
}

/** Shows the tip over the bars inside `host`. */
export function tips(host: HTMLElement, rowOf: (key: string) => Row | undefined): void {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  host.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  host.addEventListener("pointermove", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const bar = target?.closest(".bar > svg");
    const row = rowOf(target?.closest("[role=row]")?.id.slice("row-".length) ?? "");
    tip.hidden = bar == null || row === undefined;
    if (bar == null || row === undefined) return;
    const box = bar.getBoundingClientRect();
    const share = Math.min(0.999999, Math.max(0, (event.clientX - box.left) / box.width));
    tip.textContent = textOf(row, Math.floor(share * row.storage.bytes));
    const left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${left}px`;
    tip.style.top = `${box.top - 30}px`;
  });
}
