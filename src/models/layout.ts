import { basename, dirname } from "node:path/posix";
import { parseVersion } from "../domain/model.ts";
import { type ModelSettings, noSettings, type VersionPolicy } from "./settings.ts";

/** A file of a source: its path below the source's root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: number;
  /** Another one where the file's content is: an ETag, or what the file system has like it. */
  readonly tag?: string;
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

/**
 * Suffixes of model files. Those that other files have as well count only where no file has one of
 * the others.
 */
const modelSuffixes: Readonly<Record<string, "own" | "shared">> = {
  ".onnx": "own",
  ".joblib": "own",
  ".pkl": "own",
  ".pickle": "own",
  ".bst": "own",
  ".ubj": "own",
  ".model": "own",
  ".json": "shared",
  ".txt": "shared",
};

/** Files that stand beside models and never are one, whatever their suffix. */
const neverModels = [
  /^(thaw|settings|model-settings|config)\.json$/,
  // What tokenizers, processors and model hubs keep beside a graph.
  /^(.*_config|tokenizer|vocab|special_tokens_map|added_tokens|metadata|manifest)\.json$/,
  /(^|_)input_example\.json$/,
  /^(requirements|constraints|labels?|classes|vocab|merges|license|notice|readme|version)\.txt$/i,
  /^SUCCESS\./,
];

/** Files that say something of the model beside which they stand. */
export const settingsFiles = ["thaw.json", "config.pbtxt", "model-settings.json", "MLmodel"];

/**
 * Which files of a model's folder are the model, by names and sizes alone: one model file, or
 * `1/…`, `2/…` with one model file each. Throws LayoutError.
 */
export function chooseVersions(
  files: readonly SourceFile[],
  settings: ModelSettings = noSettings,
): VersionFile[] {
  const beside = files.filter(isDirect);
  const sure = pick(beside.filter(isNoNote), settings);
  if (sure !== undefined) return [{ version: 1, path: sure }];
  const versions = versionFiles(files, settings);
  if (versions.length > 0) return byPolicy(versions, settings.versionPolicy);
  // A file that may be anything is a model only where nothing else is.
  const direct = pick(beside, settings);
  if (direct !== undefined) return [{ version: 1, path: direct }];
  throw nothingFound(files, settings);
}

/**
 * The folder of a source in which the model stands: the source itself, or the one folder in it, or
 * the one that is called as the model is to be. Throws LayoutError where it could be several.
 */
export function modelFolder(files: readonly SourceFile[], name: string | undefined): string {
  const here =
    candidates(files.filter(isDirect)).length > 0 ||
    files.some(({ path }) => settingsFiles.includes(path)) ||
    versionFolders(files).size > 0;
  if (here) return "";
  const all = modelFolders(files);
  if (name !== undefined && all.includes(name)) {
    return join(name, modelFolder(below(files, name), undefined));
  }
  const sure = modelFolders(files.filter(({ path }) => suffixKind(path) !== "shared"));
  const folders = sure.length > 0 ? sure : all;
  const [folder] = folders;
  if (folder === undefined) throw nothingFound(files, noSettings);
  if (folders.length === 1) return join(folder, modelFolder(below(files, folder), undefined));
  throw new LayoutError(
    `it holds ${folders.length} folders with models (${list(folders)}); ` +
      "give each as a source of its own, NAME=PATH, or all as --repository",
  );
}

/** The folders directly below a root that hold a model: `models/<name>/…`. */
export function modelFolders(files: readonly SourceFile[]): string[] {
  const folders = new Map<string, string[]>();
  for (const { path } of files) {
    const at = path.indexOf("/");
    if (at === -1) continue;
    const folder = path.slice(0, at);
    folders.set(folder, [...(folders.get(folder) ?? []), path.slice(at + 1)]);
  }
  const holding = [...folders].filter(([, paths]) =>
    paths.some((path) => suffixKind(path) !== undefined || settingsFiles.includes(path)),
  );
  return holding.map(([folder]) => folder).sort();
}

/** The files below `folder`, with paths from there. */
export function below(files: readonly SourceFile[], folder: string): SourceFile[] {
  if (folder === "") return [...files];
  const prefix = `${folder}/`;
  return files
    .filter(({ path }) => path.startsWith(prefix))
    .map((file) => ({ ...file, path: file.path.slice(prefix.length) }));
}

/** Every folder's files in one pass, with paths from there. */
export function byFolder(files: readonly SourceFile[]): ReadonlyMap<string, SourceFile[]> {
  const folders = new Map<string, SourceFile[]>();
  for (const file of files) {
    const at = file.path.indexOf("/");
    if (at === -1) continue;
    const folder = file.path.slice(0, at);
    const own = folders.get(folder) ?? [];
    own.push({ ...file, path: file.path.slice(at + 1) });
    folders.set(folder, own);
  }
  return folders;
}

/** What to call the model in a file or folder that nobody named. */
export function defaultName(sourcePath: string): string {
  const stem = basename(sourcePath).replace(/\.[^.]*$/, "");
  if (stem !== "model") return stem;
  const folder = dirname(sourcePath);
  const named = parseVersion(basename(folder)) === undefined ? folder : dirname(folder);
  return basename(named);
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("/");
}

function isDirect({ path }: SourceFile): boolean {
  return !path.includes("/");
}

function versionFolders(files: readonly SourceFile[]): ReadonlyMap<number, SourceFile[]> {
  const byVersion = new Map<number, SourceFile[]>();
  for (const file of files) {
    const [folder = ""] = file.path.split("/", 1);
    const version = parseVersion(folder);
    if (version === undefined || folder.length === file.path.length) continue;
    const path = file.path.slice(folder.length + 1);
    byVersion.set(version, [...(byVersion.get(version) ?? []), { ...file, path }]);
  }
  return byVersion;
}

/** A folder without a model file is no version: it may be on its way, or hold something else. */
function versionFiles(files: readonly SourceFile[], settings: ModelSettings): VersionFile[] {
  return [...versionFolders(files)]
    .flatMap(([version, inside]) => {
      const path = pick(
        settings.modelFile === undefined ? inside.filter(isDirect) : inside,
        settings,
      );
      return path === undefined ? [] : [{ version, path: `${version}/${path}` }];
    })
    .sort((a, b) => a.version - b.version);
}

function byPolicy(versions: readonly VersionFile[], policy: VersionPolicy | undefined) {
  switch (policy?.kind) {
    case undefined:
    case "all":
      return [...versions];
    case "latest":
      return versions.slice(-policy.count);
    case "specific": {
      const chosen = versions.filter(({ version }) => policy.versions.includes(version));
      if (chosen.length > 0) return chosen;
      throw new LayoutError(
        `its version policy asks for ${list(policy.versions.map(String))}, but it has ` +
          list(versions.map(({ version }) => String(version))),
      );
    }
    default:
      return policy satisfies never;
  }
}

function suffixKind(path: string): "own" | "shared" | undefined {
  const name = basename(path);
  if (neverModels.some((pattern) => pattern.test(name))) return undefined;
  const dot = name.lastIndexOf(".");
  return dot === -1 ? undefined : modelSuffixes[name.slice(dot).toLowerCase()];
}

function candidates(files: readonly SourceFile[]): string[] {
  const paths = files.map(({ path }) => path);
  const own = paths.filter((path) => suffixKind(path) === "own");
  return own.length > 0 ? own : paths.filter((path) => suffixKind(path) === "shared");
}

/** Labels and notes beside versions have suffixes that models have as well. */
function isNoNote({ path }: SourceFile): boolean {
  return suffixKind(path) !== "shared" || basename(path).startsWith("model.");
}

/** The one model file; `undefined` without any. Throws LayoutError where there are several. */
function pick(files: readonly SourceFile[], { modelFile }: ModelSettings): string | undefined {
  if (modelFile !== undefined) {
    return files.find(({ path }) => path === modelFile)?.path;
  }
  const paths = candidates(files);
  const [path] = paths;
  if (paths.length <= 1 || path === undefined) return path;
  const called = paths.filter((one) => basename(one).startsWith("model."));
  const [model] = called;
  // Of files that may be anything, one says that it is the model.
  if (called.length === 1 && suffixKind(path) === "shared") return model;
  throw new LayoutError(
    `it holds ${paths.length} model files side by side (${list(paths)}); give one of them as the ` +
      "source, or put each into a folder of its own",
  );
}

function nothingFound(files: readonly SourceFile[], { modelFile }: ModelSettings): LayoutError {
  const names = files.map(({ path }) => path);
  const found = files.length === 0 ? "it is empty" : `it holds ${list(names)}`;
  if (modelFile !== undefined) {
    return new LayoutError(`its settings name the model file '${modelFile}': ${found}`);
  }
  const suffixes = Object.keys(modelSuffixes).join(", ");
  return new LayoutError(`no model file (${suffixes}) in it: ${found}`);
}

const listedMax = 5;

function list(names: readonly string[]): string {
  const shown = names.slice(0, listedMax).join(", ");
  return names.length > listedMax ? `${shown}, … ${names.length} in all` : shown;
}
