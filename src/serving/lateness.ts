import { cancelledError, deadlineError } from "../domain/call.ts";
import { ServingError } from "../domain/error.ts";
import type { Entry } from "./entry.ts";

/** Why an entry is no longer worth its run or its answer, or `undefined`. */
export function lateness(entry: Entry, nowMs: number): ServingError | undefined {
  if (entry.call.cancelled) return cancelledError();
  if (nowMs >= entry.call.deadlineMs) return deadlineError();
  if (entry.state === "queued" && nowMs >= entry.queueUntilMs) {
    return new ServingError(
      "overloaded",
      "Request timeout expired: it waited too long in the queue",
    );
  }
  return undefined;
}
