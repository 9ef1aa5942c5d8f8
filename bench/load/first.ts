import type { ChildProcess } from "node:child_process";
import { type Answer, answerOf, GrpcLane, lost, openSession, RestLane } from "./lanes.ts";

/** The first correct answer of a server that was just started. */

export interface Question {
  readonly port: number;
  readonly kind: "rest" | "grpc";
  readonly request: Buffer;
  /** Throws where the answer is not right. */
  readonly check: (body: Buffer) => void;
  /** A server that listens before it can answer is asked again. */
  readonly patient?: boolean;
}

const pauseMs = 2;

/** Asks every 2 ms, over a new connection each time, until there is an answer; checks it. */
export async function firstAnswer(child: ChildProcess, question: Question): Promise<void> {
  const good = question.kind === "grpc" ? 0 : 200;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const { status, body } = await ask(question);
    if (status === good || (status >= 0 && question.patient !== true)) return question.check(body);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function ask({ kind, port, request }: Question): Promise<Answer> {
  if (kind === "rest") {
    const lane = new RestLane(port);
    const answer = await answerOf(lane, request);
    lane.close();
    return answer;
  }
  const session = await openSession(port).catch(() => undefined);
  if (session === undefined) return lost;
  const answer = await answerOf(new GrpcLane(session), request);
  session.destroy();
  return answer;
}
