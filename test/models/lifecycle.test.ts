import { describe, expect, it } from "vitest";
import { modelNameBytesMax } from "../../src/domain/limits.ts";
import { modelNameProblem, parseModelName, parseVersion } from "../../src/domain/model.ts";
import type { LoadOutcome, LoadPlan } from "../../src/domain/ports.ts";
import { ServerHealth } from "../../src/models/health.ts";
import { Lifecycle } from "../../src/models/lifecycle.ts";
import { Repository } from "../../src/models/repository.ts";

const signature = { kind: "fixed" as const, inputs: [], outputs: [] };
const times = { readMs: 0, sessionMs: 0, warmMs: 0 };
const loaded: LoadOutcome = {
  kind: "loaded",
  signature,
  platform: "test",
  times,
  warmUpFailure: undefined,
};

function repositoryOf(load: (plan: LoadPlan) => Promise<LoadOutcome>) {
  const changes: boolean[] = [];
  const judge = () => Promise.resolve({ kind: "batchable" as const });
  const executor = { load, judge, unload: () => Promise.resolve() };
  const repository: Repository = new Repository({
    executor,
    log: { write: () => {} },
    onChange: () => changes.push(repository.allReady()),
  });
  return { repository, changes };
}

const plan = (version = 1) => ({ name: parseModelName("m"), version, modelPath: "m.onnx" });

describe("a version's life", () => {
  it("goes only along its arrows", () => {
    const states: string[] = [];
    const life = new Lifecycle(({ kind }) => states.push(kind));
    life.change({ kind: "loading" });
    life.change({ kind: "failed", reason: "no" });
    life.change({ kind: "loading" });
    expect(() => life.change({ kind: "unloaded" })).toThrow("This is a bug.");
    expect(states).toEqual(["loading", "failed", "loading"]);
  });

  it("counts leases, and notices one that comes back twice", () => {
    const life = new Lifecycle(() => {});
    life.lease();
    life.release();
    expect(() => life.release()).toThrow("This is a bug.");
  });
});

describe("the repository", () => {
  it("is ready when every version can be leased, and not before", async () => {
    const gate = Promise.withResolvers<LoadOutcome>();
    const { repository } = repositoryOf(() => gate.promise);
    const health = new ServerHealth(() => repository.allReady());
    const told: boolean[] = [];
    health.onChange((ready) => told.push(ready));
    const load = repository.load(plan());
    expect(health.ready()).toBe(false);
    expect(() => repository.lease(plan().name, undefined)).toThrow("is not at ready state");
    expect(repository.ready(plan().name, undefined)).toBe(false);
    gate.resolve(loaded);
    await load;
    health.refresh();
    const lease = repository.lease(plan().name, "1");
    expect(lease.model.version).toBe(1);
    lease.release();
    health.drain();
    expect(told).toEqual([true, false]);
  });

  it("says why a model cannot be loaded", async () => {
    const { repository } = repositoryOf(async () => ({ kind: "refused", reason: "it is a poem" }));
    await expect(repository.load(plan())).rejects.toThrow(
      "model 'm' cannot be loaded: it is a poem",
    );
    expect(repository.allReady()).toBe(false);
  });

  it("loses a model whose slots cannot be filled again", async () => {
    const { repository, changes } = repositoryOf(async () => loaded);
    await repository.load(plan());
    repository.lost(1, "the file is gone");
    expect(changes.at(-1)).toBe(false);
    expect(() => repository.lease(plan().name, undefined)).toThrow("not at ready state");
  });

  it("chooses the highest version that is ready", async () => {
    const { repository } = repositoryOf(async () => loaded);
    for (const version of [2, 10, 1]) await repository.load(plan(version));
    expect(repository.lease(plan().name, undefined).model.version).toBe(10);
    repository.lost(2, "gone");
    expect(repository.lease(plan().name, undefined).model.version).toBe(2);
    expect(() => repository.lease(plan().name, "3")).toThrow("version 3 is not found");
  });
});

describe("names and versions", () => {
  it("follow their rules, at n and n + 1", () => {
    for (const good of ["iris", "a b", "ä", "a.b-c_d", "x".repeat(modelNameBytesMax)]) {
      expect(modelNameProblem(good), good).toBeUndefined();
    }
    const bad = [
      "",
      ".a",
      "a/b",
      "a\\b",
      "a\0",
      "a\n",
      "\ud800",
      "x".repeat(modelNameBytesMax + 1),
    ];
    for (const name of bad) {
      expect(modelNameProblem(name), JSON.stringify(name)).toBeDefined();
      expect(() => parseModelName(name)).toThrow("is not found");
    }
    expect(["1", "42", "0", "01", "-1", "1.0", "x", ""].map(parseVersion)).toEqual([
      1,
      42,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
