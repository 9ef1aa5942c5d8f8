import { describe, expect, it } from "vitest";
import { serveHelp } from "../../src/config/help.ts";
import { parseServe, UsageError } from "../../src/config/parse.ts";
import { settings } from "../../src/config/settings.ts";
import { editDistance } from "../../src/domain/text.ts";

function problems(argv: readonly string[], env = {}): readonly string[] {
  try {
    parseServe(argv, env);
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
  return [];
}

describe("settings", () => {
  it("come from flags, then the environment, then their defaults", () => {
    expect(parseServe([], {}).settings.port).toBe(8080);
    expect(parseServe([], { PORT: "81" }).settings.port).toBe(81);
    expect(parseServe([], { PORT: "81", THAW_PORT: "82" }).settings.port).toBe(82);
    expect(parseServe(["--port", "83"], { THAW_PORT: "82" }).settings.port).toBe(83);
  });

  it("read --a b, --a=b, and - like _; of duplicates the last wins", () => {
    const { settings: read, sources } = parseServe(
      ["--model_name=a", "x=1.onnx", "--model-name", "b", "--model_dir=/mnt/models"],
      {},
    );
    expect(read.modelName).toBe("b");
    expect(sources).toEqual(["x=1.onnx", "/mnt/models"]);
    expect(parseServe([], { THAW_SOURCES: "a=1 b=2" }).sources).toEqual(["a=1", "b=2"]);
  });

  it("understand sizes and durations", () => {
    const read = (flag: string, text: string) => parseServe([flag, text], {}).settings;
    expect(read("--max-request-size", "1MiB").requestBytesMax).toBe(2 ** 20);
    // As Kubernetes writes it.
    expect(read("--max-request-size", "1Mi").requestBytesMax).toBe(2 ** 20);
    expect(read("--max-request-size", "2MB").requestBytesMax).toBe(2_000_000);
    expect(read("--linger", "250ms").lingerMs).toBe(250);
    expect(read("--linger", "2").lingerMs).toBe(2_000);
    expect(problems(["--max-request-size", "64 potatoes"])[0]).toContain("a size such as 64MiB");
  });

  it("report all problems together, each with what was expected", () => {
    const found = problems(["--wrkers", "2", "--port=x", "--log-format"], {
      THAW_LOG_LEVEL: "loud",
    });
    expect(found).toEqual([
      "unknown option --wrkers; did you mean --workers?",
      "--log-format needs a value: FORMAT",
      "--port: expected an integer from 0 to 65535, got 'x'",
      "environment variable THAW_LOG_LEVEL: expected one of debug, info, warn, error, got 'loud'",
    ]);
  });

  it("are all in the help", () => {
    const help = serveHelp();
    for (const row of Object.values(settings)) expect(help).toContain(row.flags[0]);
    for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
  });

  it("measure the distance of words", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "ab")).toBe(2);
  });
});
