import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../src/domain/clock.ts";
import { parseModelName, type TabularSignature } from "../../src/domain/model.ts";
import type { Executor } from "../../src/domain/ports.ts";
import { createHttpEdge } from "../../src/http/server.ts";
import { Repository } from "../../src/models/repository.ts";
import { PiscinaExecutor } from "../../src/runtime/executor.ts";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { Batcher } from "../../src/serving/batcher.ts";
import { ServingDataplane } from "../../src/serving/dataplane.ts";
import { save, temporaryFolder } from "./models.ts";

/** Graphs with the signatures of tables, served over HTTP as the readers of formats will have it. */

export interface TabularModel {
  readonly graph: Uint8Array;
  readonly signature: TabularSignature;
}

const silent = { write: () => {} };

/** A server in this process, with the port that it listens on. */
export async function serveTabular(models: Readonly<Record<string, TabularModel>>) {
  const folder = temporaryFolder();
  const executor = new PiscinaExecutor({
    slots: 1,
    threads: 1,
    workerFile: join(import.meta.dirname, "../../src/runtime/worker.ts"),
    heapMiBMax: 256,
    log: silent,
    onRefillFailed: () => {},
  });
  const signatures = new Map<string, TabularSignature>();
  /** The executor itself, but for what it says of a graph's signature. */
  const tabular: Executor = {
    load: async (plan) => {
      const outcome = await executor.load(plan);
      const signature = signatures.get(plan.modelPath);
      return outcome.kind === "loaded" && signature ? { ...outcome, signature } : outcome;
    },
    filled: (generation) => executor.filled(generation),
    unload: (generation) => executor.unload(generation),
    judge: (generation) => executor.judge(generation),
    freeSlots: (generation) => executor.freeSlots(generation),
    onSlotFree: (task) => executor.onSlotFree(task),
    run: (batch) => executor.run(batch),
  };
  const repository: Repository = new Repository({
    clock: systemClock,
    executor: tabular,
    log: silent,
    onChange: () => {},
  });
  for (const [name, { graph, signature }] of Object.entries(models)) {
    const modelPath = save(join(folder, `${name}.onnx`), graph);
    signatures.set(modelPath, signature);
    await repository.load({ name: parseModelName(name), version: 1, modelPath });
  }
  const batcher = new Batcher({
    clock: systemClock,
    executor: tabular,
    log: silent,
    merging: true,
  });
  const { http1 } = createHttpEdge({
    admission: new AdmissionGate({ entriesMax: 100, bytesMax: 2 ** 26 }),
    clock: systemClock,
    control: undefined,
    dataplane: new ServingDataplane({ clock: systemClock, models: repository, batcher }),
    events: { type: "t", source: undefined, merge: false },
    health: { live: () => true, ready: () => true, onChange: () => () => {} },
    log: silent,
    metrics: { read: async () => ({ text: "", contentType: "text/plain" }) },
    models: repository,
    statistics: batcher.statistics,
    requestBytesMax: 2 ** 24,
    version: "test",
  });
  await new Promise<void>((resolve) => http1.listen(0, "127.0.0.1", resolve));
  // A listening server has an address with a port.
  const { port } = http1.address() as AddressInfo;
  const close = async () => {
    await new Promise((resolve) => http1.close(resolve));
    await executor.close();
  };
  return { port, close, repository };
}
