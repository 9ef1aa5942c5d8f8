import type { IndexEntry, IndexState } from "../domain/ports.ts";
import type { VersionState } from "./lifecycle.ts";
import type { Version } from "./version.ts";

/** A version in the words of Triton's index. What has never been loaded has a name only. */
export function indexEntry({ plan, state, failure }: Version): IndexEntry {
  const { name, version } = plan;
  if (state.kind === "unknown") return { name };
  return { name, version, state: states[state.kind], reason: reasonOf(state, failure) };
}

const states: Readonly<Record<VersionState["kind"], IndexState>> = {
  unknown: "UNKNOWN",
  loading: "LOADING",
  ready: "READY",
  unloading: "UNLOADING",
  unavailable: "UNAVAILABLE",
};

/** Of a ready version: why its newer files do not serve. */
function reasonOf(state: VersionState, failure: string | undefined): string {
  if (state.kind === "unavailable") return state.reason;
  return state.kind === "ready" && failure !== undefined ? `its new files: ${failure}` : "";
}
