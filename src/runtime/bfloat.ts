/**
 * BF16 is the upper half of an FP32. Both as elements little-endian, without padding; neither way
 * changes a bit of what BF16 can hold.
 */

/** FP32 elements of BF16 elements. */
export function floatOf(halves: Uint8Array): Uint8Array {
  const count = halves.byteLength / 2;
  const floats = new Uint8Array(count * 4);
  for (let index = 0; index < count; index += 1) {
    floats[index * 4 + 2] = halves[index * 2] ?? 0;
    floats[index * 4 + 3] = halves[index * 2 + 1] ?? 0;
  }
  return floats;
}

/** BF16 elements of FP32 elements that were BF16 before. */
export function bfloatOf(floats: Uint8Array): Uint8Array {
  const count = floats.byteLength / 4;
  const halves = new Uint8Array(count * 2);
  for (let index = 0; index < count; index += 1) {
    halves[index * 2] = floats[index * 4 + 2] ?? 0;
    halves[index * 2 + 1] = floats[index * 4 + 3] ?? 0;
  }
  return halves;
}
