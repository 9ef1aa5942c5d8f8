/** What may be shown of a URI or a message: without userinfo and signatures. */

/** Of signed URLs of Azure, AWS and Google, and what people call tokens. */
const secretNames = [
  "sig|signature|token|access_token|key|awsaccesskeyid|se|sp|sv|spr|sr|st|skoid|sktid",
  "x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature|x-goog-credential",
].join("|");

const secretParameters = new RegExp(`([?&;](?:${secretNames})=)[^&#\\s'"]*`, "gi");

const userinfo = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s?#'"]*@/gi;

/** Replaces what is secret in text that holds URIs. */
export function redact(text: string): string {
  return text.replace(userinfo, "$1[redacted]@").replace(secretParameters, "$1[redacted]");
}

/** A URI for logs and messages: query and fragment left out, since both may hold secrets. */
export function shownUri(uri: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(uri);
  if (!scheme) return uri;
  // In `abfss://container@account…` the part before the sign is a name, not a secret.
  const bare = uri.replace(/[?#].*$/s, "");
  return /^(abfss?|wasbs?):/i.test(uri) ? bare : redact(bare);
}

/** A value that prints as `[redacted]`, whatever prints it. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the request that needs it, and nothing else. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }
}
