import { equal, match } from "node:assert/strict";
import { run } from "./program.ts";
import type { Report } from "./report.ts";

/** Checks with grpc-health-probe, which stands in images as an exec probe. */

interface HealthProbe {
  readonly program: string;
  readonly port: number;
}

const probeMsMax = 15_000;

export async function checkHealthProbe(report: Report, { program, port }: HealthProbe) {
  const probe = (...options: readonly string[]) =>
    run(program, [`-addr=127.0.0.1:${port}`, ...options], { timeoutMs: probeMsMax });
  await report.check("grpc-health-probe: the server serves", async () => {
    const { code, stdout, stderr } = await probe();
    equal(code, 0, stderr);
    match(`${stdout}${stderr}`, /SERVING/);
  });
  await report.check("grpc-health-probe: its inference service serves", async () => {
    const { code, stderr } = await probe("-service=inference.GRPCInferenceService");
    equal(code, 0, stderr);
  });
  await report.check("grpc-health-probe: another service is unknown", async () => {
    const { code, stderr } = await probe("-service=nope");
    // Its exit status for an RPC that failed.
    equal(code, 3, stderr);
    match(stderr, /unknown service/i);
  });
}
