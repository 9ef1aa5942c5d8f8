import { join } from "node:path";
import { repositoryModelsMax } from "../domain/limits.ts";
import { modelNameProblem, parseModelName } from "../domain/model.ts";
import type { Log } from "../domain/ports.ts";
import { shownUri } from "../domain/redact.ts";
import { type BesideSettings, readSettings } from "./beside/read.ts";
import { type Companions, whereabouts } from "./bring.ts";
import {
  below,
  byFolder,
  chooseVersions,
  defaultName,
  LayoutError,
  modelFolder,
  type SourceFile,
  type VersionFile,
} from "./layout.ts";
import type { PlannedModel, PlannedVersion } from "./plan.ts";
import { LoadError } from "./repository.ts";
import { type ModelSettings, SettingsError } from "./settings.ts";
import { type FoundSource, type ListSource, parseSource, readProblem } from "./sources.ts";

export interface CatalogPorts {
  readonly list: ListSource;
  readonly companions: Companions;
  readonly log: Log;
}

/** A folder of a repository that cannot be served. The reason is for the operator. */
export interface BrokenModel {
  readonly name: string;
  readonly reason: string;
}

export interface RepositoryPlan {
  readonly models: readonly PlannedModel[];
  readonly broken: readonly BrokenModel[];
}

/** What the operator changes of one model, for as long as it stays loaded. */
export interface Override {
  readonly settings: ModelSettings;
  /** Makes the plan differ from the one without it. */
  readonly tag: string;
}

/** A folder with one model in it, and what to call it where it does not say so itself. */
interface Place {
  readonly source: FoundSource;
  readonly folder: string;
  readonly files: readonly SourceFile[];
  readonly name: string;
  /** The operator gave the name: nothing beside the model changes it. */
  readonly named: boolean;
  readonly pinned: boolean;
}

const modelsFolder = "models";

/** Finds out what there is to serve: listings and the files beside models → plans. */
export class Catalog {
  readonly #ports: CatalogPorts;
  /** What was planned of a repository's folder, as long as its files stay the same. */
  readonly #plans = new Map<string, { readonly files: string; readonly plan: PlannedModel }>();
  /** Of each model, so that a warning comes once. */
  readonly #warned = new Map<string, string>();
  /** Folders of which such a warning came. */
  readonly #twins = new Set<string>();

  constructor(ports: CatalogPorts) {
    this.#ports = ports;
  }

  /** The named models. Rejects with LoadError where there are none, or two of one name. */
  async named(
    sources: readonly string[],
    fallbackName: string | undefined,
  ): Promise<PlannedModel[]> {
    if (sources.length === 0) return this.#nearby();
    const plans = await Promise.all(sources.map((text) => this.source(text, fallbackName)));
    const names = plans.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice === undefined) return plans;
    throw new LoadError(`two sources have the name '${twice}'; give each a name: NAME=PATH`);
  }

  /** The model of one source. Rejects with LoadError, which names the source. */
  async source(text: string, fallbackName: string | undefined): Promise<PlannedModel> {
    const { name, uri } = parseSource(text);
    const found = await this.#listed(uri);
    const wanted = name ?? fallbackName;
    return this.#explained(uri, async () => {
      return this.#plan({
        source: found,
        folder: "",
        files: found.files,
        name: wanted ?? defaultName(found.root),
        named: wanted !== undefined,
        pinned: true,
      });
    });
  }

  /** Every model of a repository. Rejects with LoadError where the repository cannot be read. */
  async repository(uri: string): Promise<RepositoryPlan> {
    const found = await this.#listed(uri);
    if (found.kind === "file")
      throw new LoadError(`repository '${shownUri(uri)}' is a file, not a folder`);
    const models = new Map<string, PlannedModel>();
    const broken: BrokenModel[] = [];
    const folders = [...byFolder(found.files)].slice(0, repositoryModelsMax);
    for (const [folder, files] of folders) {
      for (const place of places(found, folder, files)) {
        try {
          const plan = await this.#unchanged(place);
          this.#warnOfTwins(models.get(plan.name), plan, place.folder);
          models.set(plan.name, merged(models.get(plan.name), plan));
        } catch (error) {
          const reason = problemOf(error);
          // A folder without anything that looks like a model is none.
          if (reason !== undefined && looksLikeModel(files)) {
            broken.push({ name: place.name, reason });
          }
        }
      }
    }
    return { models: [...models.values()], broken };
  }

  /** One model of a repository; `undefined` where it has none. Rejects with LoadError. */
  async model(uri: string, name: string, override?: Override): Promise<PlannedModel | undefined> {
    const found = await this.#listed(uri);
    let plan: PlannedModel | undefined;
    for (const [folder, files] of byFolder(found.files)) {
      for (const place of places(found, folder, files)) {
        const own = folder === name;
        try {
          const planned = await (own ? this.#plan(place, override) : this.#unchanged(place));
          if (planned.name === name) plan = merged(plan, planned);
        } catch (error) {
          const reason = problemOf(error);
          if (own) throw new LoadError(`model '${name}' cannot be served: ${reason}`);
        }
      }
    }
    return plan;
  }

  /** Every folder of `./models` as a named model. */
  async #nearby(): Promise<PlannedModel[]> {
    const found = await this.#ports.list(modelsFolder).catch(() => noSource);
    const plans = [...byFolder(found.files)]
      .filter(([, files]) => looksLikeModel(files))
      .map(([folder, files]) =>
        this.#explained(join(modelsFolder, folder), () => {
          const inner = modelFolder(files, undefined);
          return this.#plan({
            source: found,
            folder: inner === "" ? folder : `${folder}/${inner}`,
            files: below(files, inner),
            name: folder,
            named: false,
            pinned: true,
          });
        }),
      );
    if (plans.length > 0) return Promise.all(plans);
    throw new LoadError(
      "nothing to serve: give a model file or folder as SOURCE (thaw serve NAME=PATH), a folder " +
        `of models as --repository, or put models into ./${modelsFolder}`,
    );
  }

  async #listed(uri: string): Promise<FoundSource> {
    try {
      return await this.#ports.list(uri);
    } catch (error) {
      throw new LoadError(readProblem(uri, error), { cause: error });
    }
  }

  async #explained<T>(uri: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const reason = problemOf(error);
      throw new LoadError(`source '${shownUri(uri)}' cannot be served: ${reason}`);
    }
  }

  async #unchanged(place: Place): Promise<PlannedModel> {
    const key = join(place.source.root, place.folder);
    const files = fingerprintOf(place.files);
    const known = this.#plans.get(key);
    if (known?.files === files) return known.plan;
    const plan = await this.#plan(place);
    this.#plans.set(key, { files, plan });
    return plan;
  }

  async #plan(place: Place, override?: Override): Promise<PlannedModel> {
    const { source, named } = place;
    const lone = source.kind === "file";
    const inner = lone ? "" : modelFolder(place.files, named ? place.name : undefined);
    const folder = join("/", place.folder, inner).slice(1);
    const files = below(place.files, inner);
    const beside = await readSettings(folder, files, source.readText);
    const settings: BesideSettings = { ...beside, ...override?.settings };
    const name = named ? place.name : (settings.name ?? place.name);
    const problem = modelNameProblem(name);
    if (problem !== undefined) {
      throw new LayoutError(`'${name}' cannot be a model's name: ${problem}`);
    }
    this.#warn(name, settings.ignored ?? []);
    const chosen = lone ? loneFile(files) : chooseVersions(files, settings);
    const pinned = place.pinned || settings.pinned === true;
    const versions = chosen.map(
      ({ version, path }): PlannedVersion => ({
        name: parseModelName(name),
        version: chosen.length === 1 && version === 1 ? (settings.version ?? 1) : version,
        ...whereabouts(source, join(folder, path), this.#ports.companions),
        ...weigh(files, path, override?.tag ?? ""),
        settings,
        pinned,
      }),
    );
    return { name: parseModelName(name), versions };
  }

  /** Of two folders with the same version of a model the last is served. */
  #warnOfTwins(known: PlannedModel | undefined, { name, versions }: PlannedModel, folder: string) {
    const own = versions.map(({ version }) => version);
    const twin = known?.versions.find(({ version }) => own.includes(version));
    if (twin === undefined || this.#twins.has(folder)) return;
    this.#twins.add(folder);
    const { version } = twin;
    const event = "two folders have the same version of a model; the last is served";
    this.#ports.log.write("warn", event, { model: name, version, folder });
  }

  #warn(name: string, ignored: readonly string[]): void {
    const fields = [...ignored].sort().join(", ");
    if (this.#warned.get(name) === fields || fields === "") return;
    this.#warned.set(name, fields);
    this.#ports.log.write("warn", "settings without effect", { model: name, fields });
  }
}

/** A source that has nothing. */
const noSource: FoundSource = {
  root: "",
  kind: "folder",
  files: [],
  readText: (path) => Promise.reject(new LayoutError(`there is no ${path}`)),
};

/** The version of a source that is a file: it is the root itself, or has its own name. */
function loneFile(files: readonly SourceFile[]): readonly VersionFile[] {
  return [{ version: 1, path: files[0]?.path ?? "" }];
}

/**
 * Where models stand in a folder of a repository: in the folder itself, or one in each folder below
 * that has MLServer's settings.
 */
function places(source: FoundSource, folder: string, files: readonly SourceFile[]): Place[] {
  const own = { source, folder, files, name: folder, named: false, pinned: false };
  if (files.some(({ path }) => path === "model-settings.json")) return [own];
  const nested = [...byFolder(files)].filter(([, inside]) =>
    inside.some(({ path }) => path === "model-settings.json"),
  );
  if (nested.length === 0) return [own];
  return nested.map(([inner, inside]) => ({
    ...own,
    folder: `${folder}/${inner}`,
    files: inside,
  }));
}

/** One model may be spread over folders, each with versions of it. */
function merged(into: PlannedModel | undefined, more: PlannedModel): PlannedModel {
  if (into === undefined) return more;
  const versions = new Map([...into.versions, ...more.versions].map((one) => [one.version, one]));
  return {
    name: into.name,
    versions: [...versions.values()].sort((a, b) => a.version - b.version),
  };
}

function looksLikeModel(files: readonly SourceFile[]): boolean {
  try {
    modelFolder(files, undefined);
    return true;
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return files.some(({ path }) => /\.onnx$/i.test(path));
  }
}

/** The files of one version: those in the folder of its model file, and the settings. */
function weigh(
  files: readonly SourceFile[],
  path: string,
  tag: string,
): Pick<PlannedVersion, "bytes" | "fingerprint"> {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const own = files.filter((file) => file.path.startsWith(folder));
  const settings = files.filter((file) => !file.path.includes("/"));
  const bytes = own.reduce((sum, file) => sum + file.bytes, 0);
  const all = new Set([...settings, ...own]);
  return { bytes, fingerprint: `${fingerprintOf([...all])}${tag}` };
}

function fingerprintOf(files: readonly SourceFile[]): string {
  return files.map(({ path, bytes, tag }) => `${path}:${bytes}:${tag ?? ""}`).join("\n");
}

function problemOf(error: unknown): string | undefined {
  if (error instanceof LayoutError || error instanceof SettingsError) return error.message;
  throw error;
}
