import { equal, match, ok } from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { installGo, installJar, installPython } from "../clients/install.ts";
import { type Report, reasonOf } from "../clients/report.ts";
import { http1, inferBody, irisInput } from "../support/http.ts";
import { temporaryFolder } from "../support/models.ts";
import { irisModel, spawnServer, startServer } from "../support/server.ts";

/** The real server against stores that are somebody else's work, each skipped in a line without. */

const tls = join(import.meta.dirname, "tls");
const body = inferBody([irisInput([6.8, 2.8, 4.8, 1.4])]);
const iris = readFileSync(irisModel);
const keys = { AWS_ACCESS_KEY_ID: "testing", AWS_SECRET_ACCESS_KEY: "testing" };
const region = "us-east-1";

export async function checkElsewhere(report: Report): Promise<void> {
  for (const [name, check] of Object.entries({ moto, s3mock, "fake-gcs-server": gcs, nginx })) {
    const children: ChildProcess[] = [];
    try {
      await check(report, (program, args) => {
        const child = spawn(program, args, { stdio: "ignore" });
        child.on("error", () => {});
        children.push(child);
      });
    } catch (error) {
      report.skip(name, reasonOf(error));
    } finally {
      for (const child of children) child.kill("SIGTERM");
    }
  }
}

type Start = (program: string, args: readonly string[]) => void;

async function serves(uri: string, env: Record<string, string>, more: readonly string[] = []) {
  const cache = temporaryFolder();
  const args = [`iris=${uri}`, "--cache-dir", cache, "--workers", "1", ...more];
  const server = await startServer({ args, env });
  const reply = await http1(server.port, { path: "/v2/models/iris/infer", body });
  equal(reply.status, 200, reply.text);
  equal(reply.json().outputs[0].data[0], 1);
  equal(await server.stop(), 0);
  return server.log();
}

async function refused(uri: string, env: Record<string, string>): Promise<string> {
  const args = [`iris=${uri}`, "--cache-dir", temporaryFolder(), "--linger", "0"];
  const started = spawnServer({ args, env });
  const code = await Promise.race([started.ended, wait(20_000).then(() => "no end")]);
  if (code === "no end") started.process.kill("SIGTERM");
  equal(code, 1, started.log());
  return started.log();
}

/** S3 and STS by moto. */
async function moto(report: Report, start: Start): Promise<void> {
  const { program, version } = await installPython("moto", ["moto[server]"]);
  report.note(`using ${version}`);
  const port = 18_410;
  start(join(program, "../moto_server"), ["-p", String(port)]);
  await opened(port);
  const endpoint = `http://127.0.0.1:${port}`;
  await checkS3(report, "moto", endpoint);
  await report.check("moto: web identity by STS", async () => {
    const token = join(temporaryFolder(), "token");
    writeFileSync(token, "a.token");
    await serves("s3://models/iris", {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ENDPOINT_URL_STS: endpoint,
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/models",
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
    });
  });
}

/** S3 by Adobe's S3Mock. */
async function s3mock(report: Report, start: Start): Promise<void> {
  const { program, version } = await installJar("s3mock", "com.adobe.testing", "4.11.0", "exec");
  report.note(`using ${version}`);
  const port = 18_413;
  const ports = [`--com.adobe.testing.s3mock.http-port=${port}`, "--server.port=18414"];
  start("java", ["-jar", program, "--server.address=127.0.0.1", ...ports]);
  await opened(port, 60_000);
  await checkS3(report, "s3mock", `http://127.0.0.1:${port}`);
}

async function checkS3(report: Report, name: string, endpoint: string): Promise<void> {
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  });
  await client.send(new CreateBucketCommand({ Bucket: "models" }));
  for (const key of ["iris/1/model.onnx", "iris-other/model.onnx", "deep/a b/ü/model.onnx"]) {
    await client.send(new PutObjectCommand({ Bucket: "models", Key: key, Body: iris }));
  }
  const env = { ...keys, AWS_ENDPOINT_URL: endpoint, AWS_DEFAULT_REGION: region };
  await report.check(`${name}: a folder with a version`, async () => {
    await serves("s3://models/iris", env);
  });
  await report.check(`${name}: Triton's form with its endpoint`, async () => {
    await serves(`s3://${endpoint}/models/iris`, keys);
  });
  await report.check(`${name}: a key with spaces and more`, async () => {
    await serves("s3://models/deep/a b/ü", env);
  });
  await report.check(`${name}: what is not there is said, once, with the source`, async () => {
    match(await refused("s3://models/nothing", env), /source 's3:\/\/models\/nothing'/);
  });
  await report.check(`${name}: thaw fetch lays out what KServe's initializer does`, async () => {
    const to = temporaryFolder();
    const main = join(import.meta.dirname, "../../dist/thaw.js");
    execFileSync(process.execPath, [main, "fetch", "s3://models/iris", to], {
      env: { ...process.env, ...env },
      stdio: "ignore",
    });
    ok(readFileSync(join(to, "1/model.onnx")).equals(iris));
  });
}

/** Google's JSON API by fake-gcs-server. */
async function gcs(report: Report, start: Start): Promise<void> {
  const module = "github.com/fsouza/fake-gcs-server";
  const { program, version } = await installGo("fake-gcs-server", module, module);
  report.note(`using ${version}`);
  const data = temporaryFolder();
  mkdirSync(join(data, "models/iris/1"), { recursive: true });
  copyFileSync(irisModel, join(data, "models/iris/1/model.onnx"));
  const port = 18_411;
  const flags = ["-scheme", "http", "-host", "127.0.0.1", "-backend", "memory"];
  start(program, [...flags, "-port", String(port), "-data", data]);
  await opened(port);
  const env = { STORAGE_EMULATOR_HOST: `http://127.0.0.1:${port}` };
  await report.check("fake-gcs-server: a folder with a version", async () => {
    await serves("gs://models/iris", env);
  });
  await report.check("fake-gcs-server: a file", async () => {
    await serves("gs://models/iris/1/model.onnx", env);
  });
  await report.check("fake-gcs-server: what is not there is said", async () => {
    match(await refused("gs://models/nothing", env), /source 'gs:\/\/models\/nothing'/);
  });
}

/** nginx with TLS of a private authority, and a limit of its rate. */
async function nginx(report: Report, start: Start): Promise<void> {
  const version = execFileSync("sh", ["-c", "nginx -v 2>&1"], { encoding: "utf8" }).trim();
  report.note(`using ${version.replace(/^.*: /, "")}`);
  const folder = temporaryFolder();
  copyFileSync(irisModel, join(folder, "model.onnx"));
  const port = 18_412;
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, port));
  start("nginx", ["-c", file, "-p", folder, "-g", "daemon off;"]);
  await opened(port);
  const trusted = { CA_BUNDLE_VOLUME_MOUNT_POINT: tls, CA_BUNDLE_CONFIGMAP_NAME: "ca" };
  const bundle = temporaryFolder();
  copyFileSync(join(tls, "ca.pem"), join(bundle, "cabundle.crt"));
  const env = { ...trusted, CA_BUNDLE_VOLUME_MOUNT_POINT: bundle };
  await report.check("nginx: TLS of an authority in KServe's bundle", async () => {
    await serves(`https://localhost:${port}/model.onnx`, env);
  });
  await report.check("nginx: TLS of an authority that nobody trusts is refused", async () => {
    match(await refused(`https://localhost:${port}/model.onnx`, {}), /certificate|TLS|tls/);
  });
  await report.check("nginx: headers by the host's variable", async () => {
    const headers = { "localhost-headers": JSON.stringify({ authorization: "Bearer secret" }) };
    const log = await serves(`https://localhost:${port}/private/model.onnx`, {
      ...env,
      ...headers,
    });
    ok(!log.includes("secret"), "the secret is in the log");
    match(await refused(`https://localhost:${port}/private/model.onnx`, env), /401|unauthorized/i);
  });
  await report.check("nginx: slow, a few kilobytes a second", async () => {
    await serves(`https://localhost:${port}/slow/model.onnx`, env);
  });
}

function configuration(folder: string, port: number): string {
  // As another user its worker could not read this folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `
${user}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  types { application/octet-stream onnx; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${tls}/cert.pem;
    ssl_certificate_key ${tls}/key.pem;
    root ${folder};
    location /private/ {
      if ($http_authorization != "Bearer secret") { return 401; }
      alias ${folder}/;
    }
    location /slow/ {
      limit_rate 2k;
      alias ${folder}/;
    }
  }
}
`;
}

async function opened(port: number, withinMs = 15_000): Promise<void> {
  for (const start = Date.now(); Date.now() - start < withinMs; ) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await wait(50);
  }
  throw new Error(`nothing answers on port ${port}`);
}
