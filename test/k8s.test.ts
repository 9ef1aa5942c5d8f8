import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseServe } from "../src/config/parse.ts";
import { loadMsMax } from "../src/domain/limits.ts";
import {
  containersIn,
  list,
  type Manifest,
  manifests,
  object,
  only,
  type Tree,
  wrong,
} from "./k8s/manifests.ts";
import { http1, inferBody } from "./support/http.ts";
import { irisModel, startServer, type TestServer } from "./support/server.ts";

/** The manifests against KServe's own CRD schemas, and against what KServe and Knative demand. */

const k8s = join(import.meta.dirname, "../k8s");
const kserve = manifests.filter(({ tree }) => /^serving\.kserve/.test(String(tree["apiVersion"])));
const runtime = only("runtimes/thaw.yaml");
const noPorts = only("runtimes/thaw-noports.yaml");
const specOf = (tree: Tree) => object(tree["spec"]);
const containerOf = (tree: Tree) => object(list(specOf(tree)["containers"])[0]);
const nameOf = (tree: Tree) => String(object(tree["metadata"])["name"]);
const services = kserve.filter(({ tree }) => tree["kind"] === "InferenceService");
const knative = (tree: Tree) => {
  const annotations = object(object(tree["metadata"])["annotations"] ?? {});
  return annotations["serving.kserve.io/deploymentMode"] !== "Standard";
};
const titled = (all: readonly Manifest[]) =>
  all.map((one) => [`${one.file}: ${nameOf(one.tree)}`, one.tree] as const);

describe("the schemas", () => {
  it.each(titled(kserve))("accept %s", (_, tree) => {
    expect(wrong(tree)).toEqual([]);
  });

  it("are there for every manifest that is KServe's, and there are no others but known ones", () => {
    const others = manifests.filter((one) => !kserve.includes(one)).map(({ tree }) => tree["kind"]);
    const known = ["Kustomization", "NetworkPolicy", "PrometheusRule", undefined];
    expect(others.filter((kind) => !known.includes(kind as string))).toEqual([]);
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
    spoil(specOf(copy), containerOf(copy));
    expect(wrong(copy)).toEqual([problem]);
  });

  it("refuse an InferenceService with a field that KServe does not know", () => {
    const copy = structuredClone(only("examples/iris.yaml"));
    Object.assign(object(object(specOf(copy)["predictor"])["model"]), { storageURI: "x" });
    expect(wrong(copy)).toEqual([".spec.predictor.model.storageURI: unknown field"]);
  });
});

describe("every container of thaw", () => {
  const containers = kserve.flatMap(({ file, tree }) =>
    containersIn(tree).map((container) => [file, container] as const),
  );

  it.each(containers)("in %s keeps to what Knative allows", (_, container) => {
    expect(Object.keys(container)).not.toContain("startupProbe");
    expect(Object.keys(container)).not.toContain("lifecycle");
    expect(list(container["ports"] ?? []).length).toBeLessThanOrEqual(1);
    for (const port of list(container["ports"] ?? [])) expect(object(port)["name"]).toBe("h2c");
    // Asked every 50 ms only where nothing else is said.
    if (container["readinessProbe"] !== undefined) {
      expect(Object.keys(object(container["readinessProbe"]))).toEqual(["httpGet"]);
    }
  });

  it.each(containers)("in %s asks for no privilege", (_, container) => {
    const security = object(container["securityContext"]);
    expect(security).toMatchObject({
      allowPrivilegeEscalation: false,
      privileged: false,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(Object.keys(security)).not.toContain("runAsUser");
  });

  it.each(containers)("in %s sets no variable that means something to others", (_, container) => {
    const names = list(container["env"] ?? []).map((pair) => object(pair)["name"]);
    const theirs = ["STORAGE_URI", "PROTOCOL", "MULTI_MODEL_SERVER", "PYTHONPATH", "PORT"];
    expect(names.filter((name) => theirs.includes(String(name)))).toEqual([]);
  });

  it.each(containers.filter(([, one]) => one["command"] === undefined))(
    "in %s has arguments that thaw takes",
    (_, container) => {
      const args = list(container["args"]).map((arg) => String(arg).replace("{{.Name}}", "iris"));
      expect(args.join()).not.toContain("{{");
      const { ignored } = parseServe(args, {});
      expect(ignored).toEqual([]);
    },
  );
});

describe("the runtimes", () => {
  it.each(titled(kserve.filter(({ tree }) => /ServingRuntime/.test(String(tree["kind"])))))(
    "%s has a name that makes KServe add no other server's settings",
    (_, tree) => {
      expect(nameOf(tree)).not.toMatch(/server|mlserver|triton|torch|ovms|vllm/);
    },
  );

  it("give each format one priority, above those of KServe's own, or none", () => {
    const formats = list(specOf(runtime)["supportedModelFormats"]).map(object);
    const automatic = formats.filter(({ autoSelect }) => autoSelect === true);
    expect(new Set(automatic.map(({ priority }) => priority))).toEqual(new Set([10]));
    // A format without storage would bring KServe's agent; this one is exempt.
    const others = formats.filter(({ autoSelect }) => autoSelect !== true);
    expect(others).toEqual([{ name: "huggingface", autoSelect: false }]);
    for (const one of list(specOf(noPorts)["supportedModelFormats"]).map(object)) {
      expect(one["autoSelect"]).toBe(false);
    }
  });

  it("list the versions that people write", () => {
    const formats = list(specOf(runtime)["supportedModelFormats"]).map(object);
    const versions = (format: string) =>
      formats.filter(({ name }) => name === format).map(({ version }) => version);
    expect(["onnx", "sklearn", "xgboost", "lightgbm"].map(versions)).toEqual([
      ["1"],
      ["0", "1"],
      ["1", "2", "3"],
      ["2", "3", "4"],
    ]);
    expect(specOf(runtime)["protocolVersions"]).toEqual(["v1", "v2", "grpc-v2"]);
  });

  it("start thaw on the one port that Knative allows, or on those of others", () => {
    const container = containerOf(runtime);
    expect(container["name"]).toBe("kserve-container");
    const args = list(container["args"]).map((arg) => String(arg).replace("{{.Name}}", "iris"));
    const { settings, sources } = parseServe(args, {});
    const port = settings.httpPort;
    expect([sources, settings.modelName]).toEqual([["/mnt/models"], "iris"]);
    expect(container["ports"]).toEqual([{ name: "h2c", containerPort: port, protocol: "TCP" }]);
    for (const probe of ["readinessProbe", "livenessProbe"]) {
      expect(object(object(container[probe])["httpGet"])["port"]).toBe(port);
    }
    expect(containerOf(noPorts)["ports"]).toBeUndefined();
  });

  it("differ in ports, formats and names only", () => {
    const same = (tree: Tree) => {
      const { ports, args, ...container } = containerOf(tree);
      const { supportedModelFormats, containers, ...spec } = specOf(tree);
      return { container, spec };
    };
    expect(same(noPorts)).toEqual(same(runtime));
  });

  it("can write to their cache alone", () => {
    const container = containerOf(runtime);
    const volumes = list(specOf(runtime)["volumes"]).map((volume) => object(volume)["name"]);
    const mounts = list(container["volumeMounts"]).map(object);
    expect(mounts.map(({ name }) => name)).toEqual(volumes);
    const temporary = list(container["env"])
      .map(object)
      .find(({ name }) => name === "TMPDIR");
    expect(mounts.map(({ mountPath }) => mountPath)).toEqual([temporary?.["value"]]);
  });
});

describe("the InferenceServices", () => {
  it.each(titled(services))(
    "%s name a runtime, a protocol and a format that it lists",
    (_, tree) => {
      const { model } = object(specOf(tree)["predictor"]);
      if (model === undefined) return;
      const { runtime: name, protocolVersion, modelFormat } = object(model);
      expect(name).toBe(nameOf(runtime));
      if (protocolVersion !== undefined) {
        expect(specOf(runtime)["protocolVersions"]).toContain(protocolVersion);
      }
      const format = object(modelFormat);
      const formats = list(specOf(runtime)["supportedModelFormats"]).map(object);
      const fits = formats.some(
        (one) =>
          one["name"] === format["name"] &&
          (format["version"] === undefined || one["version"] === format["version"]),
      );
      expect(fits).toBe(true);
      const given = list(object(model)["args"] ?? []).map(String);
      const args = list(containerOf(runtime)["args"]).map((arg) =>
        String(arg).replace("{{.Name}}", nameOf(tree)),
      );
      expect(() => parseServe([...args, ...given], {})).not.toThrow();
    },
  );

  it.each(titled(services.filter(({ tree }) => knative(tree))))(
    "%s has time to drain before it is killed",
    (_, tree) => {
      const { timeout = 300, terminationGracePeriodSeconds } = object(specOf(tree)["predictor"]);
      // Knative drains for 30 s before it says SIGTERM, and knows no such field.
      expect(Number(timeout)).toBeGreaterThanOrEqual(40);
      expect(terminationGracePeriodSeconds).toBeUndefined();
    },
  );

  it("the seed's goes to zero", () => {
    const { predictor } = specOf(only("examples/iris-sklearn.yaml"));
    expect(object(predictor)["minReplicas"]).toBe(0);
  });

  it("one that pulls by itself is not killed while it does", () => {
    for (const container of containersIn(only("examples/self-pull.yaml"))) {
      const { livenessProbe } = container;
      if (livenessProbe === undefined) continue;
      const { initialDelaySeconds } = object(livenessProbe);
      expect(Number(initialDelaySeconds) * 1_000).toBeGreaterThanOrEqual(loadMsMax);
    }
  });
});

describe("kustomizations", () => {
  const kustomizations = manifests.filter(({ tree }) => tree["kind"] === "Kustomization");

  it.each(kustomizations.map((one) => [one.file, one.tree] as const))(
    "%s names what is there",
    (file, tree) => {
      const folder = join(k8s, file, "..");
      for (const part of [...list(tree["resources"]), ...list(tree["configurations"] ?? [])]) {
        expect(existsSync(join(folder, String(part))), String(part)).toBe(true);
      }
    },
  );
});

describe("what is watched", () => {
  let server: TestServer;
  let names: ReadonlySet<string>;

  beforeAll(async () => {
    server = await startServer({ args: [`iris=${irisModel}`, "--workers", "1"] });
    const input = { name: "input-0", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] };
    await http1(server.port, { path: "/v2/models/iris/infer", body: inferBody([input]) });
    const page = (await http1(server.port, { path: "/metrics" })).text;
    names = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name));
  });

  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  it.each(["monitoring/alerts.yaml", "monitoring/dashboard.json", "examples/standard-keda.yaml"])(
    "in %s is what the server tells",
    (file) => {
      const text = readFileSync(join(k8s, file), "utf8");
      const asked = [...text.matchAll(/\b(?:thaw|nv)_[a-z0-9_]+/g)].map(([name]) => name);
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.filter((name) => !names.has(name))).toEqual([]);
    },
  );
});
