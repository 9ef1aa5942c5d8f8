import type { Call } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { queueWaitMsMax } from "../domain/limits.ts";
import type { Lease } from "../domain/model.ts";
import type { Dataplane, Models, Permit } from "../domain/ports.ts";
import { type InferRequest, type InferResponse, timeoutParameterMs } from "../domain/request.ts";
import type { Batcher } from "./batcher.ts";
import { answerIn, type Conformed } from "./conform/conformed.ts";
import { conform, conformInTurns, isMuchToConform } from "./conform.ts";
import { type Answer, Entry } from "./entry.ts";

export interface DataplanePorts {
  readonly clock: Clock;
  readonly models: Pick<Models, "lease">;
  readonly batcher: Batcher;
}

/** The way of a decoded request: lease the model, conform, queue, and the answer in its terms. */
export class ServingDataplane implements Dataplane {
  readonly #ports: DataplanePorts;

  constructor(ports: DataplanePorts) {
    this.#ports = ports;
  }

  async infer(request: InferRequest, call: Call, permit: Permit): Promise<InferResponse> {
    const now = this.#ports.clock.nowMs();
    const timeoutMs = timeoutParameterMs(request.parameters);
    if (timeoutMs !== undefined) call.limit(now + timeoutMs);
    call.check(now);
    const given = this.#ports.models.lease(request.model, request.version, call);
    // A loaded model takes no turn of the event loop more.
    const lease = given instanceof Promise ? await this.#waitFor(given, call, permit) : given;
    const conformed = isMuchToConform(request.inputs, lease.model.signature)
      ? await this.#conformInTurns(request, lease, call)
      : leased(lease, () => conform(request, lease.model));
    const answer = await this.#enqueue({ conformed, lease, call, permit, admittedMs: now });
    if (answer.kind === "error") throw answer.error;
    const { name, version } = lease.model;
    const outputs = answerIn(conformed.form, answer.outputs);
    return { model: name, version, id: request.id, outputs };
  }

  /** While a request waits for its model, its place is another's. */
  async #waitFor(given: Promise<Lease>, call: Call, permit: Permit): Promise<Lease> {
    permit.park();
    const lease = await given;
    await permit.unpark();
    return leased(lease, () => {
      call.check(this.#ports.clock.nowMs());
      return lease;
    });
  }

  async #conformInTurns(request: InferRequest, lease: Lease, call: Call): Promise<Conformed> {
    const { clock } = this.#ports;
    try {
      const work = conformInTurns(request, lease.model);
      for (;;) {
        const { done, value } = work.next();
        if (done) return value;
        await new Promise<void>((resolve) => clock.endOfTurn(resolve));
        call.check(clock.nowMs());
      }
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  #enqueue({ conformed, lease, call, permit, admittedMs }: Leased): Promise<Answer> {
    const { clock, batcher } = this.#ports;
    return new Promise((resolve) => {
      permit.hold();
      const entry: Entry = new Entry({
        inputs: conformed.inputs,
        outputs: conformed.outputs,
        model: lease.model,
        call,
        admittedMs,
        queueUntilMs: clock.nowMs() + queueWaitMsMax,
        answer: (answer) => {
          batcher.statistics.of(lease.model).settled(entry, answer, clock.nowMs());
          resolve(answer);
        },
        giveBack: () => {
          lease.release();
          permit.release();
        },
      });
      batcher.submit(entry);
    });
  }
}

/** A request with all that it holds. */
interface Leased {
  readonly conformed: Conformed;
  readonly lease: Lease;
  readonly call: Call;
  readonly permit: Permit;
  readonly admittedMs: number;
}

/** Runs `work`; a throw gives the lease back. */
function leased<T>(lease: Lease, work: () => T): T {
  try {
    return work();
  } catch (error) {
    lease.release();
    throw error;
  }
}
