/** Outside text, short and printable enough to be quoted in a message. */
export function clip(text: string, lengthMax = 128): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it replaces.
  const printable = text.replace(/[\u0000-\u001f\u007f]/gu, "\ufffd").toWellFormed();
  if (printable.length <= lengthMax) return printable;
  // A cut through a surrogate pair leaves half of it.
  return `${printable.slice(0, lengthMax).toWellFormed()}…`;
}

/** The one of `known` that `given` was probably meant to be. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  let found: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const one of known) {
    const distance = editDistance(given, one);
    if (distance >= least) continue;
    least = distance;
    found = one;
  }
  return found;
}

/** Levenshtein's distance: insertions, deletions and replacements from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
