import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Report } from "../test/clients/report.ts";
import { checkElsewhere } from "../test/storage/elsewhere.ts";
import { setup as build } from "../test/support/build.ts";

/**
 * Pulls from stores that are somebody else's work: Azurite, installed outside the checkout, where it
 * stays for the next time; moto, S3Mock, fake-gcs-server and nginx. Each is skipped in a line where it cannot
 * be installed.
 */

const azurite = "azurite@3.37.0";
const folder = join(tmpdir(), "thaw-test-storage");
const installed = join(folder, "node_modules/azurite/package.json");

if (existsSync(installed) || installs()) {
  const { status } = spawnSync("vitest", ["run", "test/storage"], {
    stdio: "inherit",
    env: { ...process.env, THAW_AZURITE: installed },
  });
  process.exitCode = status ?? 1;
} else {
  process.stdout.write(`skipped: ${azurite} cannot be installed here\n`);
}

build();
const report = new Report((line) => process.stdout.write(`${line}\n`));
await checkElsewhere(report);
process.stdout.write(`${report.summary()}\n`);
if (report.failed > 0) process.exitCode = 1;

function installs(): boolean {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const args = ["install", azurite, "--no-audit", "--no-fund", "--ignore-scripts"];
  const { status } = spawnSync("npm", args, { cwd: folder, stdio: "ignore", timeout: 300_000 });
  return status === 0;
}
