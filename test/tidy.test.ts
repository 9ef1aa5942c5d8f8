import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { settingsPage } from "../src/config/help.ts";
import { settings } from "../src/config/settings.ts";
import { modelsPage } from "./formats/page.ts";

/** The house rules that a program can check (CONTRIBUTING.md). */

const root = join(import.meta.dirname, "..");
const src = join(root, "src");

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** Paths below `src/` that it imports, statically or dynamically, types included. */
  readonly imports: readonly string[];
  /** Those whose code it needs when it is loaded. */
  readonly eager: readonly string[];
  readonly packages: readonly string[];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

function read(path: string): SourceFile {
  const text = readFileSync(path, "utf8");
  const statements = [...text.matchAll(/^(import|export)\s([^;]*?)from\s"([^"]+)"/gms)].map(
    (m) => ({
      types: /^type\s/.test(m[2] ?? ""),
      target: m[3] ?? "",
    }),
  );
  const bare = [...text.matchAll(/^import\s"([^"]+)"/gm)].map((m) => m[1] ?? "");
  const dynamic = [...text.matchAll(/import\("([^"]+)"\)/g)].map((m) => m[1] ?? "");
  const local = (targets: readonly string[]) =>
    targets
      .filter((target) => target.startsWith("."))
      .map((target) => relative(src, resolve(dirname(path), target)));
  const eager = [...statements.filter((s) => !s.types).map((s) => s.target), ...bare];
  const all = [...statements.map((s) => s.target), ...bare, ...dynamic];
  return {
    path: relative(src, path),
    text,
    lines: text.split("\n"),
    imports: local(all),
    eager: local(eager),
    packages: all
      .filter((target) => !target.startsWith(".") && !target.startsWith("node:"))
      .map((target) =>
        target
          .split("/")
          .slice(0, target.startsWith("@") ? 2 : 1)
          .join("/"),
      ),
  };
}

const sources = filesBelow(src).map(read);
const code = sources.filter(({ path }) => !path.endsWith(".d.ts"));

/** What each folder may import besides itself. Files at the top: by name. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  wire: [],
  protocol: ["domain", "wire"],
  serving: ["domain", "wire"],
  models: ["domain", "wire"],
  storage: ["domain", "wire"],
  formats: ["domain", "wire"],
  runtime: ["domain", "wire", "formats"],
  telemetry: ["domain", "wire"],
  config: ["domain", "wire"],
  http: ["domain", "protocol"],
  grpc: ["domain", "protocol"],
  net: [],
  "shutdown.ts": ["domain"],
};

describe("layers", () => {
  it("import only what is below them", () => {
    const wrong = code.flatMap(({ path, imports }) => {
      const [layer = ""] = path.split("/");
      const allowed = mayImport[layer];
      if (allowed === undefined) return [];
      return imports
        .filter((target) => ![layer, ...allowed].includes(target.split("/")[0] ?? ""))
        .map((target) => `${path} → ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("load formats in workers only", () => {
    const loaders = code.filter(
      ({ path, imports }) =>
        path.startsWith("runtime/") && imports.some((target) => target.startsWith("formats/")),
    );
    expect(loaders.map(({ path }) => path)).toEqual(["runtime/conversion.ts", "runtime/worker.ts"]);
  });

  it("have no cycles", () => {
    const graph = new Map(code.map(({ path, imports }) => [path, imports]));
    const done = new Set<string>();
    const walk = (path: string, trail: readonly string[]): string[] => {
      if (trail.includes(path)) return [[...trail, path].join(" → ")];
      if (done.has(path)) return [];
      const found = (graph.get(path) ?? []).flatMap((target) => walk(target, [...trail, path]));
      done.add(path);
      return found;
    };
    expect([...graph.keys()].flatMap((path) => walk(path, []))).toEqual([]);
  });

  it("leave no file that nobody imports", () => {
    const entries = ["main.ts", "runtime/conversion.ts", "runtime/worker.ts"];
    const imported = new Set(code.flatMap(({ imports }) => imports));
    const dead = code.filter(({ path }) => !imported.has(path) && !entries.includes(path));
    expect(dead.map(({ path }) => path)).toEqual([]);
  });
});

describe("files", () => {
  it("are at most 400 lines long, with a median of at most 110", () => {
    expect(code.filter(({ lines }) => lines.length > 401).map(({ path }) => path)).toEqual([]);
    const lengths = code.map(({ lines }) => lines.length).sort((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(110);
  });

  it("have no line over 100 columns", () => {
    const long = code.flatMap(({ path, lines }) =>
      lines.flatMap((line, at) => ([...line].length > 100 ? [`${path}:${at + 1}`] : [])),
    );
    expect(long).toEqual([]);
  });

  it("and exports avoid words that say nothing", () => {
    const banned = /(^|[^a-z])(manager|handler|util|utils|helper|helpers|common|data)([^a-z]|$)/;
    const names = code.flatMap(({ path, text }) => [
      path,
      ...[
        ...text.matchAll(/^export (?:async )?(?:const|function|class|type|interface) (\w+)/gm),
      ].map((m) => `${path}: ${(m[1] ?? "").replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase()}`),
    ]);
    expect(names.filter((name) => banned.test(name.split("/").slice(-1)[0] ?? ""))).toEqual([]);
  });

  it("are neither barrels nor have default exports", () => {
    const wrong = code.filter(
      ({ path, text }) => /(^|\/)index\.ts$/.test(path) || /^export (default|\*|\{)/m.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("keep clocks, timers and randomness out of the inner layers", () => {
    const inner = /^(domain|protocol|serving|models)\//;
    const outside =
      /Date\.now|new Date|setTimeout|setInterval|setImmediate|Math\.random|performance/;
    const wrong = code.filter(
      ({ path, text }) => inner.test(path) && path !== "domain/clock.ts" && outside.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("use no any, no non-null assertion, and few casts", () => {
    const anys = code.filter(({ text }) => /(:\s*any\b|<any>|as any\b|any\[\])/.test(text));
    expect(anys.map(({ path }) => path)).toEqual([]);
    const casts = code.flatMap(({ lines }) =>
      lines.filter((line) => /[)\]\w] as (?!const\b)[A-Z]/.test(line) && !/^\s*(\*|\/)/.test(line)),
    );
    const lines = code.reduce((sum, file) => sum + file.lines.length, 0);
    expect(casts.length / lines).toBeLessThanOrEqual(0.005);
  });
});

describe("dependencies", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const architecture = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");

  it("are each named with a reason in ARCHITECTURE.md", () => {
    const unexplained = Object.keys(manifest.dependencies).filter(
      (name) => !architecture.includes(`| \`${name}\` |`),
    );
    expect(unexplained).toEqual([]);
  });

  it("are used, and nothing else is", () => {
    const used = new Set(code.flatMap(({ packages }) => packages));
    expect([...used].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  it("are pinned, above the releases with known holes", () => {
    const floors = { "@grpc/grpc-js": "1.14.4", hono: "4.13.5", "@hono/node-server": "2.0.10" };
    const number = (version: string) =>
      version.split(".").reduce((sum, part) => sum * 1_000 + Number(part), 0);
    for (const [name, floor] of Object.entries(floors)) {
      expect(number(manifest.dependencies[name])).toBeGreaterThanOrEqual(number(floor));
    }
  });

  it("that load before the first answer's own are Piscina alone", () => {
    const graph = new Map(code.map((file) => [file.path, file]));
    const loaded = new Set<string>();
    const walk = (path: string) => {
      const file = graph.get(path);
      if (file === undefined || loaded.has(path)) return;
      loaded.add(path);
      for (const target of file.eager) walk(target);
    };
    // What main.ts imports in turn when it serves.
    for (const path of ["main.ts", "config/parse.ts", "runtime/pool.ts", "cli/serve.ts"])
      walk(path);
    const before = [...loaded].flatMap((path) => graph.get(path)?.packages ?? []);
    expect([...new Set(before)]).toEqual(["piscina"]);
  });
});

describe("documents", () => {
  it("have the settings page that the table makes", () => {
    expect(readFileSync(join(root, "docs/settings.md"), "utf8")).toBe(settingsPage());
  });

  it("have the models page that the goldens make", () => {
    expect(readFileSync(join(root, "docs/models.md"), "utf8")).toBe(modelsPage());
  });

  it("name every environment variable once", () => {
    const names = Object.values(settings).flatMap((row) => row.env);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => ["STORAGE_URI", "PROTOCOL"].includes(name))).toEqual([]);
  });

  it("keep the README short", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    expect(readme.split("\n").length).toBeLessThanOrEqual(151);
  });
});
