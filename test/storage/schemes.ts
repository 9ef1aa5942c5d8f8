import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log, LogFields } from "../../src/domain/ports.ts";
import { Sources } from "../../src/storage/storage.ts";
import { type Fault, ObjectServer, type Objects } from "./object-server.ts";

/** Secrets that are in every test's environment, and must be in no message and no log. */
export const secrets = {
  key: "SECRETKEYsecretkey0123456789",
  token: "hf_SECRETTOKENsecrettoken",
  header: "Bearer SECRETHEADER",
};

export class MemoryLog implements Log {
  readonly lines: string[] = [];

  write(level: string, event: string, fields: LogFields = {}): void {
    this.lines.push(JSON.stringify({ level, event, ...fields }));
  }
}

export interface Bench {
  readonly server: ObjectServer;
  readonly sources: Sources;
  readonly log: MemoryLog;
  readonly cacheFolder: string;
  /** Another server process's view of the same cache. */
  again(options?: Partial<ConstructorParameters<typeof Sources>[0]>): Sources;
  close(): Promise<void>;
}

export async function openBench(
  objects: Objects,
  env: Record<string, string> = {},
): Promise<Bench> {
  const server = await new ObjectServer(objects).listen();
  const cacheFolder = await mkdtemp(join(tmpdir(), "thaw-storage-"));
  const log = new MemoryLog();
  const options = {
    env: { ...environment(server.origin), ...env },
    cacheFolder,
    cacheBytesMax: 2 ** 30,
    offline: false,
    log,
    pace: { random: () => 0, sleep: async () => undefined },
    idleMsMax: 400,
    slowMsMax: 400,
  };
  const open: Sources[] = [];
  const again: Bench["again"] = (more = {}) => {
    const sources = new Sources({ ...options, ...more });
    open.push(sources);
    return sources;
  };
  const close = async () => {
    await Promise.all(open.map((sources) => sources.close()));
    await server.close();
  };
  return { server, sources: again(), log, cacheFolder, again, close };
}

/** What points every scheme at the fake, with secrets of ours. */
export function environment(origin: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: secrets.key,
    AWS_ENDPOINT_URL: origin,
    STORAGE_EMULATOR_HOST: origin,
    HF_ENDPOINT: origin,
    HF_TOKEN: secrets.token,
    "127.0.0.1-headers": JSON.stringify({ authorization: secrets.header }),
  };
}

/** How each scheme names `model.bin`, and a folder of two files. */
export const schemes = [
  { name: "s3", file: () => "s3://bucket/one/model.bin" },
  { name: "gs", file: () => "gs://bucket/one/model.bin" },
  { name: "hf", file: () => "hf://org/repo/one/model.bin" },
  { name: "http", file: (origin: string) => `${origin}/bucket/one/model.bin` },
] as const;

/** Unfinished folders in the cache's owners' folders. */
export async function unfinished(cacheFolder: string): Promise<string[]> {
  const owners = join(cacheFolder, "v1", "owners");
  const found: string[] = [];
  for (const owner of await readdir(owners).catch(() => [])) {
    found.push(...(await readdir(join(owners, owner))));
  }
  return found;
}

/** The first `count` requests for content have the fault. */
export function firstFaults(count: number, fault: Fault): ObjectServer["fault"] {
  return ({ content }, before) => (content && before < count ? fault : undefined);
}
