import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { crc32 } from "node:zlib";

/** Checksums as stores give them; all in lower-case hexadecimal. */
export type Algorithm = "md5" | "sha1" | "sha256" | "crc32" | "crc32c" | "crc64nvme" | "git-blob";

export interface Checksum {
  readonly algorithm: Algorithm;
  readonly hex: string;
}

export function fromBase64(algorithm: Algorithm, text: string): Checksum {
  return { algorithm, hex: Buffer.from(text, "base64").toString("hex") };
}

/** The checksum of a file of `bytes` bytes, in hexadecimal. */
export async function checksumOf(
  path: string,
  algorithm: Algorithm,
  bytes: number,
): Promise<string> {
  const sum = summing(algorithm, bytes);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) sum.add(chunk);
  return sum.hex();
}

interface Summing {
  add(chunk: Buffer): void;
  hex(): string;
}

function summing(algorithm: Algorithm, bytes: number): Summing {
  switch (algorithm) {
    case "md5":
    case "sha1":
    case "sha256":
      return hashing(algorithm);
    case "git-blob":
      return hashing("sha1", `blob ${bytes}\0`);
    case "crc32": {
      let crc = 0;
      return {
        add: (chunk) => {
          crc = crc32(chunk, crc);
        },
        hex: () => crc.toString(16).padStart(8, "0"),
      };
    }
    case "crc32c":
      return crc32c();
    case "crc64nvme":
      return crc64();
  }
}

function hashing(name: string, prefix = ""): Summing {
  const hash = createHash(name).update(prefix);
  return { add: (chunk) => void hash.update(chunk), hex: () => hash.digest("hex") };
}

/** CRC-32C (Castagnoli, RFC 3720), reflected: zlib's is another polynomial. */
function crc32c(): Summing {
  const table = new Int32Array(256);
  for (let n = 0; n < 256; n += 1) {
    let value = n;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
    table[n] = value;
  }
  let crc = -1;
  return {
    add: (chunk) => {
      for (const byte of chunk) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] ?? 0);
    },
    hex: () => ((crc ^ -1) >>> 0).toString(16).padStart(8, "0"),
  };
}

/** CRC-64/NVME, reflected, as two halves of 32 bits. */
function crc64(): Summing {
  const polynomial = 0x9a6c9329ac4bc9b5n;
  const high = new Int32Array(256);
  const low = new Int32Array(256);
  for (let n = 0; n < 256; n += 1) {
    let value = BigInt(n);
    for (let bit = 0; bit < 8; bit += 1) value = (value >> 1n) ^ (value & 1n ? polynomial : 0n);
    high[n] = Number(BigInt.asIntN(32, value >> 32n));
    low[n] = Number(BigInt.asIntN(32, value));
  }
  let top = -1;
  let bottom = -1;
  const hexOf = (half: number) => ((half ^ -1) >>> 0).toString(16).padStart(8, "0");
  return {
    add: (chunk) => {
      for (const byte of chunk) {
        const at = (bottom ^ byte) & 255;
        bottom = ((bottom >>> 8) | (top << 24)) ^ (low[at] ?? 0);
        top = (top >>> 8) ^ (high[at] ?? 0);
      }
    },
    hex: () => hexOf(top) + hexOf(bottom),
  };
}
