import { builtinModules } from "node:module";
import type { Plugin } from "esbuild";

const names = new Set(builtinModules);

/**
 * Node's own modules by `require`. An ES import of one reads all that it exports, and with it what
 * is loaded only when it is read: the streams of `node:fs`, webcrypto of `node:crypto`, undici of
 * `node:http`; half a bare start of Node in all.
 */
export const builtins: Plugin = {
  name: "builtins",
  setup: (plugin) => {
    plugin.onResolve({ filter: /^(?:node:)?[a-z_]+(?:\/[a-z]+)?$/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, "");
      // What is imported when it is needed is none of the start's, and comes as its namespace.
      if (!names.has(name) || kind !== "import-statement") return undefined;
      return { path: name, namespace: "builtin" };
    });
    plugin.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = __require("node:${path}");`,
    }));
  },
};
