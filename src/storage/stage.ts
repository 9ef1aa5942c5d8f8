import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { invalid } from "../domain/error.ts";
import { clip } from "../domain/text.ts";
import { ownersFolder } from "./cache.ts";
import { Owner } from "./owner.ts";

const segmentsMax = 4;
const segmentBytesMax = 255;

export interface Staged {
  /** Holds the model's folder. */
  readonly root: string;
  /** They are what is served now: those of the model that came before go. */
  readonly taken: () => Promise<void>;
}

/**
 * Files that came with requests, each set in a folder of this process's own: it goes when other
 * files of the model have taken its place, when the process ends, or, if it was killed, when the
 * next process comes.
 */
export class Staging {
  readonly #owner: Owner;
  readonly #roots = new Map<string, { served?: string; newest: string }>();

  constructor(cacheFolder: string) {
    this.#owner = new Owner(ownersFolder(cacheFolder));
  }

  /** Rejects with `invalid-request` where a path is not plainly one below the model's folder. */
  async stage(model: string, files: ReadonlyMap<string, Uint8Array>): Promise<Staged> {
    for (const path of files.keys()) checkPath(path);
    const root = await this.#owner.scratch();
    for (const [path, bytes] of files) {
      const target = join(root, model, path);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await writeFile(target, bytes, { flag: "wx", mode: 0o600 });
    }
    await this.#replace(model, root);
    return { root, taken: () => this.#take(model, root) };
  }

  close(): Promise<void> {
    return this.#owner.close();
  }

  /** What came last and was never served goes now. */
  async #replace(model: string, root: string): Promise<void> {
    const known = this.#roots.get(model);
    this.#roots.set(model, { ...known, newest: root });
    if (known !== undefined && known.newest !== known.served) await remove(known.newest);
  }

  async #take(model: string, root: string): Promise<void> {
    const known = this.#roots.get(model);
    if (known?.newest !== root) return;
    this.#roots.set(model, { served: root, newest: root });
    if (known.served !== undefined && known.served !== root) await remove(known.served);
  }
}

function remove(root: string): Promise<void> {
  return rm(root, { recursive: true, force: true });
}

function checkPath(path: string): void {
  const segments = path.split("/");
  const plain = segments.every(
    (segment) =>
      segment !== "" &&
      !segment.startsWith(".") &&
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are refused.
      !/[\\\u0000-\u001f\u007f]/.test(segment) &&
      Buffer.byteLength(segment) <= segmentBytesMax,
  );
  if (plain && segments.length <= segmentsMax) return;
  throw invalid(
    `file:${clip(path)}: expected a path such as 1/model.onnx, below the model's folder`,
  );
}
