import { describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import {
  loadAttemptsMax,
  loadWaitersMax,
  MiB,
  modelNameBytesMax,
} from "../../src/domain/limits.ts";
import { modelNameProblem, parseModelName, parseVersion } from "../../src/domain/model.ts";
import type { LoadOutcome, LoadPlan } from "../../src/domain/ports.ts";
import { ServerHealth } from "../../src/models/health.ts";
import { Lifecycle } from "../../src/models/lifecycle.ts";
import { type PlanParts, planOf } from "../../src/models/plan.ts";
import { Repository } from "../../src/models/repository.ts";
import { FakeClock } from "../fakes/clock.ts";
import { FakeWorkers, loaded } from "./fake-workers.ts";

interface Given {
  readonly load?: (plan: LoadPlan) => Promise<LoadOutcome>;
  readonly budgetBytes?: number;
}

function repositoryOf({ load, budgetBytes }: Given = {}) {
  const clock = new FakeClock();
  const workers = new FakeWorkers(load);
  const changes: boolean[] = [];
  const log: string[] = [];
  const repository: Repository = new Repository({
    clock,
    executor: workers,
    log: { write: (_, event) => void log.push(event) },
    budgetBytes,
    onChange: () => changes.push(repository.allReady()),
  });
  /** Gives promises and turns what they need. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await clock.turn();
  };
  const call = (limitMs = 1_000) => new Call(clock.nowMs() + limitMs);
  const apply = (goal: "loaded" | "lazy", ...versions: readonly Partial<PlanParts>[]) => {
    const plans = versions.map((parts) => planOf({ ...plan(), pinned: false, ...parts }));
    repository.apply({ name: plans[0]?.name ?? plan().name, versions: plans }, goal);
  };
  return { apply, call, changes, clock, log, repository, settle, workers };
}

const name = parseModelName("m");
const plan = (version = 1) => ({ name, version, modelPath: `${version}.onnx` });

/** A lease that has to be there at once. */
function leaseOf(repository: Repository, call: Call, version?: string) {
  const lease = repository.lease(name, version, call);
  if (lease instanceof Promise) throw new Error("it had to wait");
  return lease;
}

describe("a version's life", () => {
  it("goes only along its arrows", () => {
    const states: string[] = [];
    const life = new Lifecycle(({ kind }) => states.push(kind));
    life.change({ kind: "loading" });
    life.change({ kind: "unavailable", reason: "no" });
    life.change({ kind: "loading" });
    expect(() => life.change({ kind: "unloading" })).toThrow("This is a bug.");
    expect(states).toEqual(["loading", "unavailable", "loading"]);
  });

  it("counts leases, and notices one that comes back twice", async () => {
    const { repository, call, clock } = repositoryOf();
    const load = repository.load(plan());
    await clock.turn();
    await load;
    const lease = leaseOf(repository, call());
    expect(repository.leases).toBe(1);
    lease.release();
    expect(() => lease.release()).toThrow("This is a bug.");
  });
});

describe("named models", () => {
  it("make the server ready when each can be leased, and not before", async () => {
    const gate = Promise.withResolvers<LoadOutcome>();
    const { repository, call, settle } = repositoryOf({ load: () => gate.promise });
    const health = new ServerHealth(() => repository.allReady());
    const told: boolean[] = [];
    health.onChange((ready) => told.push(ready));
    const load = repository.load(plan());
    expect(health.ready()).toBe(false);
    expect(repository.ready(name, undefined)).toBe(false);
    gate.resolve(loaded);
    await settle();
    await load;
    health.refresh();
    expect(leaseOf(repository, call(), "1").model.version).toBe(1);
    health.drain();
    expect(told).toEqual([true, false]);
  });

  it("say why they cannot be loaded", async () => {
    const { repository, settle } = repositoryOf({
      load: async () => ({ kind: "refused", reason: "it is a poem" }),
    });
    const load = repository.load(plan());
    const failed = expect(load).rejects.toThrow("model 'm' cannot be loaded: it is a poem");
    await settle();
    await failed;
    expect(repository.allReady()).toBe(false);
  });

  it("are loaded again where their slots lost them", async () => {
    const { repository, changes, call, clock, settle, workers } = repositoryOf();
    const load = repository.load(plan());
    await settle();
    await load;
    repository.lost(1, "the file is gone");
    expect(changes.at(-1)).toBe(false);
    const waiting = repository.lease(name, undefined, call(5_000));
    await clock.advance(1_000);
    expect((await waiting).model.generation).toBe(2);
    expect([...workers.held.keys()]).toEqual([2]);
    expect(repository.allReady()).toBe(true);
  });

  it("choose the highest version that is ready", async () => {
    const { repository, call, settle } = repositoryOf();
    for (const version of [2, 10, 1]) {
      const load = repository.load(plan(version));
      await settle();
      await load;
    }
    expect(leaseOf(repository, call()).model.version).toBe(10);
    expect(() => repository.lease(name, "3", call())).toThrow("version 3 is not found");
    expect(await repository.metadata(name, undefined)).toMatchObject({ versions: [1, 2, 10] });
  });
});

describe("models that come on demand", () => {
  it("are loaded once for all who wait", async () => {
    const gate = Promise.withResolvers<LoadOutcome>();
    const { apply, call, repository, settle, workers } = repositoryOf({ load: () => gate.promise });
    apply("lazy", plan());
    await settle();
    expect(workers.loads).toEqual([]);
    const waiting = Array.from({ length: 1_000 }, () => repository.lease(name, undefined, call()));
    await settle();
    gate.resolve(loaded);
    await settle();
    const leases = await Promise.all(waiting);
    expect(workers.loads.length).toBe(1);
    expect(repository.leases).toBe(1_000);
    for (const lease of leases) lease.release();
    expect(leaseOf(repository, call()).model.version).toBe(1);
  });

  it("answer who waits within its deadline, and who leaves", async () => {
    const { apply, call, clock, repository } = repositoryOf({ load: () => new Promise(() => {}) });
    apply("lazy", plan());
    const late = expect(repository.lease(name, undefined, call(50))).rejects.toThrow("deadline");
    const gone = call();
    const left = expect(repository.lease(name, undefined, gone)).rejects.toThrow("cancelled");
    gone.cancel();
    await clock.advance(70);
    await Promise.all([late, left]);
    expect(repository.memory.waiting).toBe(0);
  });

  it("refuse early who could not be answered in time", async () => {
    const { apply, call, repository, settle, clock } = repositoryOf();
    apply("lazy", plan());
    const first = repository.lease(name, undefined, call());
    await settle();
    (await first).release();
    await clock.turn();
    // The load took 6 ms; one that is evicted would take as long again.
    await Promise.all([repository.unload(name), settle()]);
    apply("lazy", { ...plan(), fingerprint: "other" });
    for (const version of repository.versions(name)) version.goal = "lazy";
    expect(() => repository.lease(name, undefined, call(5))).toThrow("takes about 6 ms");
  });

  it("bound how many wait, at n and n + 1", async () => {
    const { apply, call, repository, clock } = repositoryOf({ load: () => new Promise(() => {}) });
    apply("lazy", plan());
    const waiting = Array.from({ length: loadWaitersMax }, () =>
      Promise.resolve(repository.lease(name, undefined, call())).catch((error) => error.kind),
    );
    expect(() => repository.lease(name, undefined, call())).toThrow("requests wait for models");
    await clock.advance(2_000);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["deadline-exceeded"]));
  });

  it("are tried again where a failure may pass, then give up and say why", async () => {
    const { apply, call, clock, repository, workers } = repositoryOf({
      load: async () => ({ kind: "refused", reason: "lost", passing: true }),
    });
    apply("lazy", plan());
    const refused = expect(repository.lease(name, undefined, call(60_000))).rejects.toThrow(
      "version 1 is not at ready state",
    );
    await clock.advance(30_000);
    await refused;
    expect(workers.loads.length).toBe(loadAttemptsMax);
    expect(repository.versions(name)[0]?.state).toEqual({ kind: "unavailable", reason: "lost" });
    // A request after the pause tries once more.
    await clock.advance(60_000);
    const again = expect(repository.lease(name, undefined, call())).rejects.toThrow("not at ready");
    await clock.advance(100);
    await again;
    expect(workers.loads.length).toBe(loadAttemptsMax + 1);
    expect(() => repository.lease(name, undefined, call())).toThrow("not at ready state");
  });
});

describe("a new version", () => {
  it("is loaded beside the old one, which serves until then, and goes", async () => {
    let gate: PromiseWithResolvers<LoadOutcome> | undefined;
    const { apply, call, repository, settle, workers } = repositoryOf({
      load: () => gate?.promise ?? Promise.resolve(loaded),
    });
    apply("loaded", plan(1));
    await settle();
    const old = leaseOf(repository, call());
    gate = Promise.withResolvers();
    apply("loaded", plan(2));
    await settle();
    expect(leaseOf(repository, call()).model.version).toBe(1);
    gate.resolve(loaded);
    await settle();
    expect(leaseOf(repository, call()).model.version).toBe(2);
    // Whoever held the old one still does.
    expect([...workers.held.values()]).toEqual(["1.onnx", "2.onnx"]);
    old.release();
    expect(repository.leases).toBeGreaterThan(0);
  });

  it("that cannot be loaded leaves the old one serving", async () => {
    const { apply, call, clock, repository, settle, workers } = repositoryOf({
      load: async ({ modelPath }) =>
        modelPath.startsWith("2") ? { kind: "refused", reason: "torn" } : loaded,
    });
    apply("loaded", plan(1));
    await settle();
    apply("loaded", plan(2));
    await clock.advance(100_000);
    expect(leaseOf(repository, call()).model.version).toBe(1);
    expect(repository.allReady()).toBe(true);
    apply("loaded", { ...plan(2), modelPath: "3.onnx", fingerprint: "mended" });
    await clock.advance(100_000);
    expect(leaseOf(repository, call()).model.version).toBe(2);
    expect(workers.loads.length).toBe(3);
  });

  it("of the same number takes over in place", async () => {
    const { apply, call, repository, settle, workers } = repositoryOf();
    apply("loaded", plan(1));
    await settle();
    apply("loaded", { ...plan(1), modelPath: "new.onnx", fingerprint: "new" });
    expect(repository.ready(name, undefined)).toBe(true);
    await settle();
    expect(leaseOf(repository, call()).model.generation).toBe(2);
    expect([...workers.held.values()]).toEqual(["new.onnx"]);
  });
});

describe("an unload", () => {
  it("waits for those who hold the model, and lets nobody in after", async () => {
    const { apply, call, repository, settle, workers } = repositoryOf();
    apply("loaded", plan());
    await settle();
    const lease = leaseOf(repository, call());
    const unloaded = repository.unload(name);
    await settle();
    expect(workers.held.size).toBe(1);
    expect(() => repository.lease(name, undefined, call())).toThrow("not at ready state");
    lease.release();
    await unloaded;
    expect(workers.held.size).toBe(0);
    expect(repository.ready(name, undefined)).toBe(false);
    repository.remove(name);
    expect(() => repository.ready(name, undefined)).toThrow("is not found");
  });
});

describe("the memory budget", () => {
  const heavy = (model: string) => ({
    name: parseModelName(model),
    version: 1,
    modelPath: model,
    bytes: 10 * MiB,
  });

  it("makes room by unloading what was used least recently, and is idle", async () => {
    const { call, repository, settle, workers } = repositoryOf({ budgetBytes: 26 * MiB });
    const use = async (model: string) => {
      const lease = repository.lease(parseModelName(model), undefined, call());
      await settle();
      return lease;
    };
    for (const model of ["a", "b", "c", "d"]) {
      repository.apply(
        { name: parseModelName(model), versions: [planOf({ ...heavy(model), pinned: false })] },
        "lazy",
      );
    }
    (await use("a")).release();
    (await use("b")).release();
    (await use("a")).release();
    const held = await use("c");
    expect([...workers.held.values()]).toEqual(["a", "c"]);
    (await use("d")).release();
    expect([...workers.held.values()]).toEqual(["c", "d"]);
    held.release();
    expect(repository.versions(parseModelName("a"))[0]?.state.kind).toBe("unknown");
  });

  it("refuses with figures what can never fit", async () => {
    const { repository, settle } = repositoryOf({ budgetBytes: 26 * MiB });
    const load = repository.load({ ...heavy("huge"), bytes: 30 * MiB });
    const refused = expect(load).rejects.toThrow(
      /it needs about 36\.3 MiB, but of the memory budget of 26\.0 MiB at most 26\.0 MiB can/,
    );
    await settle();
    await refused;
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
