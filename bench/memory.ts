import { copyBundle } from "./load/bundle.ts";
import { type Clients, Generator } from "./load/generate.ts";
import { irisPath } from "./load/models.ts";
import { type Server, startServer } from "./load/server.ts";
import { type Point, slopeOf } from "./load/slope.ts";

/**
 * Resident memory of a small pod with Iris: after 100,000 requests, half REST and half gRPC, what
 * each further 100,000 add, and what a worker costs. Run as `node bench/memory.ts [hundreds of
 * thousands after the first]`. Linux only.
 */

const furtherRuns = Number(process.argv[2] ?? 2);
const residentGoalMiB = 150;
const slopeGoalMiB = 2;
const requestsPerRun = 100_000;
const requestsPerSample = 5_000;
const clients = 16;
const settleMs = 2_000;
const mebi = 2 ** 20;
const env = { NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=4" };
const program = copyBundle();
const generator = new Generator();

function start(workers: number): Promise<Server> {
  const words = ["serve", `iris=${irisPath}`, "--host", "127.0.0.1", "--workers", String(workers)];
  return startServer([program, ...words], { env });
}

function residentMiB(server: Server): number {
  return server.residentBytes() / mebi;
}

/** Further workers start when the port is open, and what has started settles. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, settleMs));
}

class Feeder {
  readonly #server: Server;
  readonly #both: readonly Clients[];
  #sent = 0;

  constructor(server: Server, both: readonly Clients[]) {
    this.#server = server;
    this.#both = both;
  }

  static async open(server: Server): Promise<Feeder> {
    const rest = await generator.openIris("rest", server.port, clients);
    return new Feeder(server, [rest, await generator.openIris("grpc", server.port, clients)]);
  }

  /** Sends requests by both protocols in turn, and looks at the memory after each turn. */
  async send(requests: number): Promise<Point[]> {
    const points: Point[] = [];
    for (const end = this.#sent + requests; this.#sent < end; this.#sent += requestsPerSample) {
      for (const one of this.#both) {
        await one.run({ requests: requestsPerSample / this.#both.length });
      }
      points.push({ x: this.#sent + requestsPerSample, y: residentMiB(this.#server) });
    }
    return points;
  }
}

const one = await start(1);
await settled();
const idleMiB = residentMiB(one);
const feeder = await Feeder.open(one);
const first = await feeder.send(requestsPerRun);
const afterMiB = first.at(-1)?.y ?? Number.NaN;
console.log(`one worker, idle ${idleMiB.toFixed(0)} MiB, ${one.threads()} threads`);
console.log(`after 100,000 requests ${afterMiB.toFixed(0)} MiB (goal ≤ ${residentGoalMiB})`);
const points = await feeder.send(furtherRuns * requestsPerRun);
const { slope, bound } = slopeOf(points);
const perRun = (slope * requestsPerRun).toFixed(2);
const perRunBound = (bound * requestsPerRun).toFixed(2);
console.log(`per further 100,000: ${perRun} ± ${perRunBound} MiB (goal ≤ ${slopeGoalMiB})`);
console.log(`at the end ${residentMiB(one).toFixed(0)} MiB`);
await one.stop();

const workersMany = 3;
const resident: number[] = [];
for (const workers of [1, workersMany]) {
  const server = await start(workers);
  await settled();
  await (await Feeder.open(server)).send(requestsPerSample);
  resident.push(residentMiB(server));
  await server.stop();
}
const [few = Number.NaN, many = Number.NaN] = resident;
const each = (many - few) / (workersMany - 1);
const base = `${few.toFixed(0)} MiB with one, ${many.toFixed(0)} with ${workersMany}`;
console.log(`each further worker ${each.toFixed(0)} MiB (${base}, after 5,000 requests)`);
console.log(`ratio of that to the whole with one ${(each / few).toFixed(2)}`);
generator.close();
