import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";

/** The native addon stays where npm has put it; the bundle finds it as Node finds a package. */
export const nativeAddon: Plugin = {
  name: "native-addon",
  setup: (plugin) => {
    plugin.onLoad({ filter: /onnxruntime-node[\\/]dist[\\/]binding\.js$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const found = "require(`../bin/";
      if (!source.includes(found)) throw new Error("onnxruntime-node loads its addon differently");
      const prefix = "require.resolve('onnxruntime-node/package.json').slice(0, -12)";
      const contents = source.replace(found, `__require(${prefix} + \`bin/`);
      return { contents, loader: "js" };
    });
  },
};
