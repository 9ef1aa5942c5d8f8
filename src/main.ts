#!/usr/bin/env node
import type { Signals } from "./cli/serve.ts";

/** argv → a command. The only file with process-wide effects. */

const nodeMajor = Number.parseInt(process.versions.node, 10);
if (nodeMajor < 24) {
  process.stderr.write(`thaw: needs Node 24 or newer, this is ${process.versions.node}\n`);
  process.exit(1);
}

// ONNX Runtime sends usage to its makers otherwise, and leaves files in the temporary folder. It
// asks for this when it is loaded, in whichever thread.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";

/** Other commands end by a signal, as usual. */
const signals = process.argv[2] === "serve" ? listen() : unheard();
const commands = ["serve", "fetch", "inspect", "convert", "bake", "verify"];

main(process.argv.slice(2)).then(
  (code) => {
    // The loop empties by itself: an exit with a worker inside ONNX Runtime aborts the process.
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = 1;
    process.stderr.write(`thaw: ${error instanceof Error ? error.stack : String(error)}\n`);
  },
);

function listen(): Signals {
  const second = new AbortController();
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let seen = false;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (seen) second.abort();
      seen = true;
      resolve(name);
    });
  }
  return { first: promise, second: second.signal };
}

function unheard(): Signals {
  return { first: new Promise(() => {}), second: new AbortController().signal };
}

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === "serve" && !asks(rest, "--help", "-h")) return serveCommand(rest);
  if (command === "serve") {
    const { serveHelp } = await import("./config/help.ts");
    return print(serveHelp());
  }
  if (command === "fetch") return fetchCommand(rest);
  const ran = await modelCommand(command, rest);
  if (ran !== undefined) return ran;
  const { programVersion } = await import("./config/program.ts");
  if (asks(argv, "--version", "-V")) return print(`thaw ${programVersion()}\n`);
  const { generalHelp } = await import("./config/help.ts");
  const help = generalHelp(programVersion());
  if (asks(argv, "--help", "-h") || command === "help") return print(help);
  if (command === undefined) return complain(help);
  return complain(
    `thaw: unknown command '${command}'; known: ${commands.join(", ")}. See --help\n`,
  );
}

/** Commands about one model file; `undefined` for any other. */
async function modelCommand(
  command: string | undefined,
  argv: readonly string[],
): Promise<number | undefined> {
  try {
    switch (command) {
      case "inspect":
        return print(await (await import("./cli/inspect.ts")).inspect(argv));
      case "convert":
        return print(await (await import("./cli/convert.ts")).convert(argv));
      case "bake":
        return print(await (await import("./cli/bake.ts")).bake(argv));
      case "verify": {
        const { text, fits } = await (await import("./cli/verify.ts")).verify(argv);
        print(text);
        return fits ? 0 : 1;
      }
      default:
        return undefined;
    }
  } catch (error) {
    // Of a wrong file or a wrong word only the message is of use.
    if (!(error instanceof Error)) throw error;
    if (error.name === "HelpAsked") return print(`${error.message}\n`);
    return complain(`thaw ${command}: ${error.message}\n`);
  }
}

/** The last line of a failure is its reason, which KServe shows. */
async function fetchCommand(argv: readonly string[]): Promise<number> {
  const { fetch, fetchUsage } = await import("./cli/fetch.ts");
  if (asks(argv, "--help", "-h")) return print(`${fetchUsage}\n`);
  const write = (text: string) => void process.stderr.write(text);
  try {
    const draw = process.stderr.isTTY ? write : undefined;
    await fetch(argv, process.env, { say: (line) => write(`thaw fetch: ${line}\n`), draw });
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    await tellKubernetes(`thaw fetch: ${error.message}`);
    write(`thaw fetch: ${error.message}\n`);
    return error.name === "ArgumentError" ? 2 : 1;
  }
}

/** A worker takes longer to boot than all else that a start needs: it begins as soon as it may. */
async function serveCommand(argv: readonly string[]): Promise<number> {
  const { parseServe, UsageError } = await import("./config/parse.ts");
  let config: ReturnType<typeof parseServe>;
  try {
    config = parseServe(argv, process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const lines = error.problems.map((problem) => `thaw: ${problem}\n`).join("");
    await tellKubernetes(lines.trimEnd());
    return complain(`${lines}thaw: see thaw serve --help\n`);
  }
  const [{ openPool }, { workerFile }, { workerHeapMiBMax }] = await Promise.all([
    import("./runtime/pool.ts"),
    import("./config/program.ts"),
    import("./domain/limits.ts"),
  ]);
  const pool = openPool({ workerFile, heapMiBMax: workerHeapMiBMax });
  const { serve } = await import("./cli/serve.ts");
  return serve({ config, env: process.env, signals }, pool);
}

async function tellKubernetes(line: string): Promise<void> {
  (await import("./telemetry/last-words.ts")).tellKubernetes(line);
}

function asks(argv: readonly string[], ...flags: readonly string[]): boolean {
  return argv.some((word) => flags.includes(word));
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(text: string): number {
  process.stderr.write(text);
  return 2;
}
