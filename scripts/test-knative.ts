import { join } from "node:path";
import { installKserve, installQueueProxy } from "../test/clients/install.ts";
import { lastLine, run } from "../test/clients/program.ts";
import { Report, reasonOf } from "../test/clients/report.ts";
import { setup as build } from "../test/support/build.ts";

/**
 * Knative's own queue-proxy before the real server: probing, both versions of HTTP and gRPC through
 * one port, a burst at the moment of readiness, and scale-downs under load, each in a network
 * namespace of its own. Skipped in a line where it cannot be built or namespaces cannot be made.
 *
 * npm run test:knative -- [number of scale-downs, 40 by default]
 */

const scaleDowns = Number(process.argv[2] ?? 40);
const atOnce = 10;
const scenarioMsMax = 180_000;
const scenario = join(import.meta.dirname, "../test/knative/scenario.ts");
const report = new Report((line) => process.stdout.write(`${line}\n`));

await main();
process.stdout.write(`${report.summary()}\n`);
process.exitCode = report.failed > 0 ? 1 : 0;

async function main(): Promise<void> {
  build();
  let program: string;
  try {
    const installed = await installQueueProxy();
    report.note(`using ${installed.version}`);
    program = installed.program;
    await isolated(["true"]);
  } catch (error) {
    report.skip("queue-proxy", reasonOf(error));
    return;
  }
  await play(program, "requests", 0);
  await play(program, "requests", 1);
  await play(program, "burst", 0);
  const waiting = Array.from({ length: scaleDowns }, (_, at) => at + 1).values();
  const lane = async () => {
    for (const number of waiting) await play(program, "scale-down", number);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  for (const name of ["agent", "router"] as const) {
    try {
      const installed = await installKserve(name);
      report.note(`using KServe's ${installed.version}`);
      await play(installed.program, name, 0);
    } catch (error) {
      report.skip(`KServe's ${name}`, reasonOf(error));
    }
  }
}

/** Runs words where loopback is nobody else's. */
async function isolated(words: readonly string[], onLine?: (line: string) => void) {
  const shell = `ip link set lo up && exec "$@"`;
  const args = ["-rn", "sh", "-c", shell, "sh", ...words];
  const ended = await run("unshare", args, {
    timeoutMs: scenarioMsMax,
    ...(onLine === undefined ? {} : { onLine }),
  });
  if (ended.code !== 0 && onLine === undefined) throw new Error(lastLine(ended.stderr));
  return ended;
}

async function play(program: string, name: string, number: number): Promise<void> {
  const before = report.checks;
  const words = [process.execPath, scenario, program, name, String(number)];
  const { code, stderr } = await isolated(words, (line) => {
    if (!report.adopt(line)) report.note(line);
  });
  if (code !== 0 && report.checks === before) report.fail(name, lastLine(stderr));
}
