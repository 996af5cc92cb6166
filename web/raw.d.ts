declare module "*?raw" {
  const text: string;
  export default text;
}

declare module "virtual:worker" {
  const script: string;
  export default script;
}

declare module "playground" {
  export function mnist(): Promise<{
    train: { images: import("cresset").Tensor; labels: import("cresset").Tensor };
    test: { images: import("cresset").Tensor; labels: import("cresset").Tensor };
  }>;
  export function plot(series: string, value: number | import("cresset").Tensor): void;
  export function progress(done: number, all: number, text?: string): Promise<void>;
}
