import { rmSync } from "node:fs";
import { join } from "node:path";
import { checkCurl } from "../test/clients/curl.ts";
import { checkGrpcurl } from "../test/clients/grpcurl.ts";
import { checkHealthProbe } from "../test/clients/health-probe.ts";
import {
  findCurl,
  type Installed,
  installGrpcurl,
  installHealthProbe,
  installPython,
} from "../test/clients/install.ts";
import { lastLine, run } from "../test/clients/program.ts";
import { Report, reasonOf } from "../test/clients/report.ts";
import { writeModels } from "../test/clients/served.ts";
import { setup as build } from "../test/support/build.ts";
import { temporaryFolder } from "../test/support/models.ts";
import { startServer, type TestServer } from "../test/support/server.ts";

/**
 * Drives the real server with the clients that users have: tritonclient, KServe's SDK, MLServer's
 * codecs, grpcurl, grpc-health-probe and curl. One line for each check; a client that cannot be
 * installed here is skipped in a line.
 */

const programs = join(import.meta.dirname, "../test/clients");
const programMsMax = 180_000;

const report = new Report((line) => process.stdout.write(`${line}\n`));
const folder = temporaryFolder();
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${report.summary()}\n`);
process.exitCode = report.failed > 0 ? 1 : 0;

async function main(): Promise<void> {
  build();
  const [curl, grpcurl, probe, triton, kserve, mlserver] = await Promise.all([
    available("curl", findCurl()),
    available("grpcurl", installGrpcurl()),
    available("grpc-health-probe", installHealthProbe()),
    available(
      "tritonclient",
      installPython("tritonclient", ["tritonclient[http,grpc]", "numpy", "ml_dtypes", "gevent"]),
    ),
    available("kserve", installPython("kserve", ["kserve"])),
    available("mlserver", installPython("mlserver", ["mlserver"])),
  ]);
  await checkEndToEnd(kserve);
  const server = await startServer({ args: writeModels(folder) });
  try {
    const { port } = server;
    if (curl !== undefined) await checkCurl(report, { ...curl, port, folder });
    if (grpcurl !== undefined) await checkGrpcurl(report, { ...grpcurl, port });
    if (probe !== undefined) await checkHealthProbe(report, { ...probe, port });
    if (triton !== undefined) {
      await checkPython(triton, "triton_http.py", port);
      await checkPython(triton, "triton_grpc.py", port);
    }
    if (kserve !== undefined) {
      await checkPython(kserve, "kserve_sdk.py", port);
      await checkPython(kserve, "kserve_v1.py", port);
    }
    if (mlserver !== undefined) await checkPython(mlserver, "mlserver_codecs.py", port);
  } finally {
    await checkEnd(server);
  }
}

/** The client, or `undefined` and a line that says why it is left out. */
async function available<T extends Installed>(
  name: string,
  installing: Promise<T>,
): Promise<T | undefined> {
  try {
    const installed = await installing;
    report.note(`using ${installed.version}`);
    return installed;
  } catch (error) {
    report.skip(name, reasonOf(error));
    return undefined;
  }
}

/** The requests of KServe's end-to-end tests, of models that are fitted here. */
async function checkEndToEnd(kserve: Installed | undefined): Promise<void> {
  const packages = ["scikit-learn", "xgboost", "lightgbm", "pandas"];
  const maker = await available("lightgbm", installPython("lightgbm", packages, "e2e-models"));
  if (kserve === undefined || maker === undefined) return;
  const models = join(folder, "e2e");
  const made = await run(maker.program, [join(programs, "kserve_e2e_models.py"), models], {
    timeoutMs: programMsMax,
  });
  if (made.code !== 0) return report.fail("kserve_e2e_models.py", lastLine(made.stderr));
  const names = ["sklearn", "xgboost", "lightgbm", "mixed", "news", "wine"];
  const sources = names.map((name) => `${name}=${join(models, name)}`);
  // As KServe's runtimes and the tests' manifests have them.
  const server = await startServer({ args: [...sources, "--workers=2", "--enable_grpc=true"] });
  await checkPython(kserve, "kserve_e2e.py", server.port, models);
  await checkEnd(server);
}

/** Runs a program of checks. One that breaks off, or checks nothing, is a failure itself. */
async function checkPython(
  { program }: Installed,
  file: string,
  port: number,
  ...more: string[]
): Promise<void> {
  const before = report.checks;
  try {
    const { code, stderr } = await run(program, [join(programs, file), String(port), ...more], {
      timeoutMs: programMsMax,
      // No bytecode is left behind beside the sources.
      env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf-8" },
      onLine: (line) => {
        if (!report.adopt(line)) report.note(line);
      },
    });
    if (code !== 0) report.fail(file, `ended with ${code}: ${lastLine(stderr)}`);
    else if (report.checks === before) report.fail(file, "it has checked nothing");
  } catch (error) {
    report.fail(file, reasonOf(error));
  }
}

async function checkEnd(server: TestServer): Promise<void> {
  await report.check("server: SIGTERM ends it with code 0", async () => {
    const code = await server.stop();
    if (code !== 0) throw new Error(`it ended with ${code}: ${lastLine(server.log())}`);
  });
  await report.check("server: its log has no errors", () => {
    const errors = server
      .log()
      .split("\n")
      .filter((line) => line.includes('"level":"error"'));
    if (errors.length > 0) throw new Error(`${errors.length} of them: ${errors[0]}`);
  });
}
