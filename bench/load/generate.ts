import { join } from "node:path";
import type { Opened, Order, Target } from "./generator.ts";
import type { Flood, Round, Until } from "./loops.ts";
import { checkIrisGrpc, checkIrisRest, irisGrpc, irisRest } from "./requests.ts";
import { cpuMs, spawnNode } from "./server.ts";

/** Clients of a server, whose connections stay open between rounds. */
export interface Clients {
  /** Of the generator's process so far. */
  cpuMs(): number;
  /** The body of the first answer. */
  readonly first: Buffer;
  run(until: Until): Promise<Round>;
  flood(perSecond: number, ms: number): Promise<Flood>;
}

/** The benchmark's end of the load generator; one order at a time. */
export class Generator {
  readonly #child: ReturnType<typeof spawnNode>;

  constructor(cpus?: string) {
    this.#child = spawnNode([join(import.meta.dirname, "generator.ts")], { cpus }, "ipc");
  }

  /** Throws unless the first answer is good. */
  async open(target: Omit<Target, "request">, request: Buffer): Promise<Clients> {
    const whole = { ...target, request: request.toString("base64") };
    const { at, status, body } = await this.#order<Opened>({ act: "open", target: whole });
    const first = Buffer.from(body, "base64");
    if (status !== (target.kind === "rest" ? 200 : 0)) {
      throw new Error(`the first answer has status ${status}: ${first.toString("latin1")}`);
    }
    return {
      cpuMs: () => cpuMs(this.#child.pid ?? 0),
      first,
      run: (until) => this.#order<Round>({ act: "run", at, until }),
      flood: (perSecond, ms) => this.#order<Flood>({ act: "flood", at, perSecond, ms }),
    };
  }

  /** Clients that ask for a flower, after a look at what they are told. */
  async openIris(kind: "rest" | "grpc", port: number, clients: number): Promise<Clients> {
    const opened = await this.open({ kind, port, clients }, kind === "rest" ? irisRest : irisGrpc);
    if (kind === "rest") checkIrisRest(opened.first);
    else checkIrisGrpc(opened.first);
    return opened;
  }

  close(): void {
    this.#child.disconnect();
  }

  /** What comes back is what `generator.ts` answers to this order. */
  #order<Result>(order: Order): Promise<Result> {
    return new Promise((resolve, reject) => {
      const early = () => reject(new Error("the load generator ended"));
      this.#child.once("exit", early);
      this.#child.once("message", (result) => {
        this.#child.off("exit", early);
        resolve(result as Result);
      });
      this.#child.send(order);
    });
  }
}
