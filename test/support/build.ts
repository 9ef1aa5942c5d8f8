import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Runs before all tests: they drive the bundle that users run, so it has to be today's. */
export function setup(): void {
  execFileSync(process.execPath, [join(import.meta.dirname, "../../scripts/build.ts")], {
    stdio: "inherit",
  });
}
