import type { Environment } from "./storage-config.ts";

/**
 * Which files of a source count, by KServe's STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS: a
 * JSON array or a list with commas, each as Python's fnmatch has it over the path in the source.
 */
export function wantedFiles(env: Environment): (path: string) => boolean {
  const allowed = patternsIn(env["STORAGE_ALLOW_PATTERNS"]);
  const ignored = patternsIn(env["STORAGE_IGNORE_PATTERNS"]);
  return (path) =>
    (allowed.length === 0 || allowed.some((one) => one.test(path))) &&
    !ignored.some((one) => one.test(path));
}

function patternsIn(text: string | undefined): readonly RegExp[] {
  if (text === undefined || text.trim() === "") return [];
  return listOf(text).map(fnmatch);
}

function listOf(text: string): readonly string[] {
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list.map(String);
  } catch {
    // A list with commas.
  }
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

/** `*` is anything, slashes too; a folder stands for what is in it. */
function fnmatch(pattern: string): RegExp {
  const whole = pattern.endsWith("/") ? `${pattern}*` : pattern;
  const source = whole.replace(/\*+|\?|\[!?\]?[^\]]*\]|./gsu, (part) => {
    if (part.startsWith("*")) return ".*";
    if (part === "?") return ".";
    if (part.length > 1) {
      const negated = part.startsWith("[!");
      const inner = part.slice(negated ? 2 : 1, -1).replace(/[\\\]^]/g, "\\$&");
      return `[${negated ? "^" : ""}${inner}]`;
    }
    return part.replace(/[\\^$.|?*+()[\]{}/]/g, "\\$&");
  });
  return new RegExp(`^${source}$`, "su");
}
