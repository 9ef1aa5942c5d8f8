import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The bill of materials of what the bundle is made from, CycloneDX 1.5, by npm from the lock file:
 * `node scripts/sbom.ts FILE`. Without a serial number and a time, so that equal inputs give
 * equal files.
 */
const project = join(import.meta.dirname, "..");
const how = ["sbom", "--package-lock-only", "--omit=dev", "--sbom-format=cyclonedx"];
const told = execFileSync("npm", how, { cwd: project, encoding: "utf8", maxBuffer: 2 ** 25 });
const { serialNumber: _, ...bill } = JSON.parse(told);
const { timestamp: __, ...metadata } = bill.metadata;
metadata.component.name = "thaw";
writeFileSync(process.argv[2] ?? "sbom.cdx.json", JSON.stringify({ ...bill, metadata }));
