import { copyBundle } from "./load/bundle.ts";
import { type Clients, Generator } from "./load/generate.ts";
import { convRest, irisPath, mlpRest, saveConv, saveMlp } from "./load/models.ts";
import { irisRest } from "./load/requests.ts";
import { compare, figuresText, goalText, type Variant } from "./load/rounds.ts";
import { type Server, startServer } from "./load/server.ts";

/**
 * What merging is worth, on over off, and what a second slot is worth where merging is worth
 * nothing. Run as `node bench/policy.ts [rounds]`.
 */

const rounds = Number(process.argv[2] ?? 5);
const program = copyBundle();
const sources = [`iris=${irisPath}`, `mlp=${saveMlp()}`, `conv=${saveConv()}`];
const generator = new Generator();

function start(...args: readonly string[]): Promise<Server> {
  return startServer([program, "serve", ...sources, "--host", "127.0.0.1", ...args]);
}

async function variant(server: Server, request: Buffer, clients: number): Promise<Variant> {
  const target = { kind: "rest" as const, port: server.port, clients };
  const opened: Clients = await generator.open(target, request);
  return { server, clients: opened };
}

interface Question {
  readonly name: string;
  readonly servers: readonly [Server, Server];
  readonly sides: readonly [string, string];
  readonly request: Buffer;
  readonly clients: number;
  readonly goal: number;
  readonly roundMs: number;
}

async function answer({ name, servers, sides, request, clients, goal, roundMs }: Question) {
  const { first, second, ratio } = await compare(
    await variant(servers[0], request, clients),
    await variant(servers[1], request, clients),
    { rounds, roundMs },
  );
  console.log(`${name}, ${clients} clients: ${sides.join(" over ")} ${goalText(ratio, goal)}`);
  console.log(`  ${sides[0].padEnd(12)} ${figuresText(first)}`);
  console.log(`  ${sides[1].padEnd(12)} ${figuresText(second)}`);
}

const on = await start("--workers", "1", "--batching", "auto");
const off = await start("--workers", "1", "--batching", "off");
const merging = { servers: [on, off], sides: ["merging", "off"], roundMs: 1_000 } as const;
await answer({ ...merging, name: "iris", request: irisRest, clients: 64, goal: 1.5 });
await answer({ ...merging, name: "iris", request: irisRest, clients: 1, goal: 0.95 });
await answer({ ...merging, name: "mlp", request: mlpRest, clients: 64, goal: 3 });
await off.stop();

const two = await start("--workers", "2", "--batching", "auto");
const slots = { servers: [two, on], sides: ["two slots", "one"], roundMs: 2_000 } as const;
await answer({ ...slots, name: "conv", request: convRest, clients: 8, goal: 1.7 });
await Promise.all([two.stop(), on.stop()]);
generator.close();
