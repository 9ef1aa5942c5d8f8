import { StorageError } from "../domain/storage.ts";

/** One page of ListObjectsV2. */
export interface S3Page {
  readonly objects: readonly {
    readonly key: string;
    readonly bytes: number;
    readonly etag: string;
  }[];
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
}

/**
 * Reads the XML of ListObjectsV2 with `encoding-type=url`: the few elements that matter, by a scan.
 * There are no DTDs, comments or CDATA in it; with any it is refused. Throws `corrupt`.
 */
export function parseS3Page(xml: string): S3Page {
  if (xml.includes("<!")) throw corrupt("a declaration in it");
  const root = /^\s*(?:<\?xml[^>]*\?>\s*)?<([\w:]+)/.exec(xml)?.[1];
  if (root !== "ListBucketResult") throw corrupt("it is no ListBucketResult");
  if (!/<\/ListBucketResult>\s*$/.test(xml)) throw corrupt("its end is missing");
  const encoded = element(xml, "EncodingType") === "url";
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, body = ""]) => {
    const key = element(body, "Key");
    const size = element(body, "Size") ?? "";
    if (key === undefined || !/^\d{1,15}$/.test(size))
      throw corrupt("an object without key or size");
    const etag = element(body, "ETag") ?? "";
    return { key: encoded ? urlDecoded(key) : key, bytes: Number(size), etag };
  });
  const truncated = element(xml, "IsTruncated") === "true";
  const next = element(xml, "NextContinuationToken");
  if (truncated && next === undefined) throw corrupt("it goes on, and does not say where");
  return { objects, next: truncated ? next : undefined };
}

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescaped(text);
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescaped(text: string): string {
  return text.replace(/&([^;&]{0,12});?/g, (all, name: string) => {
    const known = entities[name];
    if (known !== undefined) return known;
    const hex = /^#x([0-9a-f]{1,6})$/i.exec(name)?.[1];
    const code = hex === undefined ? /^#(\d{1,7})$/.exec(name)?.[1] : `0x${hex}`;
    const point = code === undefined ? Number.NaN : Number(code);
    if (!(point <= 0x10ffff)) throw corrupt(`the entity '${all}'`);
    return String.fromCodePoint(point);
  });
}

function urlDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw corrupt("a key that is not percent-encoded UTF-8");
  }
}

function corrupt(what: string): StorageError {
  return new StorageError("corrupt", `the store's listing cannot be read: ${what}`);
}
