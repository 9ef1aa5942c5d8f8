import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseServe } from "../src/config/parse.ts";
import { isObject, problems, type Schema } from "./k8s/structural.ts";

/** The manifests against KServe's own CRD schemas, and against what KServe and Knative demand. */

type Tree = Record<string, unknown>;

const root = join(import.meta.dirname, "..");

function object(value: unknown): Tree {
  if (!isObject(value)) throw new Error(`expected an object, got ${JSON.stringify(value)}`);
  return value;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`expected a list, got ${JSON.stringify(value)}`);
  return value;
}

function read(name: string): Tree {
  return object(parse(readFileSync(join(root, "k8s", name), "utf8")));
}

const { schemas } = object(JSON.parse(readFileSync(join(root, "test/k8s/crds.json"), "utf8")));

function schemaOf(manifest: Tree): Schema {
  const name = `${manifest["apiVersion"]} ${manifest["kind"]}`;
  return object(object(schemas)[name]);
}

function wrong(manifest: Tree): string[] {
  return problems(manifest, schemaOf(manifest));
}

const runtime = read("clusterservingruntime.yaml");
const runtimeSpec = object(runtime["spec"]);
const container = object(list(runtimeSpec["containers"])[0]);
const iris = read("iris.yaml");
const irisSklearn = read("iris-sklearn.yaml");
const predictor = object(object(iris["spec"])["predictor"]);
const model = object(predictor["model"]);

describe("the schemas", () => {
  it("accept the manifests", () => {
    expect(wrong(runtime)).toEqual([]);
    expect(wrong(iris)).toEqual([]);
    expect(wrong(irisSklearn)).toEqual([]);
  });

  it.each<[string, (spec: Tree, first: Tree) => void]>([
    [".spec.protocolVersion: unknown field", (spec) => Object.assign(spec, { protocolVersion: 2 })],
    [
      ".spec.securityContext: unknown field",
      (spec) => Object.assign(spec, { securityContext: { runAsNonRoot: true } }),
    ],
    [
      ".spec.containers[0].readinessProbe.httpGet.port: is required",
      (_, first) => Object.assign(first, { readinessProbe: { httpGet: { path: "/" } } }),
    ],
    [
      ".spec.containers[0].ports[0].containerPort: expected integer, got string",
      (_, first) => Object.assign(first, { ports: [{ containerPort: "8080" }] }),
    ],
    [".spec.containers: is required", (spec) => delete spec["containers"]],
    [
      ".spec.volumes[0].emptyDir.limit: unknown field",
      (spec) => {
        Object.assign(spec, { volumes: [{ name: "cache", emptyDir: { limit: "1Gi" } }] });
      },
    ],
  ])("refuse a runtime with %s", (problem, spoil) => {
    const copy = structuredClone(runtime);
    const spec = object(copy["spec"]);
    spoil(spec, object(list(spec["containers"])[0]));
    expect(wrong(copy)).toEqual([problem]);
  });

  it("refuse an InferenceService with a field that KServe does not know", () => {
    const copy = structuredClone(iris);
    Object.assign(object(object(object(copy["spec"])["predictor"])["model"]), { storageURI: "x" });
    expect(wrong(copy)).toEqual([".spec.predictor.model.storageURI: unknown field"]);
  });
});

describe("the runtime", () => {
  it("has a name that makes KServe add no other server's settings", () => {
    const { name, annotations } = object(runtime["metadata"]);
    expect(name).not.toMatch(/server|mlserver|triton|torch|ovms|vllm/);
    expect(annotations).toEqual({ "serving.kserve.io/server-type": name });
  });

  it("gives each format one priority, above those of KServe's own runtimes", () => {
    const formats = list(runtimeSpec["supportedModelFormats"]).map(object);
    const priorities = new Map(formats.map(({ name, priority }) => [name, priority]));
    for (const { name, priority } of formats) expect(priority).toBe(priorities.get(name));
    expect(Math.min(...[...priorities.values()].map(Number))).toBeGreaterThan(3);
  });

  it("starts thaw with arguments that it takes, on the one port that Knative allows", () => {
    expect(container["name"]).toBe("kserve-container");
    const args = list(container["args"]).map((arg) => String(arg).replace("{{.Name}}", "iris"));
    expect(args.join()).not.toContain("{{");
    const { settings, sources } = parseServe(args, {});
    const port = settings.httpPort;
    expect(sources).toEqual(["/mnt/models"]);
    expect(settings.modelName).toBe("iris");
    expect(settings.grpcPort ?? port).toBe(port);
    expect(container["ports"]).toEqual([{ name: "h2c", containerPort: port, protocol: "TCP" }]);
    for (const probe of ["readinessProbe", "livenessProbe"]) {
      expect(object(object(container[probe])["httpGet"])["port"]).toBe(port);
    }
  });

  it("keeps to what Knative allows in a container, and to its fast way to ready", () => {
    expect(Object.keys(container)).not.toContain("startupProbe");
    expect(Object.keys(container)).not.toContain("lifecycle");
    // Asked every 50 ms only where nothing else is said.
    expect(Object.keys(object(container["readinessProbe"]))).toEqual(["httpGet"]);
  });

  it("sets no variable that means something to KServe or Knative", () => {
    const names = list(container["env"]).map((pair) => object(pair)["name"]);
    const theirs = ["STORAGE_URI", "PROTOCOL", "MULTI_MODEL_SERVER", "PYTHONPATH", "PORT"];
    expect(names.filter((name) => theirs.includes(String(name)))).toEqual([]);
  });

  it("asks for no privilege, and can write to its cache alone", () => {
    expect(container["securityContext"]).toEqual({
      allowPrivilegeEscalation: false,
      privileged: false,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    });
    const volumes = list(runtimeSpec["volumes"]).map((volume) => object(volume)["name"]);
    const mounts = list(container["volumeMounts"]).map(object);
    expect(mounts.map(({ name }) => name)).toEqual(volumes);
    const temporary = list(container["env"])
      .map(object)
      .find(({ name }) => name === "TMPDIR");
    expect(mounts.map(({ mountPath }) => mountPath)).toEqual([temporary?.["value"]]);
  });
});

describe("the InferenceService of Iris", () => {
  it("names the runtime, and a protocol and a format that the runtime lists", () => {
    expect(model["runtime"]).toBe(object(runtime["metadata"])["name"]);
    expect(runtimeSpec["protocolVersions"]).toContain(model["protocolVersion"]);
    const formats = list(runtimeSpec["supportedModelFormats"]).map(object);
    const { name, version } = object(model["modelFormat"]);
    expect(formats.some((one) => one["name"] === name && one["version"] === version)).toBe(true);
  });

  it("goes to zero, and has time to drain before it is killed", () => {
    expect(predictor["minReplicas"]).toBe(0);
    expect(Number(predictor["timeout"])).toBeGreaterThanOrEqual(40);
  });
});
