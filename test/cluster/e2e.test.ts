import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { podPhases } from "../../scripts/cluster/phases.ts";
import { serviceFor } from "../../scripts/cluster/service.ts";
import { wrong } from "../k8s/manifests.ts";
import { temporaryFolder } from "../support/models.ts";

/** `scripts/e2e.ts` with a kubectl that records what it is asked, and answers as a cluster would. */

const script = join(import.meta.dirname, "../../scripts/e2e.ts");

/** `answers`: shell cases over the words. */
function run(answers: string, ...words: readonly string[]) {
  const folder = temporaryFolder();
  const record = join(folder, "record");
  writeFileSync(record, "");
  const fake = join(folder, "kubectl");
  writeFileSync(
    fake,
    `#!/bin/sh\necho "$1 $2 $3 $4 $5 $6" >> ${record}\ncase "$*" in\n${answers}\nesac\nexit 0\n`,
  );
  chmodSync(fake, 0o755);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...words], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, THAW_E2E_PAUSE_MS: "1" },
  });
  const asked = readFileSync(record, "utf8").trim().split("\n");
  return { status, stdout, stderr, asked };
}

const answer = `*" run "*|"run "*) echo '{"v1":[1,1],"v2":[1,1],"grpc":true,"firstMs":1234}';;`;
const pods = JSON.stringify({
  items: [
    {
      metadata: { name: "p", creationTimestamp: "2026-01-01T00:00:00Z" },
      status: {
        conditions: [
          { type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:03Z" },
          { type: "PodScheduled", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
        ],
      },
    },
  ],
});

describe("scripts/e2e", () => {
  it("deploys, asks, waits for zero, wakes, compares, and cleans up", () => {
    const { status, stdout, stderr, asked } = run(
      `${answer}\n*"-o json"*) echo '${pods}';;`,
      ...["--image", "example.com/thaw:1"],
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/thaw +woken: first answer after 1234 ms/);
    expect(stdout).toMatch(/ {2}Ready 3 s after the pod was created/);
    expect(stdout).toMatch(/kserve-sklearnserver +woken/);
    expect(asked.map((line) => line.split(" ")[0])).toEqual([
      ...["get", "create", "apply"],
      ...["apply", "wait", "run", "get", "run", "get"],
      "get",
      ...["apply", "wait", "run", "get", "run", "get"],
      "delete",
    ]);
    expect(asked.at(-1)).toBe("delete namespace thaw-e2e --ignore-not-found --wait=false");
  });

  it("cleans up when something goes wrong, and says what", () => {
    const failing = `"wait "*) echo "timed out" >&2; exit 1;;`;
    const { status, stderr, asked } = run(failing, "--image", "x", "--no-baseline");
    expect(status).toBe(1);
    expect(stderr).toContain("timed out");
    expect(asked.at(-1)).toMatch(/^delete namespace/);
  });

  it("believes no wrong answer", () => {
    const lie = `"run "*) echo '{"v1":[1,0],"v2":[1,1],"grpc":true,"firstMs":1}';;`;
    const { status, stderr } = run(lie, "--image", "x", "--no-baseline");
    expect(status).toBe(1);
    expect(stderr).toContain("expected labels 1,1");
  });

  it("says what is missing", () => {
    expect(run("", "--namespace", "x")).toMatchObject({ status: 2 });
    const { stderr } = run(`"get crd"*) echo "not found" >&2; exit 1;;`, "--image", "x");
    expect(stderr).toContain("this cluster has no KServe");
  });
});

it("what it deploys fits KServe's schema", () => {
  expect(wrong(parse(serviceFor("iris-thaw", "thaw")))).toEqual([]);
});

it("phases are those of the youngest pod", () => {
  expect(podPhases(pods)).toEqual({
    name: "p",
    phases: [
      { phase: "PodScheduled", seconds: 0 },
      { phase: "Ready", seconds: 3 },
    ],
  });
  expect(podPhases('{"items":[]}')).toBeUndefined();
});
