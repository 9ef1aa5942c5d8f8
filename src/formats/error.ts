/**
 * A file that is not what it should be. The message is for the operator who deployed it: what is
 * wrong with the file and what would be right, without its path (the caller knows that).
 */
export class FormatError extends Error {
  override readonly name = "FormatError";
}
