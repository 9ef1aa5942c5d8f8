import { extname } from "node:path";
import { Piscina } from "piscina";
import { converterIdleMs, drainMsMax } from "../domain/limits.ts";
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

/**
 * A loader thread beside the slots, for files that have to become graphs while requests are
 * served: a slot that converted would run nothing for as long. It ends when it is idle, and a file
 * that needs more memory than it may have takes down nothing else.
 */
export class Converter {
  readonly #options: ConverterOptions;
  #pool: Piscina<ConversionTask, string | undefined> | undefined;

  constructor(options: ConverterOptions) {
    this.#options = options;
  }

  /** Why the file is refused; `undefined` where a slot may load it. Never rejects. */
  async convert(modelPath: string): Promise<string | undefined> {
    if (extname(modelPath).toLowerCase() === ".onnx") return undefined;
    const { folder, heapMiBMax, log } = this.#options;
    this.#pool ??= this.#open();
    try {
      return await this.#pool.run({ modelPath, folder });
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

  #open(): Piscina<ConversionTask, string | undefined> {
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
