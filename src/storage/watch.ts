import { type FSWatcher, watch } from "node:fs";

/**
 * Tells of changes below a local folder, and of links in it that lead elsewhere now, as
 * Kubernetes's `..data` do. What has changed has to be looked up. Returns the way to stop.
 */
export function watchFolder(
  folder: string,
  onChange: () => void,
  onFailure: (error: Error) => void,
): () => void {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(folder, { recursive: true, persistent: false }, onChange);
    watcher.on("error", onFailure);
  } catch (error) {
    onFailure(error instanceof Error ? error : new Error(String(error)));
  }
  return () => watcher?.close();
}
