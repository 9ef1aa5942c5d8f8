import { shownUri } from "../domain/redact.ts";
import { StorageError } from "../domain/storage.ts";
import { clip } from "../domain/text.ts";

/** Text → what it names. Pure: nothing is asked, no file looked at. */
export type ModelUri =
  | { readonly scheme: "file"; readonly path: string }
  | { readonly scheme: "pvc"; readonly claim: string; readonly path: string }
  | { readonly scheme: "http"; readonly url: URL; readonly sha256: string | undefined }
  | {
      readonly scheme: "s3";
      /** Origin of the endpoint, where the URI names one. */
      readonly endpoint: string | undefined;
      readonly bucket: string;
      readonly key: string;
    }
  | { readonly scheme: "gs"; readonly bucket: string; readonly key: string }
  | {
      readonly scheme: "azure";
      /** Origin of the account's blob service; undefined: it is in the environment. */
      readonly origin: string | undefined;
      readonly container: string;
      readonly key: string;
      /** A shared access signature, without `?`. */
      readonly sas: string | undefined;
    }
  | {
      readonly scheme: "hf";
      readonly repo: string;
      readonly revision: string;
      readonly path: string;
    };

const elsewhere: Readonly<Record<string, string>> = {
  oci: "give the path where its image is mounted",
  "oci+native": "give the path where its image is mounted",
  "oci+fetch": "give the path where it was pulled to",
  hdfs: "let KServe's storage initializer pull it, and give the path",
  webhdfs: "let KServe's storage initializer pull it, and give the path",
  modelscope: "let KServe's storage initializer pull it, and give the path",
  azfs: "mount the share, and give the path",
};

/** Throws `bad-uri` or `unsupported-scheme`. */
export function parseUri(text: string): ModelUri {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
  if (/[\u0000-\u001f\u007f]/.test(text)) throw bad(text, "it has control characters");
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  const rest = text.replace(/^[^:]*:\/\//, "");
  switch (scheme) {
    case undefined:
      if (text === "") throw bad(text, "it is empty");
      return { scheme: "file", path: text };
    case "file":
      if (!/^file:(\/(?!\/)|\/\/(localhost)?\/)/i.test(text)) {
        throw bad(text, "expected file:///PATH");
      }
      return { scheme: "file", path: text };
    case "pvc": {
      const [claim, path] = split(text, rest, "pvc://CLAIM/PATH");
      return { scheme, claim, path };
    }
    case "s3":
      return s3(text, rest);
    case "gs": {
      const [bucket, key] = split(text, rest, "gs://BUCKET/KEY");
      return { scheme, bucket, key };
    }
    case "hf":
      return hf(text, rest);
    case "http":
    case "https":
      return web(text);
    case "as":
    case "az":
    case "abfs":
    case "abfss":
    case "wasb":
    case "wasbs":
      return azure(text, scheme, rest);
    default: {
      const what = elsewhere[scheme] ?? "the schemes are file, pvc, http(s), s3, gs, az, as, hf";
      throw new StorageError("unsupported-scheme", `'${scheme}://' is not read here: ${what}`);
    }
  }
}

function bad(text: string, why: string): StorageError {
  return new StorageError("bad-uri", `'${clip(shownUri(text))}' is not a source: ${why}`);
}

/** Bucket and key; slashes around and between are one. */
function split(text: string, rest: string, form: string): readonly [string, string] {
  const [bucket = "", ...segments] = rest.split("/").filter((part) => part !== "");
  if (bucket === "" || rest.startsWith("/")) throw bad(text, `expected ${form}`);
  return [bucket, segments.join("/")];
}

/** `s3://bucket/key`, and Triton's `s3://[http(s)://]host:port/bucket/key`: a port says which. */
function s3(text: string, rest: string): ModelUri {
  const form = "s3://BUCKET/KEY or s3://[https://]HOST:PORT/BUCKET/KEY";
  const own = /^(https?:\/\/)?(\[[0-9a-fA-F:]+\]|[0-9a-zA-Z.-]+):([0-9]{1,5})\/(.*)$/s.exec(rest);
  if (own !== null) {
    const [, scheme = "http://", host = "", port = "", below = ""] = own;
    if (!URL.canParse(`${scheme}${host}:${port}`)) throw bad(text, `expected ${form}`);
    const [bucket, key] = split(text, below.replace(/^\/+/, ""), form);
    return { scheme: "s3", endpoint: new URL(`${scheme}${host}:${port}`).origin, bucket, key };
  }
  const [bucket, key] = split(text, rest, form);
  if (!/^[0-9a-zA-Z][0-9a-zA-Z._-]{1,254}$/.test(bucket)) throw bad(text, `expected ${form}`);
  return { scheme: "s3", endpoint: undefined, bucket, key };
}

/** `hf://owner/name[:revision][/path]`. */
function hf(text: string, rest: string): ModelUri {
  const form = "hf://OWNER/NAME[:REVISION][/PATH]";
  const match =
    /^([A-Za-z0-9][\w.-]*)\/([A-Za-z0-9][\w.-]*)(?::([^/:?#\s]+))?(?:\/(.*?))?\/*$/s.exec(rest);
  if (match === null) throw bad(text, `expected ${form}`);
  const [, owner, name, revision = "main", path = ""] = match;
  if ([owner, name].some((part) => part === undefined || /\.\.|--/.test(part))) {
    throw bad(text, `expected ${form}`);
  }
  return { scheme: "hf", repo: `${owner}/${name}`, revision, path };
}

const blobHost = /^[a-z0-9][a-z0-9-]*\.(blob\.core\.[a-z.]+|z\d{1,2}\.blob\.storage\.azure\.net)$/;
const fileHost = /\.(file\.core\.[a-z.]+|z\d{1,2}\.file\.storage\.azure\.net)$/;

function web(text: string): ModelUri {
  if (!URL.canParse(text)) throw bad(text, "expected http(s)://HOST/PATH");
  const url = new URL(text);
  const host = url.hostname;
  if (fileHost.test(host)) {
    throw new StorageError("unsupported-scheme", "Azure file shares are not read here: mount it");
  }
  if (blobHost.test(host)) {
    const [container, key] = split(text, decoded(text, url), "https://ACCOUNT…/CONTAINER/KEY");
    const sas = url.search === "" ? undefined : url.search.slice(1);
    return { scheme: "azure", origin: url.origin, container, key, sas };
  }
  if (/\.git\/?$/.test(url.pathname)) {
    throw new StorageError("unsupported-scheme", "git repositories are not read here: clone it");
  }
  if (url.pathname.endsWith("/")) throw bad(text, "expected the URL of one file");
  if (url.hash !== "" && !/^#sha256=[0-9a-f]{64}$/i.test(url.hash)) {
    throw bad(text, "behind # only sha256= and 64 hexadecimal digits are understood");
  }
  const sha256 = /^#sha256=([0-9a-fA-F]{64})$/.exec(url.hash)?.[1]?.toLowerCase();
  url.hash = "";
  return { scheme: "http", url, sha256 };
}

/** The path of a URL as names; what does not decode is refused. */
function decoded(text: string, url: URL): string {
  try {
    return decodeURIComponent(url.pathname.replace(/^\/+/, ""));
  } catch {
    throw bad(text, "its path is not percent-encoded UTF-8");
  }
}

type AzureScheme = "as" | "az" | "abfs" | "abfss" | "wasb" | "wasbs";

function azure(text: string, scheme: AzureScheme, given: string): ModelUri {
  const [rest = "", sas] = given.split("?", 2);
  if (scheme === "az") {
    const [container, key] = split(text, rest, "az://CONTAINER/KEY");
    return { scheme: "azure", origin: undefined, container, key, sas };
  }
  if (scheme === "as") {
    const form = "as://ACCOUNT/CONTAINER/KEY";
    const [host, path] = split(text, rest, form);
    if (path === "") throw bad(text, `expected ${form}`);
    const [container, key] = split(text, path, form);
    return { scheme: "azure", origin: blobOrigin(text, host), container, key, sas };
  }
  const form = `${scheme}://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY`;
  const match = /^([^@/]+)@([^@/]+)\/*(.*?)\/*$/s.exec(rest);
  const [, container, host, key = ""] = match ?? [];
  if (container === undefined || host === undefined) throw bad(text, `expected ${form}`);
  const origin = blobOrigin(text, host.replace(".dfs.", ".blob."));
  return { scheme: "azure", origin, container, key, sas };
}

function blobOrigin(text: string, host: string): string {
  const full = host.includes(".") ? host : `${host}.blob.core.windows.net`;
  if (!blobHost.test(full)) throw bad(text, "expected the name of a storage account");
  return `https://${full}`;
}
