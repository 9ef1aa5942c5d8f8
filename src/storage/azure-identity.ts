import {
  ClientSecretCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import type { Environment } from "./storage-config.ts";

/**
 * Who the process is to Azure: workload identity, a client secret, a managed identity where there
 * are signs of one; else nobody. `AZ_*` are older names of the same.
 */
export function identityFor(env: Environment): TokenCredential | undefined {
  const tenantId = either(env, "AZURE_TENANT_ID", "AZ_TENANT_ID");
  const clientId = either(env, "AZURE_CLIENT_ID", "AZ_CLIENT_ID");
  const secret = either(env, "AZURE_CLIENT_SECRET", "AZ_CLIENT_SECRET");
  const tokenFilePath = either(env, "AZURE_FEDERATED_TOKEN_FILE");
  const authority = either(env, "AZURE_AUTHORITY_HOST");
  const options = authority === undefined ? {} : { authorityHost: authority };
  if (tokenFilePath !== undefined && clientId !== undefined && tenantId !== undefined) {
    return new WorkloadIdentityCredential({ ...options, tokenFilePath, clientId, tenantId });
  }
  if (secret !== undefined && clientId !== undefined && tenantId !== undefined) {
    return new ClientSecretCredential(tenantId, clientId, secret, options);
  }
  if (clientId !== undefined) return new ManagedIdentityCredential({ ...options, clientId });
  if (either(env, "IDENTITY_ENDPOINT", "MSI_ENDPOINT") !== undefined) {
    return new ManagedIdentityCredential(options);
  }
  return undefined;
}

function either(env: Environment, ...names: string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}
