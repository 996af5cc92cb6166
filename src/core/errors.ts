/** Error classes with Python's names, and the check that costs the happy path nothing. */

/** What PyTorch raises for misuse that it finds while running. */
export class RuntimeError extends Error {
  override name = "RuntimeError";
}

/** An argument of the right kind with a value that is not allowed. */
export class ValueError extends Error {
  override name = "ValueError";
}

/** An index or a dimension out of range. */
export class IndexError extends RangeError {
  override name = "IndexError";
}

/** A name that is not there. */
export class KeyError extends Error {
  override name = "KeyError";
}

/** An attribute that is not there, or may not be set yet. */
export class AttributeError extends Error {
  override name = "AttributeError";
}

/** A feature that is named but does not exist here. */
export class NotImplementedError extends Error {
  override name = "NotImplementedError";
}

/** What PyTorch raises for a device that it was not built for. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** An error's constructor. */
export type ErrorClass = new (message: string) => Error;

/**
 * Throws a `RuntimeError` (or `kind`) with the message unless the condition holds.
 * @internal
 */
export function check(condition: boolean, message: () => string, kind: ErrorClass = RuntimeError): asserts condition {
  if (!condition) throw new kind(message());
}

/**
 * `value` as Python's `type(value).__name__` would call it.
 * @internal
 */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "NoneType";
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? "int" : "float";
    case "function":
      return Object.getPrototypeOf(value) === Function.prototype ? "function" : value.constructor.name;
  }
  if (Array.isArray(value)) return "list";
  const name = value.constructor?.name;
  if (name === "Complex") return "complex";
  return name === "Object" || name === undefined || name === "Map" ? "dict" : name;
}
