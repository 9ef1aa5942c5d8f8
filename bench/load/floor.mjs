import { createRequire } from "node:module";
import { join } from "node:path";
import { Piscina } from "piscina";

/**
 * The least that a server of this kind can need: a bare Piscina worker that makes a session of Iris
 * and runs it once. No port, no protocol, no bundle.
 */
const pool = new Piscina({
  filename: join(import.meta.dirname, "floor-worker.mjs"),
  name: "run",
  minThreads: 1,
  maxThreads: 1,
});
const ort = createRequire(import.meta.url).resolve("onnxruntime-node");
const label = await pool.run({ ort, model: process.argv[2] });
if (label !== 1) throw new Error(`expected label 1, got ${label}`);
await pool.close();
