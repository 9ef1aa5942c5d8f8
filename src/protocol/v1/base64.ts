import { isUtf8 } from "node:buffer";

export const base64Key = "b64";

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The text that a string in base64 stands for; `undefined` where it is none, or not UTF-8. */
export function base64Text(encoded: string): string | undefined {
  const digits = encoded.replace(/=+$/, "").length;
  if (!base64.test(encoded) || digits % 4 === 1) return undefined;
  if (digits < encoded.length && encoded.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}
