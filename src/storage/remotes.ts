import type { StorageOptions } from "./options.ts";
import type { Remote } from "./remote.ts";
import { Transport } from "./transport.ts";
import { withTritonCredentials } from "./triton-credentials.ts";
import { authorities } from "./trust.ts";
import type { ModelUri } from "./uri.ts";

/** The adapter of a URI's scheme, imported with what it needs. */
export async function openRemote(
  uri: ModelUri,
  { env: given, idleMsMax }: Pick<StorageOptions, "env" | "idleMsMax">,
): Promise<Remote> {
  const env = await withTritonCredentials(uri, given);
  const transport = new Transport({ env, ca: authorities(env), idleMsMax });
  switch (uri.scheme) {
    case "http":
      return (await import("./http.ts")).httpRemote(uri, transport);
    case "s3":
      return (await import("./s3.ts")).s3Remote(uri, transport);
    case "gs":
      return (await import("./gs.ts")).gsRemote(uri, transport);
    case "azure":
      return (await import("./azure.ts")).azureRemote(uri, transport);
    case "hf":
      return (await import("./hf.ts")).hfRemote(uri, transport);
    case "file":
    case "pvc":
      return (await import("./local-remote.ts")).localRemote(uri, env);
  }
}
