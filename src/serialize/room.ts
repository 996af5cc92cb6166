/** Memory for what is read only to be written. */

/** Gives memory of this size; what it gave before is not needed any more. */
export type Room = (length: number) => Uint8Array;

/** Memory that is used again for one storage after another. */
export function reused(): Room {
  let bytes = new Uint8Array(0);
  return (length) => {
    if (bytes.length < length) bytes = new Uint8Array(length);
    return bytes.subarray(0, length);
  };
}
