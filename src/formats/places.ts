import { rmSync } from "node:fs";

/** Beside a model file: what `thaw bake` has made of it. */
export const bakedFolder = ".thaw";

/** Removes a file, which need not be there, nor its folder be one. */
export function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Then it is not there.
  }
}
