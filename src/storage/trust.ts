import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import { StorageError } from "../domain/storage.ts";
import type { Environment } from "./storage-config.ts";

const bundleFolder = "/etc/ssl/custom-certs";
const bundleFile = "cabundle.crt";

/** KServe's global CA bundle, added to the usual authorities; undefined: these alone. */
export function authorities(env: Environment): string[] | undefined {
  if ((env["CA_BUNDLE_CONFIGMAP_NAME"] ?? "") === "") return undefined;
  const path = `${env["CA_BUNDLE_VOLUME_MOUNT_POINT"] ?? bundleFolder}/${bundleFile}`;
  return [...getCACertificates("default"), readBundle(path)];
}

/** A PEM file that the operator named. */
export function readBundle(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new StorageError("tls", `the CA bundle '${path}' cannot be read`, { cause });
  }
}
