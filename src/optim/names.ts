/** How options are spelled in memory and in files. */

/** Options that schedulers add to groups. */
export const knownKey: readonly string[] = ["initialLr", "minLr", "maxLr", "baseMomentum", "maxMomentum", "paramNames"];

/** `weightDecay` becomes `weight_decay`. */
export function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `weight_decay` becomes `weightDecay`. */
export function toCamel(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
