import { readFileSync } from "node:fs";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Transport, textOf } from "../../src/storage/transport.ts";
import { ObjectServer } from "./object-server.ts";
import { type Bench, environment, openBench } from "./schemes.ts";

const tls = join(import.meta.dirname, "tls");
const pem = (name: string) => readFileSync(join(tls, name));
const objects = { bucket: { "m/a": Buffer.from("1") } };

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function tlsStore(): Promise<{ store: ObjectServer; bench: Bench }> {
  const bench = await openBench({});
  const pair = { key: pem("key.pem"), cert: pem("cert.pem") };
  const store = await new ObjectServer(objects, pair).listen();
  closing.push(
    () => store.close(),
    () => bench.close(),
  );
  return { store, bench };
}

describe("TLS", () => {
  it("is refused with an authority that nobody named, and not tried again", async () => {
    const { store, bench } = await tlsStore();
    const sources = bench.again({ env: environment(store.origin) });
    const refused = sources.resolve("s3://bucket/m");
    await expect(refused).rejects.toMatchObject({ kind: "tls" });
    expect(store.seen).toEqual([]);
    const web = sources.resolve(`${store.origin}/bucket/m/a`);
    await expect(web).rejects.toMatchObject({ kind: "tls" });
  });

  it.each([
    { AWS_CA_BUNDLE: join(tls, "ca.pem") },
    { S3_VERIFY_SSL: "0" },
    { STORAGE_CONFIG: '{"type":"s3","verify_ssl":false}' },
  ])("is accepted for S3 with %j", async (more) => {
    const { store, bench } = await tlsStore();
    const sources = bench.again({ env: { ...environment(store.origin), ...more } });
    expect((await sources.resolve("s3://bucket/m")).files).toHaveLength(1);
    const web = sources.resolve(`${store.origin}/bucket/m/a`);
    await expect(web).rejects.toMatchObject({ kind: "tls" });
  });

  it("says which bundle cannot be read", async () => {
    const { store, bench } = await tlsStore();
    const env = { ...environment(store.origin), AWS_CA_BUNDLE: "/none.pem" };
    const refused = bench.again({ env }).resolve("s3://bucket/m");
    await expect(refused).rejects.toThrow(/CA bundle '\/none\.pem'/);
  });
});

interface Proxy {
  readonly server: Server;
  readonly seen: string[];
  readonly url: string;
}

/** A forward proxy: absolute-form requests, and tunnels. */
async function openProxy(): Promise<Proxy> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? "");
    const onward = httpRequest(request.url ?? "", { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // It listens on a port, so its address is one of these.
  const { port } = server.address() as AddressInfo;
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { server, seen, url: `http://127.0.0.1:${port}` };
}

describe("a proxy", () => {
  it("is used, unless NO_PROXY names the host", async () => {
    const store = await new ObjectServer(objects).listen();
    closing.push(() => store.close());
    const proxy = await openProxy();
    const bench = await openBench({});
    closing.push(() => bench.close());
    const env = { ...environment(store.origin), HTTP_PROXY: proxy.url, http_proxy: proxy.url };
    await bench.again({ env }).resolve("s3://bucket/m");
    expect(proxy.seen.length).toBeGreaterThan(0);
    const before = proxy.seen.length;
    const direct = { ...env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
    await bench.again({ env: direct }).resolve("s3://bucket/m");
    expect(proxy.seen.length).toBe(before);
  });

  it("never carries requests to token services of the machine", async () => {
    const store = await new ObjectServer(objects).listen();
    closing.push(() => store.close());
    const proxy = await openProxy();
    const transport = new Transport({ env: { HTTP_PROXY: proxy.url, http_proxy: proxy.url } });
    const url = new URL("/bucket/m/a", store.origin);
    const signal = new AbortController().signal;
    expect(await textOf(await transport.send({ url, metadata: true }, signal))).toBe("1");
    expect(proxy.seen).toEqual([]);
    transport.close();
  });
});

describe("addresses", () => {
  it.each([
    "http://169.254.169.254/latest/x",
    "http://0xa9fea9fe/x",
    "http://2852039166/x",
    "http://[::ffff:169.254.169.254]/x",
    "http://metadata.google.internal/x",
    "http://[fe80::1]/x",
    "s3://169.254.169.254:80/b/k",
  ])("%s is refused, though the operator wrote it", async (uri) => {
    const bench = await openBench({});
    closing.push(() => bench.close());
    await expect(bench.sources.resolve(uri)).rejects.toMatchObject({ kind: "address-refused" });
  });
});
