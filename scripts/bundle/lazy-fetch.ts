import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";

/**
 * Keeps undici off the way to the first answer. Node loads it when `Request`, `Response`,
 * `Headers`, `CloseEvent` or `ErrorEvent` is first touched; it costs as much as a bare start of Node
 * (28 ms of 28 ms, Node 24.21). `@hono/node-server` (2.1.9) touches all of them while it is
 * imported, although its own light Request and Response do the work, and no event is ever made. So
 * in the bundle they are stand-ins that load the real ones when one is really made, and Hono gets
 * the light Response directly instead of through the global object. The same for `node:http2`.
 */
export const lazyFetch: Plugin = {
  name: "lazy-fetch",
  setup: (plugin) => {
    plugin.onResolve({ filter: /^lazy:fetch$/ }, () => ({ path: "fetch", namespace: "lazy" }));
    plugin.onLoad({ filter: /^fetch$/, namespace: "lazy" }, () => ({ contents: standIns }));
    plugin.onLoad({ filter: /@hono\/node-server\/dist\/index\.mjs$/ }, ({ path }) => ({
      contents: nodeServer(readFileSync(path, "utf8")),
    }));
    plugin.onLoad({ filter: /\/hono\/dist\/(?:context|hono-base|request)\.js$/ }, ({ path }) => ({
      contents: `${honoImports}\n${readFileSync(path, "utf8")}`,
    }));
    plugin.onLoad({ filter: /\/src\/http\/reply\.ts$/ }, ({ path }) => ({
      contents: `${lightResponse}\n${readFileSync(path, "utf8")}`,
      loader: "ts",
    }));
  },
};

const lightResponse = 'import { LightResponse as Response } from "@hono/node-server";';
const honoImports = [lightResponse, 'import { Headers } from "lazy:fetch";'].join("\n");

function nodeServer(source: string): string {
  let changed = source;
  for (const [found, replacement] of [
    ['import { Http2ServerRequest, constants } from "node:http2";', http2StandIns],
    ["const GlobalHeaders = globalThis.Headers;", "const GlobalHeaders = Headers;"],
    ["globalThis.Headers === GlobalHeaders ?", "true ?"],
    ["const GlobalRequest = global.Request;", "const GlobalRequest = Request;"],
    ["const GlobalResponse = global.Response;", "const GlobalResponse = Response;"],
    ["globalThis.CloseEvent ??", ""],
    ["globalThis.ErrorEvent ??", ""],
    ["options.overrideGlobalObjects !== false && global.Request !== Request$1", "false"],
  ] as const) {
    if (!changed.includes(found)) throw new Error(`@hono/node-server has no longer: ${found}`);
    changed = changed.replace(found, replacement);
  }
  // `Response` is free in this file but for the capture above and error answers.
  const imports = 'import { Headers, Request, Response } from "lazy:fetch";';
  return `${imports}\n${changed}\nexport { Response$1 as LightResponse };\n`;
}

/** Node's HTTP/2 costs half a bare start, and is loaded when a client speaks it. */
const http2StandIns = `
const Http2ServerRequest = {
  [Symbol.hasInstance]: (instance) => instance?.constructor?.name === "Http2ServerRequest",
};
const constants = { NGHTTP2_NO_ERROR: 0 };
`;

const standIns = `
function standIn(name) {
  const lazy = function (...args) {
    return Reflect.construct(globalThis[name], args);
  };
  Object.defineProperty(lazy, Symbol.hasInstance, {
    // The global object is not even looked at before somebody has made one: a look loads it.
    value: (value) => value?.constructor?.name === name && value instanceof globalThis[name],
  });
  return lazy;
}
export const Headers = standIn("Headers");
export const Request = standIn("Request");
export const Response = standIn("Response");
`;
