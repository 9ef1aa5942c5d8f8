import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { expanded, isObject, problems, type Schema } from "./structural.ts";

/** What is in `k8s/`, and KServe's own schemas for it. */

export type Tree = Record<string, unknown>;

const folder = join(import.meta.dirname, "../../k8s");

export function object(value: unknown): Tree {
  if (!isObject(value)) throw new Error(`expected an object, got ${JSON.stringify(value)}`);
  return value;
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`expected a list, got ${JSON.stringify(value)}`);
  return value;
}

export interface Manifest {
  readonly file: string;
  readonly tree: Tree;
}

function documentsIn(file: string): Manifest[] {
  const documents = parseAllDocuments(readFileSync(join(folder, file), "utf8"));
  return documents.map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]?.message}`);
    return { file, tree: object(document.toJS()) };
  });
}

/** Every document of every YAML file. */
export const manifests: readonly Manifest[] = globSync("**/*.yaml", { cwd: folder })
  .sort()
  .flatMap(documentsIn);

export function only(file: string): Tree {
  const found = manifests.filter((one) => one.file === file);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${file}: not one manifest`);
  return first.tree;
}

const crds = object(JSON.parse(readFileSync(join(import.meta.dirname, "crds.json"), "utf8")));

/** The schema of a manifest's kind; `undefined` for kinds that are not KServe's. */
export function schemaOf(tree: Tree): Schema | undefined {
  const schema = object(crds["schemas"])[`${tree["apiVersion"]} ${tree["kind"]}`];
  return schema === undefined ? undefined : object(expanded(schema, object(crds["parts"])));
}

export function wrong(tree: Tree): string[] {
  const schema = schemaOf(tree);
  if (schema === undefined) throw new Error(`no schema of ${tree["apiVersion"]} ${tree["kind"]}`);
  return problems(tree, schema);
}

/** Containers of thaw in a manifest, wherever they are. */
export function containersIn(value: unknown): Tree[] {
  if (Array.isArray(value)) return value.flatMap(containersIn);
  if (!isObject(value)) return [];
  const own = typeof value["image"] === "string" && value["image"].startsWith("thaw:");
  return own ? [value] : Object.values(value).flatMap(containersIn);
}
