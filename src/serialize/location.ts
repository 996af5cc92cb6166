/** `mapLocation`: which device a stored tensor goes to. */
import type { Device } from "../core/device.ts";
import { check, RuntimeError } from "../core/errors.ts";

/** Where one storage of a file goes: a device for all, or for each by its tag, or a function of the loaded storage. */
export type MapLocation =
  | string
  | Device
  | ReadonlyMap<string, string | Device>
  | Readonly<Record<string, string | Device>>
  | ((storage: never, location: string) => object | null | undefined | void);

/** The device for a storage that the file tags with `location`, by everything but a function. */
export function targetDevice(location: string, mapLocation: MapLocation | null | undefined): string {
  if (mapLocation === null || mapLocation === undefined || typeof mapLocation === "function") return usable(location);
  if (typeof mapLocation === "string") return usable(mapLocation);
  if (mapLocation instanceof Map) return usable(String(mapLocation.get(location) ?? location));
  if (isDevice(mapLocation)) return usable(String(mapLocation));
  const table = mapLocation as Readonly<Record<string, string | Device>>;
  return usable(String(Object.hasOwn(table, location) ? table[location] : location));
}

function isDevice(value: object): boolean {
  return "type" in value && "index" in value && Object.getPrototypeOf(value) !== Object.prototype;
}

function usable(location: string): string {
  check(
    !location.startsWith("cuda"),
    () =>
      "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running " +
      "on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to " +
      "the CPU.",
  );
  if (location === "cpu" || location === "meta") return location;
  throw new RuntimeError(
    `don't know how to restore data location of torch.storage.UntypedStorage (tagged with ${location}); ` +
      "pass { mapLocation: 'cpu' }",
  );
}
