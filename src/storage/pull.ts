import { constants } from "node:fs";
import { type FileHandle, open as openFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pullConnectionsMax, pullPartBytes, sourceBytesMax } from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";
import { type Checksum, checksumOf } from "./checksum.ts";
import type { ByteRange, Opened, Remote, RemoteFile } from "./remote.ts";
import { type Retries, storageErrorOf } from "./retry.ts";
import type { Speed } from "./speed.ts";

/** From a store to a file on disk: parts, retries and every check, the same for all schemes. */

export interface PullContext {
  readonly remote: Remote;
  readonly retries: Retries;
  readonly gate: Gate;
  readonly speed: Speed;
  readonly signal: AbortSignal;
  /** Bytes that came; negative when they have to come again. */
  readonly onBytes: (bytes: number) => void;
}

/** How many requests run at a time. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places = pullConnectionsMax) {
    this.#free = places;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/**
 * Writes `file` to `target`, which must not exist, and checks length and checksum. Memory is that
 * of the streams. Rejects with StorageError.
 */
export async function pullFile(
  context: PullContext,
  file: RemoteFile,
  target: string,
): Promise<number> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const output = await openFile(target, flags, 0o600);
  try {
    return await context.retries.run(context.signal, async () => {
      await output.truncate(0);
      const { bytes, checksum } = await pullInto(context, file, output);
      try {
        await verify(file, target, bytes, checksum);
      } catch (error) {
        context.onBytes(-bytes);
        throw error;
      }
      await output.sync();
      return bytes;
    });
  } finally {
    await output.close();
  }
}

interface Pulled {
  readonly bytes: number;
  readonly checksum: Checksum | undefined;
}

async function pullInto(
  context: PullContext,
  file: RemoteFile,
  output: FileHandle,
): Promise<Pulled> {
  const { bytes } = file;
  if (bytes === undefined || bytes <= pullPartBytes) return pullWhole(context, file, output);
  const parts = partsOf(bytes);
  const [first, ...others] = parts;
  if (first === undefined) throw new Error("a large file without parts. This is a bug.");
  // The others begin when the first answer has shown that the store sends parts.
  const tasks: Promise<Pulled | undefined>[] = [];
  const onRange = () => {
    if (tasks.length > 0) return;
    tasks.push(...others.map((part) => pullPart(context, file, part, { output })));
    // Their failures are reported below, when the first part has ended.
    for (const task of tasks) task.catch(() => undefined);
  };
  const begun = pullPart(context, file, first, { output, onRange });
  await Promise.allSettled([begun]);
  await allOrFirstFailure([begun, ...tasks]);
  const whole = await begun;
  if (whole !== undefined) return whole;
  const checksum = file.checksum ?? (await checksumAsked(context, file));
  return { bytes, checksum };
}

async function checksumAsked({ remote, retries, signal }: PullContext, file: RemoteFile) {
  return retries.run(signal, async () => remote.checksum?.(file, signal));
}

/** Waits for all, so that nothing writes any more when the first failure is reported. */
async function allOrFirstFailure(tasks: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function partsOf(bytes: number): ByteRange[] {
  const parts: ByteRange[] = [];
  for (let start = 0; start < bytes; start += pullPartBytes) {
    parts.push({ start, end: Math.min(bytes, start + pullPartBytes) });
  }
  return parts;
}

async function pullWhole(
  context: PullContext,
  file: RemoteFile,
  output: FileHandle,
): Promise<Pulled> {
  const { remote, signal, gate } = context;
  return gate.run(async () => {
    const opened = await remote.open(file, undefined, signal);
    return writeWhole(context, file, { opened, output });
  });
}

interface Flow {
  readonly opened: Opened;
  readonly output: FileHandle;
}

async function writeWhole(
  context: PullContext,
  file: RemoteFile,
  { opened, output }: Flow,
): Promise<Pulled> {
  checkOpened(file, opened, undefined);
  const bytesMax = file.bytes ?? sourceBytesMax;
  const bytes = await write(context, opened.body, output, { start: 0, end: bytesMax });
  if (file.bytes !== undefined && bytes !== file.bytes) throw short(bytes, file.bytes);
  return { bytes, checksum: file.checksum ?? opened.checksum };
}

interface PartTarget {
  readonly output: FileHandle;
  /** Called when an answer was what was asked for; its body is yet to come. */
  readonly onRange?: () => void;
}

/** Resolves with the whole file where the store does not send parts. */
function pullPart(
  context: PullContext,
  file: RemoteFile,
  part: ByteRange,
  { output, onRange }: PartTarget,
): Promise<Pulled | undefined> {
  const { remote, signal, gate, retries } = context;
  return retries.run(signal, () =>
    gate.run(async () => {
      const opened = await remote.open(file, part, signal);
      if (opened.range === undefined) {
        if (part.start === 0) return writeWhole(context, file, { opened, output });
        opened.body.destroy();
        throw new StorageError("corrupt", `a part was asked for, and the whole file came`);
      }
      checkOpened(file, opened, part);
      onRange?.();
      const bytes = await write(context, opened.body, output, part);
      if (bytes !== part.end - part.start) {
        context.onBytes(-bytes);
        throw short(bytes, part.end - part.start);
      }
      return undefined;
    }),
  );
}

function checkOpened(file: RemoteFile, opened: Opened, part: ByteRange | undefined): void {
  const problem = openedProblem(file, opened, part);
  if (problem === undefined) return;
  opened.body.destroy();
  throw new StorageError("corrupt", `'${file.path}': ${problem}`);
}

function openedProblem(
  { bytes }: RemoteFile,
  opened: Opened,
  part: ByteRange | undefined,
): string | undefined {
  const { encoding, range } = opened;
  if (encoding !== undefined && encoding !== "identity") return `it came encoded as ${encoding}`;
  if (part === undefined) {
    if (range !== undefined) return "a part came where the whole file was asked for";
    if (opened.bytes === undefined || bytes === undefined || opened.bytes === bytes) return;
    return `it has ${opened.bytes} bytes, the listing says ${bytes}`;
  }
  if (range === undefined) return "the whole file came where a part was asked for";
  if (range.start === part.start && range.end === part.end && range.total === bytes) return;
  const asked = `${part.start} to ${part.end} of ${bytes}`;
  return `bytes ${range.start} to ${range.end} of ${range.total} came, asked for were ${asked}`;
}

function short(bytes: number, expected: number): StorageError {
  return new StorageError("unavailable", `only ${bytes} of ${expected} bytes came`);
}

/** Writes a body at its place; resolves with the bytes written. */
async function write(
  { signal, speed, onBytes }: PullContext,
  body: Readable,
  output: FileHandle,
  { start, end }: ByteRange,
): Promise<number> {
  let at = start;
  const stop = () => body.destroy();
  signal.addEventListener("abort", stop, { once: true });
  const unwatch = speed.watch(body);
  try {
    for await (const chunk of body) {
      const bytes: Buffer = chunk;
      if (at + bytes.length > end) {
        throw new StorageError("corrupt", `more than the ${end - start} bytes came that were due`);
      }
      await output.write(bytes, 0, bytes.length, at);
      at += bytes.length;
      speed.add(bytes.length);
      onBytes(bytes.length);
    }
    return at - start;
  } catch (thrown) {
    onBytes(start - at);
    throw storageErrorOf(thrown);
  } finally {
    unwatch();
    signal.removeEventListener("abort", stop);
    body.destroy();
  }
}

async function verify(
  file: RemoteFile,
  target: string,
  bytes: number,
  checksum: Checksum | undefined,
): Promise<void> {
  if (checksum === undefined) return;
  const { algorithm, hex } = checksum;
  const found = await checksumOf(target, algorithm, bytes);
  if (found === hex) return;
  throw new StorageError(
    "corrupt",
    `'${file.path}': its ${algorithm} is ${found}, the store says ${hex}`,
  );
}
