import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { lastLine, run } from "../test/clients/program.ts";

/**
 * Models of many releases, made by the libraries themselves with parameters drawn by seed, against
 * what the libraries say of them. Each release is installed into a virtual environment of its own
 * below node_modules/.cache; one whose Python is not here, or that cannot be installed, is skipped
 * in a line.
 *
 * npm run test:formats -- [--seeds 0-29] [--only sklearn-1.9] [--keep]
 */

interface Release {
  readonly name: string;
  readonly python: string;
  readonly packages: readonly string[];
}

const sklearn = (version: string, python: string, ...packages: string[]): Release => ({
  name: `sklearn-${version}`,
  python,
  packages: [`scikit-learn==${version}`, "pandas", "joblib", ...packages],
});
const boosters = (xgboost: string, lightgbm: string, python: string): Release => ({
  name: `boosters-${xgboost}-${lightgbm}`,
  python,
  packages: [`xgboost==${xgboost}`, `lightgbm==${lightgbm}`, "scikit-learn", "pandas"],
});

const releases: readonly Release[] = [
  sklearn("0.20.4", "3.6"),
  sklearn("0.22.2.post1", "3.6"),
  sklearn("0.24.2", "3.6"),
  sklearn("1.0.2", "3.7"),
  sklearn("1.2.2", "3.8", "numpy<2", "xgboost==1.7.6", "lightgbm==3.3.5"),
  sklearn("1.3.2", "3.8"),
  sklearn("1.4.2", "3.9"),
  sklearn("1.6.1", "3.9"),
  sklearn("1.7.2", "3.10"),
  sklearn("1.8.0", "3.11"),
  sklearn("1.9.1", "3.12"),
  boosters("0.90", "2.3.1", "3.6"),
  boosters("1.1.1", "3.0.0", "3.6"),
  boosters("1.7.6", "3.3.5", "3.8"),
  boosters("2.1.4", "4.6.0", "3.9"),
  boosters("3.4.1", "4.7.0", "3.12"),
];

const root = join(import.meta.dirname, "..");
const makers = join(root, "test/formats/goldens");
const cache = join(root, "node_modules/.cache/thaw-formats");
const installMsMax = 600_000;
const makeMsMax = 1_800_000;
const testMsMax = 3_600_000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "0-29" },
    only: { type: "string", default: "" },
    keep: { type: "boolean", default: false },
  },
});

let failed = 0;
let passed = 0;
for (const release of releases.filter(({ name }) => name.includes(values.only))) {
  await testRelease(release);
}
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function testRelease(release: Release): Promise<void> {
  const python = await installed(release).catch((error: unknown) => {
    say(`skipped: ${release.name}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (python === undefined) return;
  const library = release.name.startsWith("sklearn") ? "sklearn" : "boosters";
  const made = join(cache, "made", release.name);
  rmSync(made, { recursive: true, force: true });
  const version = release.name.replace(/^[a-z]+-/, "");
  const folder = join(made, version);
  const how = library === "sklearn" ? [values.seeds] : ["3", values.seeds];
  const maker = join(makers, library, "make.py");
  const making = await run(python, [maker, folder, ...how], { timeoutMs: makeMsMax });
  if (making.code !== 0) return fail(release, `making models: ${lastLine(making.stderr)}`);
  const models = lastLine(making.stdout);
  const tests = await run("vitest", ["run", `test/formats/${library}.test.ts`], {
    cwd: root,
    timeoutMs: testMsMax,
    env: { THAW_GOLDENS: made, NO_COLOR: "1", FORCE_COLOR: "0" },
  });
  const [, right = "0"] = /(\d+) passed \(/.exec(counts(tests.stdout)) ?? [];
  const [, wrong = "0"] = /(\d+) failed/.exec(counts(tests.stdout)) ?? [];
  passed += Number(right);
  failed += Number(wrong);
  say(`${release.name}: models ${models}; ${right} right, ${wrong} wrong`);
  if (tests.code !== 0 && wrong === "0") return fail(release, lastLine(tests.stderr));
  const said = `${tests.stdout}\n${tests.stderr}`.split("\n");
  for (const line of said) if (/^ FAIL |^AssertionError|^\w*Error: /.test(line)) say(line.trim());
  if (!values.keep) rmSync(made, { recursive: true, force: true });
}

function counts(output: string): string {
  return output.split("\n").findLast((line) => /^\s*Tests /.test(line)) ?? "";
}

function fail(release: Release, reason: string): void {
  failed += 1;
  say(`FAIL ${release.name}: ${reason}`);
}

/** The Python of an environment with the release. Rejects with the reason why there is none. */
async function installed({ name, python, packages }: Release): Promise<string> {
  const folder = join(cache, name);
  const program = join(folder, "bin/python");
  const marker = join(folder, "installed.txt");
  if (existsSync(marker)) return program;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await succeed(findPython(python), ["-m", "venv", folder]);
  const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
  await succeed(program, [...pip, "--upgrade", "pip", "wheel"]);
  await succeed(program, [...pip, "--only-binary=:all:", ...packages]);
  writeFileSync(marker, `${packages.join("\n")}\n`);
  return program;
}

/** On the path, or of pyenv. */
function findPython(version: string): string {
  const pyenv = process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv");
  const [own] = globSync(join(pyenv, `versions/${version}.*/bin/python`));
  return own ?? `python${version}`;
}

async function succeed(command: string, args: readonly string[]): Promise<void> {
  const ended = await run(command, args, { timeoutMs: installMsMax });
  if (ended.code === 0) return;
  throw new Error(lastLine(ended.stderr) || `${command} ended with ${ended.code}`);
}
