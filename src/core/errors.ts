/** Error classes with Python's names, and the check that costs the happy path nothing. */

/**
 * What PyTorch raises for misuse that it finds while running.
 * @example
 * try {
 *   torch.ones(2).add(torch.ones(3));
 * } catch (error) {
 *   (error as Error).name // 'RuntimeError'
 * }
 */
export class RuntimeError extends Error {
  override name = "RuntimeError";
}

/**
 * An argument of the right kind with a value that is not allowed.
 * @example
 * try {
 *   new nn.Dropout(2);
 * } catch (error) {
 *   (error as Error).name // 'ValueError'
 * }
 */
export class ValueError extends Error {
  override name = "ValueError";
}

/**
 * An index or a dimension out of range.
 * @example
 * try {
 *   x.at(5);
 * } catch (error) {
 *   (error as Error).name // 'IndexError'
 * }
 */
export class IndexError extends RangeError {
  override name = "IndexError";
}

/**
 * A name that is not there.
 * @example
 * try {
 *   new nn.ModuleDict().pop("head");
 * } catch (error) {
 *   (error as Error).name // 'KeyError'
 * }
 */
export class KeyError extends Error {
  override name = "KeyError";
}

/**
 * An attribute that is not there, or may not be set yet.
 * @example
 * try {
 *   model.getSubmodule("head");
 * } catch (error) {
 *   (error as Error).name // 'AttributeError'
 * }
 */
export class AttributeError extends Error {
  override name = "AttributeError";
}

/**
 * A feature that is named but does not exist here.
 * @example
 * try {
 *   torch.complex(x, x).mean();
 * } catch (error) {
 *   (error as Error).name // 'NotImplementedError'
 * }
 */
export class NotImplementedError extends Error {
  override name = "NotImplementedError";
}

/**
 * What PyTorch raises for a device that it was not built for.
 * @example
 * try {
 *   x.to("cuda");
 * } catch (error) {
 *   (error as Error).name // 'AssertionError'
 * }
 */
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
