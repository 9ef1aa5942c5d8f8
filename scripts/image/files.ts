import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Every path below `folder`. Links are not followed: inside a container they lead elsewhere. */
export function pathsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...pathsBelow(path)] : [path];
  });
}

/** Every path below `folder` with its mode, size and times, one a line. */
export function listing(folder: string): string[] {
  return pathsBelow(folder).map((path) => {
    const { mode, size, mtimeMs, ctimeMs } = lstatSync(path);
    return `${path} ${mode} ${size} ${mtimeMs} ${ctimeMs}`;
  });
}
