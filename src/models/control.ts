import { invalid, ServingError } from "../domain/error.ts";
import { type ModelName, modelNameProblem, parseModelName, unknownModel } from "../domain/model.ts";
import type { IndexEntry, LoadRequest, RepositoryControl } from "../domain/ports.ts";
import { clip } from "../domain/text.ts";
import { readConfigJson } from "./beside/pbtxt.ts";
import type { Catalog, Override } from "./catalog.ts";
import type { PlannedModel } from "./plan.ts";
import { LoadError, type Repository } from "./repository.ts";
import { SettingsError } from "./settings.ts";

export interface ControlPorts {
  readonly repository: Repository;
  readonly catalog: Catalog;
  /** Where models that are not known yet may be found; `undefined` for nowhere. */
  readonly uri: string | undefined;
  /** Writes files of a request into a folder of their own; `undefined` where none are taken. */
  readonly stage: StageFiles | undefined;
}

/** Rejects with ServingError where a path is not one below the folder. */
export type StageFiles = (
  model: ModelName,
  files: ReadonlyMap<string, Uint8Array>,
) => Promise<StagedFiles>;

export interface StagedFiles {
  readonly root: string;
  /** Says that they are served now, and those that the model had before are not. */
  readonly taken: () => Promise<void>;
}

/** The operator's hand on the repository: Triton's model repository extension. */
export class Control implements RepositoryControl {
  readonly #ports: ControlPorts;

  constructor(ports: ControlPorts) {
    this.#ports = ports;
  }

  index(readyOnly: boolean): readonly IndexEntry[] {
    const entries = this.#ports.repository.index();
    return readyOnly ? entries.filter(({ state }) => state === "READY") : entries;
  }

  async load(text: string, request: LoadRequest): Promise<void> {
    const name = checked(text);
    const { repository } = this.#ports;
    const override = overrideOf(request);
    const staged = await this.#staged(name, request);
    try {
      const plan = await this.#plan(name, staged, override);
      if (plan !== undefined) repository.apply(plan, "loaded");
      else if (!repository.names().includes(name)) throw notFound(name);
      repository.forgive(name);
      for (const version of repository.versions(name)) {
        if (version.goal === "off") version.goal = "loaded";
      }
      await repository.whenReady(name);
      await staged?.taken();
    } catch (error) {
      if (error instanceof ServingError) throw error;
      const reason = error instanceof LoadError ? error.message : "internal error";
      throw new ServingError("invalid-request", `failed to load '${clip(name)}', ${reason}`, error);
    }
  }

  async unload(text: string): Promise<void> {
    await this.#ports.repository.unload(checked(text));
  }

  async #staged(name: ModelName, { files }: LoadRequest): Promise<StagedFiles | undefined> {
    if (files === undefined || files.size === 0) return undefined;
    const { stage } = this.#ports;
    if (stage !== undefined) return stage(name, files);
    throw invalid("files in a load request are not taken; see --repository-api files");
  }

  async #plan(
    name: ModelName,
    staged: StagedFiles | undefined,
    override: Override | undefined,
  ): Promise<PlannedModel | undefined> {
    const { catalog, uri } = this.#ports;
    if (staged !== undefined) return catalog.model(staged.root, name, override);
    const known = this.#ports.repository.names().includes(name);
    if (uri === undefined) {
      if (override === undefined) return undefined;
      throw invalid(`the configuration of '${clip(name)}' cannot be changed: it is a named model`);
    }
    const plan = await catalog.model(uri, name, override);
    // Its folder may be gone, or it is a named model: what is known of it still counts.
    if (plan === undefined && !known) throw notFound(name);
    return plan;
  }
}

/** A name that could be a path is refused in so many words, not as one that is unknown. */
function checked(text: string): ModelName {
  if (text === "") {
    throw invalid("Model name cannot be empty. Please enter a valid name to deploy.");
  }
  if (/[/\\]/.test(text) || text.startsWith(".")) {
    throw invalid("model name must not contain path traversal characters");
  }
  const problem = modelNameProblem(text);
  if (problem !== undefined) throw unknownModel(text);
  return parseModelName(text);
}

function notFound(name: ModelName): ServingError {
  return new ServingError(
    "model-not-found",
    `failed to load '${clip(name)}', failed to poll from model repository: it has no such model`,
  );
}

function overrideOf({ config }: LoadRequest): Override | undefined {
  if (config === undefined) return undefined;
  try {
    const settings = readConfigJson(config);
    return { settings, tag: config };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw invalid(`failed to load: ${error.message}`);
  }
}
