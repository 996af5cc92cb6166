/** Runs a compiled program in a worker of its own, which inherits the page's policy: it can reach no address. */
import runtime from "virtual:worker";
import type { Answer, Told } from "../worker/messages.ts";

/** A program that runs. */
export interface Run {
  /** Ends it at once, whatever it does. */
  stop(): void;
  answer(answer: Answer): void;
}

/** Text before a program; what comes after `lines` lines is its first. */
const head = `${runtime}\n"use strict";__start(async (__import, __due, __show) => {\n`;
const lines = head.split("\n").length - 1;

/** Starts a program; `hear` gets all it says until it is stopped. */
export function run(code: string, hear: (told: Told) => void): Run {
  const url = URL.createObjectURL(new Blob([head, code, `\n}, ${lines});`], { type: "text/javascript" }));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.addEventListener("message", ({ data }: MessageEvent<Told>) => hear(data));
  worker.addEventListener("error", (event) => {
    hear({ kind: "failed", message: event.message, line: event.lineno > lines ? event.lineno - lines : null });
  });
  return {
    stop: () => worker.terminate(),
    answer: (answer) => {
      const moved = "digits" in answer ? [answer.digits.images.buffer, answer.digits.labels.buffer] : [];
      worker.postMessage(answer, moved);
    },
  };
}
