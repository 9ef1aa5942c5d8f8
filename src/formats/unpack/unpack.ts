import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { MiB, modelBytesFree, modelBytesMax, modelRatioMax } from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import { TooMuchError } from "./output.ts";

/** What joblib's compressors write (compressor.py), told apart by the first bytes. */

type Unpack = (bytes: Uint8Array, bytesMax: number) => Promise<Uint8Array>;

interface Coding {
  readonly name: string;
  readonly magic: readonly number[];
  readonly unpack: Unpack;
}

const codings: readonly Coding[] = [
  { name: "zlib", magic: [0x78], unpack: zlibWith(promisify(inflate)) },
  { name: "gzip", magic: [0x1f, 0x8b], unpack: zlibWith(promisify(gunzip)) },
  {
    name: "bzip2",
    magic: [0x42, 0x5a, 0x68],
    unpack: async (...args) => (await import("./bzip2.ts")).unpackBzip2(...args),
  },
  {
    name: "xz",
    magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
    unpack: async (...args) => (await import("./xz.ts")).unpackXz(...args),
  },
  {
    name: "lzma",
    magic: [0x5d, 0x00],
    unpack: async (...args) => (await import("./lzma.ts")).unpackLzma(...args),
  },
  {
    name: "lz4",
    magic: [0x04, 0x22, 0x4d, 0x18],
    unpack: async (...args) => (await import("./lz4.ts")).unpackLz4(...args),
  },
];

/**
 * The bytes behind a compression, or as they are where there is none. Throws FormatError where they
 * are damaged, or unpack to more than is allowed.
 */
export async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  const coding = codings.find(({ magic }) => magic.every((byte, at) => bytes[at] === byte));
  if (coding === undefined) return bytes;
  const bytesMax = Math.min(modelBytesMax, Math.max(modelBytesFree, bytes.length * modelRatioMax));
  try {
    return await coding.unpack(bytes, bytesMax);
  } catch (error) {
    if (error instanceof TooMuchError || isTooMuch(error)) {
      throw new FormatError(
        `it unpacks (${coding.name}) to more than ${Math.floor(bytesMax / MiB)} MiB, which is ` +
          `more than ${modelRatioMax} times its size`,
      );
    }
    throw new FormatError(`its ${coding.name} compression is damaged`);
  }
}

function isTooMuch(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

function zlibWith(
  unpack: (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>,
): Unpack {
  return (bytes, maxOutputLength) => unpack(bytes, { maxOutputLength });
}
