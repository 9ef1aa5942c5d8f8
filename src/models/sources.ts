import { dirname, join } from "node:path";
import { modelNameProblem, parseModelName } from "../domain/model.ts";
import { shownUri } from "../domain/redact.ts";
import { StorageError } from "../domain/storage.ts";
import type { SourceFile, VersionFile } from "./layout.ts";
import { below, chooseVersions, defaultName, LayoutError, modelFolders } from "./layout.ts";
import { LoadError, type PlannedVersion } from "./repository.ts";

/** A source as the operator gave it: `NAME=URI`, or a path or URI alone. */
export interface Source {
  readonly name: string | undefined;
  readonly uri: string;
}

/** A name before the first `=`, unless that `=` belongs to a path or URI. */
export function parseSource(text: string): Source {
  const at = text.indexOf("=");
  const name = text.slice(0, at);
  if (at <= 0 || /[/\\:]/.test(name)) return { name: undefined, uri: text };
  return { name, uri: text.slice(at + 1) };
}

/** What the storage found at a source. */
export interface FoundSource {
  readonly root: string;
  readonly kind: "file" | "folder";
  readonly files: readonly SourceFile[];
  /** Brings files of a source that is elsewhere; resolves with the folder that they are in. */
  readonly fetch?: (paths: readonly string[]) => Promise<string>;
}

export type ListSource = (uri: string) => Promise<FoundSource>;

/** The folder whose models are served when no source is given. */
const modelsFolder = "models";

/** All versions to serve. Rejects with LoadError where there are none, or two of one name. */
export async function planAll(
  sources: readonly string[],
  fallbackName: string | undefined,
  list: ListSource,
): Promise<PlannedVersion[]> {
  if (sources.length === 0) return planDefault(list);
  const plans = await Promise.all(
    sources.map((text) => planSource(parseSource(text), fallbackName, list)),
  );
  const names = plans.map(([first]) => first?.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return plans.flat();
  throw new LoadError(`two sources have the name '${twice}'; give each a name: NAME=PATH`);
}

async function planDefault(list: ListSource): Promise<PlannedVersion[]> {
  const plans = await planFolder(modelsFolder, list).catch((error: unknown) => {
    if (error instanceof LoadError) return [];
    throw error;
  });
  if (plans.length > 0) return plans;
  throw new LoadError(
    "nothing to serve: give a model file or folder as SOURCE (thaw serve NAME=PATH), or put " +
      `models into ./${modelsFolder}`,
  );
}

/** The versions that a named source serves. Rejects with LoadError naming the source. */
export async function planSource(
  source: Source,
  fallbackName: string | undefined,
  list: ListSource,
): Promise<PlannedVersion[]> {
  const found = await listed(source.uri, list);
  const name = source.name ?? fallbackName ?? defaultName(found.root);
  const versions = found.kind === "file" ? loneFile(found) : chosen(source.uri, found.files);
  return planned(name, await brought(source.uri, found, versions), versions);
}

/** A lone file that is here is the root itself; one that is elsewhere has its own name. */
function loneFile({ files }: FoundSource): VersionFile[] {
  return [{ version: 1, path: files[0]?.path ?? "" }];
}

/** The folder of the chosen files and of what may belong to them: all that is beside them. */
async function brought(
  uri: string,
  { root, files, fetch }: FoundSource,
  versions: readonly VersionFile[],
): Promise<string> {
  if (fetch === undefined) return root;
  const folders = new Set(versions.map(({ path }) => dirname(path)));
  const models = new Set(versions.map(({ path }) => path));
  const wanted = files
    .map(({ path }) => path)
    .filter((path) => models.has(path) || (folders.has(dirname(path)) && !neverNeeded.test(path)));
  return readable(uri, () => fetch(wanted));
}

/** What repositories hold beside an ONNX file and no graph refers to. */
const neverNeeded =
  /(^|\/)\.|\.(onnx|md|txt|safetensors|h5|msgpack|ot|tflite|gguf|pt|pth|png|jpe?g|py|ya?ml)$/i;

/** Every model folder below `uri` as a named model of its folder's name. */
export async function planFolder(uri: string, list: ListSource): Promise<PlannedVersion[]> {
  const found = await listed(uri, list);
  return modelFolders(found.files).flatMap((folder) => {
    const versions = chosen(join(uri, folder), below(found.files, folder));
    return planned(folder, join(found.root, folder), versions);
  });
}

async function listed(uri: string, list: ListSource): Promise<FoundSource> {
  return readable(uri, () => list(uri));
}

async function readable<T>(uri: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof StorageError) throw new LoadError(error.message, { cause: error });
    const shown = shownUri(uri);
    throw new LoadError(`source '${shown}' cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES") return "permission is denied";
  return error instanceof Error ? error.message : String(error);
}

function chosen(uri: string, files: readonly SourceFile[]): VersionFile[] {
  try {
    return chooseVersions(files);
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    throw new LoadError(`source '${shownUri(uri)}' cannot be served: ${error.message}`);
  }
}

function planned(name: string, root: string, versions: readonly VersionFile[]): PlannedVersion[] {
  const problem = modelNameProblem(name);
  if (problem !== undefined) throw new LoadError(`'${name}' cannot be a model's name: ${problem}`);
  const modelName = parseModelName(name);
  return versions.map(({ version, path }) => ({
    name: modelName,
    version,
    modelPath: join(root, path),
  }));
}
