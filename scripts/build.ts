import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { builtins } from "./bundle/builtins.ts";
import { lazyFetch } from "./bundle/lazy-fetch.ts";
import { nativeAddon } from "./bundle/native-addon.ts";

/**
 * Bundles thaw into `dist/`: `thaw.js` (main), `inference.js` (a worker's entry), `conversion.js`
 * (that of a loader thread) and `worker.js`
 * (Piscina's own, which it looks for beside itself under this name). What the first answer does not
 * need lies in chunks that are loaded when needed.
 */

const root = join(import.meta.dirname, "..");
const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const version: unknown = Object(manifest).version;

const banner = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __require = require;",
  "const __dirname = import.meta.dirname;",
  "const __filename = import.meta.filename;",
].join("\n");

rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  outdir: "dist",
  entryPoints: {
    thaw: "src/main.ts",
    inference: "src/runtime/worker.ts",
    conversion: "src/runtime/conversion.ts",
    worker: "node_modules/piscina/dist/worker.js",
  },
  bundle: true,
  splitting: true,
  chunkNames: "[name]-[hash]",
  format: "esm",
  platform: "node",
  target: "node24",
  minify: true,
  keepNames: true,
  legalComments: "none",
  banner: { js: banner },
  define: { THAW_VERSION: JSON.stringify(version) },
  external: ["@napi-rs/nice"],
  plugins: [nativeAddon, lazyFetch, builtins],
  logLevel: "warning",
});
cpSync(join(root, "proto"), join(root, "dist/proto"), { recursive: true });
