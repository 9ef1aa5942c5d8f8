/** Outside text, short and printable enough to be quoted in a message. */
export function clip(text: string, lengthMax = 128): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it replaces.
  const printable = text.replace(/[\u0000-\u001f\u007f]/gu, "\ufffd").toWellFormed();
  if (printable.length <= lengthMax) return printable;
  // A cut through a surrogate pair leaves half of it.
  return `${printable.slice(0, lengthMax).toWellFormed()}…`;
}
