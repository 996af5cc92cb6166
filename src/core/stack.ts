/** Stack traces that begin where user code called the library. */

/** Where this library's own files lie, as stack traces name them; null where a bundler leaves no address. */
function ownFolder(): string | null {
  const url: unknown = import.meta.url;
  if (typeof url !== "string" || !URL.canParse(url)) return null;
  return decodeURI(new URL(url.replace(/\/(?:core\/)?[^/]*$/, "/")).pathname);
}

/** The frames of user code that led here, the innermost first; the library's own where there are no others. */
export function callerStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const frames = (new Error().stack ?? "").split("\n").slice(2);
  Error.stackTraceLimit = limit;
  const folder = ownFolder();
  const outside = frames.filter((line) => folder === null || !line.includes(folder));
  return (outside.length > 0 ? outside : frames)
    .slice(0, 6)
    .map((line) => `    ${line.trim()}`)
    .join("\n");
}
