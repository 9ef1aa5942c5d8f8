import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The image's environment for Node and for the allocator, as the Dockerfile has it. */
export function imageEnvironment(): Record<string, string> {
  const text = readFileSync(join(import.meta.dirname, "../../Dockerfile"), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("ENV "));
  const pairs = lines.flatMap((line) => [...line.matchAll(/(\w+)=("[^"]*"|\S+)/g)]);
  const named = pairs.map(([, name = "", value = ""]) => [name, value.replaceAll('"', "")]);
  return Object.fromEntries(named.filter(([name = ""]) => /^(NODE|MALLOC)_/.test(name)));
}
