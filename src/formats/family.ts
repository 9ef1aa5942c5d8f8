import { closeSync, openSync, readSync } from "node:fs";
import { extname } from "node:path";

/** Which reader a model file is for. */
export type Family = "onnx" | "pickle" | "xgboost" | "lightgbm";

const headBytes = 256;

/** By the first bytes; by the suffix where they leave it open. */
export function familyOf(path: string): Family {
  const head = headOf(path);
  if (isBinaryXgboost(head)) return "xgboost";
  const text = head.toString("latin1");
  if (/^\s*tree\r?\n/.test(text)) return "lightgbm";
  if (/^\s*\{/.test(text) || text.startsWith("binf") || text.startsWith("bs64")) return "xgboost";
  if (isPickle(head)) return "pickle";
  switch (extname(path).toLowerCase()) {
    case ".joblib":
    case ".pkl":
    case ".pickle":
      return "pickle";
    // The oldest files of XGBoost begin with their parameters.
    case ".bst":
    case ".ubj":
    case ".model":
    case ".json":
      return "xgboost";
    case ".txt":
      return "lightgbm";
    default:
      return "onnx";
  }
}

function headOf(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(headBytes);
    return head.subarray(0, readSync(file, head, 0, headBytes, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * XGBoost's binary format begins with a number of the model's, which any bytes may be, those of
 * other formats too; behind its 136 bytes of parameters stands the objective with its length.
 */
export function isBinaryXgboost(head: Buffer): boolean {
  const at = 136;
  if (head.length < at + 8) return false;
  const length = head.readBigUInt64LE(at);
  if (length < 3n || length > 64n) return false;
  return /^\w+(:\w+)?$/.test(head.toString("latin1", at + 8, at + 8 + Number(length)));
}

/** Protocols 2 and up, or one of the compressions that joblib writes. */
function isPickle(head: Buffer): boolean {
  const [first = 0, second = 0] = head;
  if (first === 0x80 && second >= 2 && second <= 5) return true;
  if (first === 0x78 && (first * 256 + second) % 31 === 0) return true;
  if (first === 0x1f && second === 0x8b) return true;
  const text = head.toString("latin1");
  return ["BZh", "\xfd7zXZ", "\x04\x22M\x18"].some((magic) => text.startsWith(magic));
}
