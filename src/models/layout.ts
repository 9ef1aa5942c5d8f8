import { basename, dirname } from "node:path/posix";
import { parseVersion } from "../domain/model.ts";

/** A file of a source: its path below the source's root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: number;
}

/** One version to serve, and its model file below the root. */
export interface VersionFile {
  readonly version: number;
  readonly path: string;
}

/** A source whose files cannot be understood; says what was found and what to do. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}

const modelSuffixes = [".onnx"];

/**
 * Which files of a folder are the model, by names and sizes alone:
 * one model file; or `1/…`, `2/…` with one model file each; or one folder that holds either.
 */
export function chooseVersions(files: readonly SourceFile[]): VersionFile[] {
  const direct = candidates(files.filter(({ path }) => !path.includes("/")));
  if (direct.length > 0) return [{ version: 1, path: only(direct) }];
  const versions = versionFiles(files);
  if (versions.length > 0) return versions;
  const folders = new Set(candidates(files).map((path) => path.slice(0, path.indexOf("/"))));
  if (folders.size > 1) {
    throw new LayoutError(
      `it holds ${folders.size} folders with models (${list([...folders])}); ` +
        "give each as a source of its own, NAME=PATH",
    );
  }
  const [folder] = folders;
  if (folder === undefined) throw nothingFound(files);
  return chooseVersions(below(files, folder)).map(({ version, path }) => ({
    version,
    path: `${folder}/${path}`,
  }));
}

/** The folders directly below a root that hold a model: `models/<name>/…`. */
export function modelFolders(files: readonly SourceFile[]): string[] {
  const nested = candidates(files).filter((path) => path.includes("/"));
  return [...new Set(nested.map((path) => path.slice(0, path.indexOf("/"))))].sort();
}

/** The files below `folder`, with paths from there. */
export function below(files: readonly SourceFile[], folder: string): SourceFile[] {
  const prefix = `${folder}/`;
  return files
    .filter(({ path }) => path.startsWith(prefix))
    .map(({ path, bytes }) => ({ path: path.slice(prefix.length), bytes }));
}

/** What to call the model in a file or folder that nobody named. */
export function defaultName(sourcePath: string): string {
  const stem = basename(sourcePath).replace(/\.[^.]*$/, "");
  if (stem !== "model") return stem;
  const folder = dirname(sourcePath);
  const named = parseVersion(basename(folder)) === undefined ? folder : dirname(folder);
  return basename(named);
}

function versionFiles(files: readonly SourceFile[]): VersionFile[] {
  const byVersion = new Map<number, SourceFile[]>();
  for (const file of files) {
    const [folder, ...rest] = file.path.split("/");
    const version = parseVersion(folder ?? "");
    if (version === undefined || rest.length !== 1) continue;
    byVersion.set(version, [...(byVersion.get(version) ?? []), file]);
  }
  return [...byVersion]
    .map(([version, inside]) => ({ version, paths: candidates(inside) }))
    .filter(({ paths }) => paths.length > 0)
    .map(({ version, paths }) => ({ version, path: only(paths) }))
    .sort((a, b) => a.version - b.version);
}

function candidates(files: readonly SourceFile[]): string[] {
  return files
    .map(({ path }) => path)
    .filter((path) => modelSuffixes.some((suffix) => path.toLowerCase().endsWith(suffix)));
}

function only(paths: readonly string[]): string {
  const [path] = paths;
  if (path !== undefined && paths.length === 1) return path;
  throw new LayoutError(
    `it holds ${paths.length} model files side by side (${list(paths)}); give one of them as the ` +
      "source, or put each into a folder of its own",
  );
}

function nothingFound(files: readonly SourceFile[]): LayoutError {
  const names = files.map(({ path }) => path);
  const found = files.length === 0 ? "it is empty" : `it holds ${list(names)}`;
  return new LayoutError(`no model file (${modelSuffixes.join(", ")}) in it: ${found}`);
}

const listedMax = 5;

function list(names: readonly string[]): string {
  const shown = names.slice(0, listedMax).join(", ");
  return names.length > listedMax ? `${shown}, … ${names.length} in all` : shown;
}
