import { GoogleAuth } from "google-auth-library";
import { StorageError } from "../domain/storage.ts";

const scope = "https://www.googleapis.com/auth/devstorage.read_only";

/** A token by a credential file of any kind: a service account, workload identity, a user's. */
export async function googleToken(
  keyFilename: string,
): Promise<{ readonly token: string; readonly expiresMs: number | undefined }> {
  try {
    const client = await new GoogleAuth({ keyFilename, scopes: [scope] }).getClient();
    const { token } = await client.getAccessToken();
    const expiresMs = client.credentials.expiry_date ?? undefined;
    if (typeof token === "string") return { token, expiresMs };
  } catch (cause) {
    const what = `GOOGLE_APPLICATION_CREDENTIALS '${keyFilename}' gives no token`;
    throw new StorageError("unauthorized", what, { cause });
  }
  throw new StorageError("unauthorized", `'${keyFilename}' gives no token`);
}
