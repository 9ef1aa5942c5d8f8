import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pathBytesMax, pathDepthMax, pathSegmentBytesMax } from "../../src/domain/limits.ts";
import { redact, Secret, shownUri } from "../../src/domain/redact.ts";
import { StorageError } from "../../src/domain/storage.ts";
import { addressAllowed } from "../../src/storage/address.ts";
import { NameSet, relativePath, urlPath } from "../../src/storage/contain.ts";
import { parseS3Page } from "../../src/storage/s3-list.ts";
import { parseUri } from "../../src/storage/uri.ts";

describe("a URI", () => {
  it.each([
    ["models/iris", { scheme: "file", path: "models/iris" }],
    ["file:///m", { scheme: "file", path: "file:///m" }],
    ["pvc://claim/a/b/", { scheme: "pvc", claim: "claim", path: "a/b" }],
    ["s3://bucket//a///b/", { scheme: "s3", endpoint: undefined, bucket: "bucket", key: "a/b" }],
    ["s3://minio:9000/b/k", { endpoint: "http://minio:9000", bucket: "b", key: "k" }],
    ["s3://https://h.x:443/b/k/l", { endpoint: "https://h.x", bucket: "b", key: "k/l" }],
    ["s3://http://[::1]:9000/b/k", { endpoint: "http://[::1]:9000", bucket: "b", key: "k" }],
    ["gs://bucket/a%20b", { scheme: "gs", bucket: "bucket", key: "a%20b" }],
    ["hf://o/n", { scheme: "hf", repo: "o/n", revision: "main", path: "" }],
    ["hf://o/n:v1/onnx/m.onnx", { repo: "o/n", revision: "v1", path: "onnx/m.onnx" }],
    [
      "https://acct.blob.core.windows.net/c/a%20b?sv=1&sig=x",
      {
        scheme: "azure",
        origin: "https://acct.blob.core.windows.net",
        container: "c",
        key: "a b",
        sas: "sv=1&sig=x",
      },
    ],
    ["https://acct.z12.blob.storage.azure.net/c/k", { scheme: "azure", container: "c", key: "k" }],
    ["as://acct/c/k", { origin: "https://acct.blob.core.windows.net", container: "c", key: "k" }],
    ["az://c/k", { scheme: "azure", origin: undefined, container: "c", key: "k" }],
    [
      "abfss://c@acct.dfs.core.windows.net/k",
      { origin: "https://acct.blob.core.windows.net", container: "c", key: "k" },
    ],
    ["wasbs://c@acct.blob.core.windows.net/k", { scheme: "azure", container: "c", key: "k" }],
    ["https://evil.example/x.blob.core.windows.net/y", { scheme: "http" }],
    ["https://blob.core.windows.net.evil.example/c/k", { scheme: "http" }],
  ])("%s is understood", (text, expected) => {
    expect(parseUri(text)).toMatchObject(expected);
  });

  it.each([
    "",
    "s3://",
    "s3:///key",
    "s3://bad bucket/k",
    "s3://host:99999/b/k",
    "s3://b",
    "s3://-/k",
    "gs://",
    "gs:///k",
    "hf://one",
    "hf://o/n:",
    "hf://../n",
    "hf://o/..",
    "http://",
    "https://h/folder/",
    "https://acct.blob.core.windows.net/",
    "https://acct.blob.core.windows.net/%ff",
    "as://acct",
    "as://evil.example/c/k",
    "abfs://acct/k",
    "abfs://c@evil.example/k",
    "az://",
    "pvc://",
    "a\u0000b",
  ])("%j is refused with what was expected", (text) => {
    expect(() => parseUri(text)).toThrow(StorageError);
  });

  it.each([
    "oci://r/m",
    "hdfs://h/p",
    "webhdfs://h/p",
    "modelscope://o/m",
    "ftp://h/p",
    "https://github.com/o/r.git",
    "https://a.file.core.windows.net/s/p",
  ])("%s is not read here", (text) => {
    expect(() => parseUri(text)).toThrow(
      expect.objectContaining({ kind: "unsupported-scheme" }) as Error,
    );
  });

  it("never throws anything else", () => {
    const words = fc.constantFrom("s3://", "gs://", "hf://", "https://", "as://", "abfs://", "a/");
    const text = fc.tuple(words, fc.string({ unit: "binary" })).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (uri) => {
        try {
          parseUri(uri);
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
        }
      }),
    );
  });
});

describe("a name from outside", () => {
  it.each(["a", "a b", "ä/☃", "%2e%2e/a", "a+b#c?d", "...", "a..b", ".hidden"])(
    "%j is taken, and its URL means it",
    (text) => {
      const path = urlPath(relativePath(text));
      const url = new URL(`http://h/${path}`);
      expect(url.pathname).toBe(`/${path}`);
      expect(decodeURIComponent(url.pathname.slice(1))).toBe(text);
    },
  );

  it.each(["", "/a", "a//b", "../x", "a/../b", "a/.", "a\\b", "a\u0000", "a\nb", "\ud800", "a/"])(
    "%j is refused",
    (text) => {
      expect(() => relativePath(text)).toThrow(
        expect.objectContaining({ kind: "unsafe-path" }) as Error,
      );
    },
  );

  it("is bounded", () => {
    const levels = (count: number) => Array(count).fill("a").join("/");
    const long = (bytes: number) => {
      const segments = Array(Math.ceil(bytes / 200))
        .fill("b".repeat(199))
        .join("/");
      return `${segments.slice(0, bytes - 1).replace(/\/$/, "b")}b`;
    };
    relativePath(levels(pathDepthMax));
    relativePath("a".repeat(pathSegmentBytesMax));
    relativePath(long(pathBytesMax));
    expect(() => relativePath(levels(pathDepthMax + 1))).toThrow(/levels/);
    expect(() => relativePath("a".repeat(pathSegmentBytesMax + 1))).toThrow(/segment of more/);
    expect(() => relativePath(long(pathBytesMax + 1))).toThrow(/more than 1024 bytes/);
  });

  it.each([
    ["a", "a/b"],
    ["a/b", "a"],
    ["a/b/c", "a/b"],
    ["\u00e9", "e\u0301"],
    ["a", "a"],
  ])("%j beside %j is refused", (one, other) => {
    const names = new NameSet();
    names.add(relativePath(one));
    expect(() => names.add(relativePath(other))).toThrow(/cannot both be files/);
  });
});

describe("an address", () => {
  it.each([
    ["169.254.169.254", false, false],
    ["169.254.1.1", false, false],
    ["0.0.0.0", false, false],
    ["224.0.0.1", false, false],
    ["fe80::1", false, false],
    ["fd00:ec2::254", false, false],
    ["::", false, false],
    ["::ffff:169.254.169.254", false, false],
    ["::ffff:a9fe:a9fe", false, false],
    ["64:ff9b::a9fe:a9fe", false, false],
    ["2002:a9fe:a9fe::", false, false],
    ["10.1.2.3", true, false],
    ["127.0.0.1", true, false],
    ["::1", true, false],
    ["::ffff:127.0.0.1", true, false],
    ["192.168.1.1", true, false],
    ["100.64.0.1", true, false],
    ["fc00::1", true, false],
    ["8.8.8.8", true, true],
    ["2606:4700::1111", true, true],
    ["::ffff:8.8.8.8", true, true],
  ])("%s: named %s, redirected %s", (address, named, redirected) => {
    expect(addressAllowed(address, "named")).toBe(named);
    expect(addressAllowed(address, "redirected")).toBe(redirected);
  });
});

describe("what is shown", () => {
  it("has no secrets", () => {
    expect(shownUri("https://u:p@h/x?sig=SECRET#f")).toBe("https://[redacted]@h/x");
    expect(shownUri("abfs://c@a.dfs.core.windows.net/k?sig=S")).toBe(
      "abfs://c@a.dfs.core.windows.net/k",
    );
    expect(redact("GET https://h/x?a=1&X-Amz-Signature=SECRET&b=2")).toBe(
      "GET https://h/x?a=1&X-Amz-Signature=[redacted]&b=2",
    );
    const secret = new Secret("SECRET");
    expect(`${secret} ${JSON.stringify({ secret })}`).toBe('[redacted] {"secret":"[redacted]"}');
  });
});

describe("a page of S3's listing", () => {
  const page = (inside: string) => `<ListBucketResult>${inside}</ListBucketResult>`;

  it("gives keys, sizes and ETags", () => {
    const xml = page(
      "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>" +
        "<NextContinuationToken>a&amp;b</NextContinuationToken>" +
        "<Contents><Key>a+b%2Fc</Key><Size>3</Size><ETag>&quot;x&quot;</ETag></Contents>",
    );
    expect(parseS3Page(xml)).toEqual({
      objects: [{ key: "a b/c", bytes: 3, etag: '"x"' }],
      next: "a&b",
    });
  });

  it.each([
    "",
    "<html></html>",
    "<!DOCTYPE x><ListBucketResult></ListBucketResult>",
    "<ListBucketResult><Contents>",
    page("<Contents><Key>a</Key></Contents>"),
    page("<Contents><Key>a</Key><Size>-1</Size></Contents>"),
    page("<IsTruncated>true</IsTruncated>"),
    page("<Contents><Key>&#x110000;</Key><Size>1</Size></Contents>"),
    page("<EncodingType>url</EncodingType><Contents><Key>%ff</Key><Size>1</Size></Contents>"),
  ])("is refused: %j", (xml) => {
    expect(() => parseS3Page(xml)).toThrow(expect.objectContaining({ kind: "corrupt" }) as Error);
  });

  it("never throws anything else", () => {
    const parts = fc.constantFrom(
      "<Contents>",
      "</Contents>",
      "<Key>",
      "</Key>",
      "<Size>1</Size>",
      "&#x",
      "&amp;",
      "%",
      "a",
      "<IsTruncated>true</IsTruncated>",
    );
    fc.assert(
      fc.property(fc.array(parts), (words) => {
        try {
          parseS3Page(page(words.join("")));
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
        }
      }),
    );
  });
});
