import { type AnyModule, Module } from "./module.ts";
import type { Tensor } from "../core/tensor.ts";
class M extends Module<[number], Tensor> {}
export const a: AnyModule = new M();
export const b: AnyModule = new Module();
