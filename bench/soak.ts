import { join } from "node:path";
import { copyBundle } from "./load/bundle.ts";
import { sendMix } from "./load/mix.ts";
import { irisPath } from "./load/models.ts";
import { startServer } from "./load/server.ts";
import { type Point, slopeOf } from "./load/slope.ts";

/**
 * Whether a server grows: mixed requests, errors and cancels, and the slope of its resident memory
 * after a warm-up of a fifth. Run as `node bench/soak.ts [requests] [--control]`; the control is a
 * server that leaks on purpose, so that a check which sees nothing is seen through. Linux only.
 */

const words = process.argv.slice(2);
const requests = Number(words.find((word) => !word.startsWith("--")) ?? 200_000);
const withControl = words.includes("--control");
const samples = 500;
const warmUpShare = 0.2;
const per = 100_000;
const limitMiB = 2;
const quietMs = 2_000;
const mebi = 2 ** 20;
// As the image has them, and an old space that is soon collected, so that short runs settle too.
const env = { NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=4" };
const program = copyBundle();

interface Verdict {
  readonly passes: boolean;
  readonly text: string;
}

/** Passes if the slope is below the limit for sure, fails if it is above it for sure. */
function judge(points: readonly Point[]): Verdict {
  const { slope, bound } = slopeOf(points);
  const [middle, half] = [slope * per, bound * per];
  const figures = `${middle.toFixed(2)} ± ${half.toFixed(2)} MiB per 100,000 requests`;
  if (middle + half <= limitMiB) return { passes: true, text: `PASS, ${figures}` };
  if (middle - half > limitMiB) return { passes: false, text: `FAIL, ${figures}` };
  return { passes: false, text: `FAIL, not sure: ${figures}; a longer run tells` };
}

async function soak(name: string, entry: readonly string[]): Promise<Verdict> {
  const server = await startServer(
    [...entry, "serve", `iris=${irisPath}`, "--workers", "1", "--host", "127.0.0.1"],
    { env: { ...env, THAW_BENCH_PROGRAM: program } },
  );
  // Everything that is made once is made before anything is counted.
  await sendMix(server.port, 2_000, Number.POSITIVE_INFINITY, () => {});
  await quiet();
  const before = { sockets: server.sockets(), threads: server.threads() };
  const points: Point[] = [];
  const start = performance.now();
  await sendMix(server.port, requests, Math.ceil(requests / samples), (sent) => {
    points.push({ x: sent, y: server.residentBytes() / mebi });
  });
  const seconds = (performance.now() - start) / 1_000;
  await quiet();
  const after = { sockets: server.sockets(), threads: server.threads() };
  const residentMiB = server.residentBytes() / mebi;
  const code = await server.stop();
  const verdict = judge(points.filter(({ x }) => x > requests * warmUpShare));
  console.log(`${name}: ${requests} requests at ${(requests / seconds).toFixed(0)}/s`);
  console.log(`  memory  ${verdict.text} (limit ${limitMiB})`);
  console.log(`  at the end ${residentMiB.toFixed(0)} MiB`);
  const held = after.sockets <= before.sockets && after.threads <= before.threads && code === 0;
  console.log(
    `  handles ${held ? "PASS" : "FAIL"}, sockets ${before.sockets} → ${after.sockets}, ` +
      `threads ${before.threads} → ${after.threads}, exit ${code} after SIGTERM`,
  );
  return { passes: verdict.passes && held, text: verdict.text };
}

/** Closed connections are noticed, and cancelled runs end. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, quietMs));
}

const server = await soak("thaw", [program]);
console.log(server.passes ? "thaw: PASS" : "thaw: FAIL");
if (withControl) {
  const leaky = await soak("control", [join(import.meta.dirname, "load/leaky.ts")]);
  const seen = leaky.passes ? "PASS, so this check sees no leak" : "FAIL, as it must";
  console.log(`control: ${seen}`);
}
