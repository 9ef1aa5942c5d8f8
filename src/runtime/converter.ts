import { statSync } from "node:fs";
import { extname } from "node:path";
import { Piscina } from "piscina";
import { converterIdleMs, drainMsMax, MiB } from "../domain/limits.ts";
import type { Log } from "../domain/ports.ts";
import type { ConversionTask } from "./conversion.ts";

export interface ConverterOptions {
  /** The file of the loader thread's entry, which exports `perform`. */
  readonly conversionFile: string;
  readonly folder: string;
  /** JavaScript heap of the thread. */
  readonly heapMiBMax: number;
  readonly log: Log;
}

type Pool = Piscina<ConversionTask, string | undefined>;

/**
 * A loader thread beside the slots, for files that have to become graphs while requests are
 * served: a slot that converted would run nothing for as long. It ends when it is idle, and a file
 * that needs more memory than it may have takes down nothing else.
 */
export class Converter {
  readonly #options: ConverterOptions;
  #pool: Pool | undefined;

  constructor(options: ConverterOptions) {
    this.#options = options;
  }

  /**
   * Why the file is refused; `undefined` where a slot may load it. Until something is served, a
   * slot converts a small file sooner than a thread would start. Never rejects.
   */
  async convert(modelPath: string, serving = true): Promise<string | undefined> {
    if (extname(modelPath).toLowerCase() === ".onnx") return undefined;
    const large = isLarge(modelPath);
    if (!serving && !large) return undefined;
    const { folder, heapMiBMax, log } = this.#options;
    this.#pool ??= this.#open();
    const pool = this.#pool;
    try {
      const reason = await pool.run({ modelPath, folder });
      if (large) await this.#end(pool);
      return reason;
    } catch (error) {
      if (Object(error).code === "ERR_WORKER_OUT_OF_MEMORY") {
        return `its conversion takes more than the ${heapMiBMax} MiB of heap that it may`;
      }
      // Whatever it was, a slot's own try says it in full.
      log.write("warn", "conversion failed", { modelPath, error });
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }

  /** What the thread has taken is given back before a session takes as much. */
  async #end(pool: Pool): Promise<void> {
    if (this.#pool === pool) this.#pool = undefined;
    await pool.close();
  }

  #open(): Pool {
    const { conversionFile, heapMiBMax, log } = this.#options;
    const pool = new Piscina<ConversionTask, string | undefined>({
      filename: conversionFile,
      name: "perform",
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: converterIdleMs,
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: heapMiBMax },
      closeTimeout: 10 * drainMsMax,
    });
    pool.on("error", (error) => log.write("debug", "loader thread", { error }));
    return pool;
  }
}

const largeBytes = 16 * MiB;

function isLarge(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largeBytes;
}
