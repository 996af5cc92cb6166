/** The elementwise operators, whose exports alone have in-place forms by default. */
export * from "./activation.ts";
export * from "./arithmetic.ts";
export * from "./bitwise.ts";
export * from "./clamp.ts";
export * from "./compare.ts";
export * from "./frexp.ts";
export * from "./power.ts";
export * from "./rounding.ts";
export * from "./select.ts";
export * from "./signs.ts";
export * from "./special.ts";
export * from "./transcendental.ts";
export * from "./trigonometric.ts";
