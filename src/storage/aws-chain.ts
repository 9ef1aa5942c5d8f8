import { defaultProvider } from "@aws-sdk/credential-provider-node";
import type { Environment } from "./storage-config.ts";

/** Profiles, SSO, processes and instance metadata, as every AWS tool finds them. */
export async function awsChain(
  env: Environment,
  region: string,
): Promise<Awaited<ReturnType<ReturnType<typeof defaultProvider>>> | undefined> {
  const profile = env["AWS_PROFILE"];
  const provider = defaultProvider({
    ...(profile === undefined ? {} : { profile }),
    clientConfig: { region },
    timeout: 1_000,
    maxRetries: 0,
  });
  try {
    return await provider();
  } catch (error) {
    // A profile that was asked for and is wrong is an error; nothing found anywhere is none.
    if (profile === undefined) return undefined;
    throw error;
  }
}
