import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { http1 } from "../support/http.ts";
import { identityModel, save, temporaryFolder } from "../support/models.ts";
import { irisModel, spawnServer, startServer } from "../support/server.ts";

const program = join(import.meta.dirname, "../../dist/thaw.js");

function thaw(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}

describe("the command line", () => {
  it("helps", async () => {
    const general = await thaw("--help");
    expect(general).toMatchObject({ code: 0, err: "" });
    expect(general.out).toContain("thaw serve");
    const serve = await thaw("serve", "--help");
    expect(serve.out).toContain("--max-request-size SIZE");
    expect((await thaw("--version")).out).toMatch(/^thaw \d+\.\d+\.\d+\n$/);
    expect((await thaw()).code).toBe(2);
    expect((await thaw("sreve")).err).toContain("unknown command 'sreve'");
  });

  it("reports every wrong value at once, before anything starts", async () => {
    const { code, err } = await thaw("serve", "--prot", "1", "--workers=x", "--linger", "soon");
    expect(code).toBe(2);
    expect(err).toContain("unknown option --prot; did you mean --port?");
    expect(err).toContain("--workers: expected an integer from 1 to 256, got 'x'");
    expect(err).toContain("--linger: expected a duration");
    expect(err).not.toContain("starting");
  });
});

async function failedStart(...args: string[]): Promise<{ code: unknown; last: string }> {
  const started = spawnServer({ args });
  const code = await started.ended;
  return { code, last: started.log().trim().split("\n").at(-1) ?? "" };
}

describe("a start that cannot succeed", () => {
  it("says why in its last line", async () => {
    const folder = temporaryFolder();
    const broken = join(folder, "broken.onnx");
    writeFileSync(broken, "this is no model");
    mkdirSync(join(folder, "empty"));
    save(join(folder, "two/a.onnx"), identityModel("FP32"));
    save(join(folder, "two/b.onnx"), identityModel("FP32"));
    const cases: [string, RegExp][] = [
      [join(folder, "none.onnx"), /^thaw: source '.*none\.onnx' cannot be read: there is no such/],
      [broken, /^thaw: model 'broken' cannot be loaded: not an ONNX model/],
      [join(folder, "empty"), /no model file \(\.onnx, .*\) in it: it is empty/],
      [join(folder, "two"), /2 model files side by side \(a\.onnx, b\.onnx\); give one of them/],
    ];
    for (const [source, line] of cases) {
      const { code, last } = await failedStart(source);
      expect(code).toBe(1);
      expect(last).toMatch(line);
    }
  });

  it("refuses two models of one name, and names that are none", async () => {
    expect((await failedStart(`a=${irisModel}`, `a=${irisModel}`)).last).toContain("'a'");
    expect((await failedStart(`.a=${irisModel}`)).last).toContain("cannot begin with a dot");
  });

  it("says so when there is nothing to serve", async () => {
    const started = spawnServer({ cwd: temporaryFolder() });
    expect(await started.ended).toBe(1);
    expect(started.log()).toContain("nothing to serve: give a model file or folder as SOURCE");
  });

  it("says so when the port is taken", async () => {
    const first = await startServer({ args: [irisModel] });
    const second = await failedStart(irisModel, "--port", String(first.port));
    expect(second.code).toBe(1);
    expect(second.last).toContain(`port ${first.port} is in use by another process`);
    expect(await first.stop()).toBe(0);
  });
});

describe("a start", () => {
  it("serves the models of ./models when nothing is named", async () => {
    const server = await startServer();
    expect((await http1(server.port, { path: "/v2/models" })).json()).toEqual({
      models: ["iris", "iris-sklearn"],
    });
    expect(await server.stop()).toBe(0);
  });

  it("understands KServe's arguments, and opens the ports they name", async () => {
    const folder = temporaryFolder();
    save(join(folder, "model.onnx"), identityModel("FP32"));
    const server = await startServer({
      args: ["--model_name=a", "--model_name", "b", `--model_dir=${folder}`, "--http_port=0"],
      env: { THAW_PORT: "" },
    });
    expect((await http1(server.port, { path: "/v2/models/b/ready" })).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });

  it("takes the name of the InferenceService", async () => {
    const env = { INFERENCE_SERVICE_NAME: "flowers" };
    const server = await startServer({ args: [irisModel], env });
    expect((await http1(server.port, { path: "/v2/models" })).json().models).toEqual(["flowers"]);
    expect(await server.stop()).toBe(0);
  });

  it("opens the port only when every model can answer", async () => {
    // Below the ports of clients: a client that tries one of those may meet itself.
    const port = 20_000 + (process.pid % 12_000);
    const started = spawnServer({ args: [irisModel, "--port", String(port)] });
    let open = false;
    while (!open) {
      open = await new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1");
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
        socket.once("connect", () => socket.destroy());
      });
    }
    expect((await http1(port, { path: "/v2/health/ready" })).status).toBe(200);
    expect((await http1(port, { path: "/v2/models/iris/ready" })).status).toBe(200);
    started.process.kill("SIGTERM");
    expect(await started.ended).toBe(0);
  });
});
