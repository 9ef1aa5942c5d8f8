import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { invalid } from "../domain/error.ts";
import { clip } from "../domain/text.ts";

const segmentsMax = 4;
const segmentBytesMax = 255;

/**
 * Files that came with a request, written below a new folder of their own, in the folder of their
 * model. Rejects with `invalid-request` where a path is not plainly one below it.
 */
export async function stageFiles(
  model: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<{ readonly root: string }> {
  for (const path of files.keys()) checkPath(path);
  const root = await mkdtemp(join(tmpdir(), "thaw-staged-"));
  for (const [path, bytes] of files) {
    const target = join(root, model, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await writeFile(target, bytes, { flag: "wx", mode: 0o600 });
  }
  return { root };
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
