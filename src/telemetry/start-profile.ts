import type { LoadTimes, LogFields } from "../domain/ports.ts";

/**
 * What each phase of a start took, in milliseconds, and when it was over. Those of the worker are
 * the first model's: while they last, the main thread imports what answers.
 */
export function startProfile(
  phasesMs: ReadonlyMap<string, number>,
  [first]: readonly { readonly times: LoadTimes }[],
): LogFields {
  const at = (phase: string) => phasesMs.get(phase) ?? 0;
  const ends: [string, number][] = [
    ["process", at("process")],
    ["modules", at("modules")],
  ];
  if (first !== undefined) {
    const { beganMs, readMs, sessionMs, warmMs } = first.times;
    ends.push(["worker", beganMs]);
    ends.push(["read", beganMs + readMs]);
    ends.push(["session", beganMs + readMs + sessionMs]);
    ends.push(["first_run", beganMs + readMs + sessionMs + warmMs]);
  }
  ends.push(["loaded", at("models_loaded")], ["bind", at("port_open")]);
  let before = 0;
  const fields = ends.map(([phase, end]): [string, string] => {
    const took = end - before;
    before = end;
    return [phase, `${took.toFixed(1)} → ${end.toFixed(1)}`];
  });
  return Object.fromEntries(fields);
}
