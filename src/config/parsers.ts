import { GiB, KiB, MiB } from "../domain/limits.ts";

/** From the text of a setting to its value; a string that is returned says what was expected. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly expected: string };

export type Parser<T> = (text: string) => Parsed<T>;

function no<T>(expected: string): Parsed<T> {
  return { ok: false, expected };
}

function yes<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export const text: Parser<string> = (given) =>
  given === "" ? no("a text that is not empty") : yes(given);

export function integer(min: number, max: number): Parser<number> {
  return (given) => {
    const value = /^[0-9]{1,15}$/.test(given) ? Number(given) : Number.NaN;
    return value >= min && value <= max ? yes(value) : no(`an integer from ${min} to ${max}`);
  };
}

export function oneOf<T extends string>(choices: readonly T[]): Parser<T> {
  return (given) => {
    const choice = choices.find((one) => one === given);
    return choice === undefined ? no(`one of ${choices.join(", ")}`) : yes(choice);
  };
}

export const yesOrNo: Parser<boolean> = (given) => {
  const word = given.toLowerCase();
  if (["yes", "true", "on", "1"].includes(word)) return yes(true);
  return ["no", "false", "off", "0"].includes(word) ? yes(false) : no("yes or no");
};

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds: `250ms`, `5s`, `2m`, `1h`; a bare number is seconds. */
export function duration(maxMs: number, minMs = 0): Parser<number> {
  return (given) => {
    const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?$/.exec(given);
    const valueMs = Number(match?.[1]) * (durationUnits[match?.[2] ?? "s"] ?? Number.NaN);
    const least = minMs > 0 ? `at least ${minMs / 1_000}s and ` : "";
    return valueMs >= minMs && valueMs <= maxMs
      ? yes(valueMs)
      : no(`a duration such as 500ms, 5s or 2m, ${least}at most ${maxMs / 1_000}s`);
  };
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  K: KiB,
  KI: KiB,
  KIB: KiB,
  KB: 1_000,
  M: MiB,
  MI: MiB,
  MIB: MiB,
  MB: 1_000_000,
  G: GiB,
  GI: GiB,
  GIB: GiB,
  GB: 1_000_000_000,
  TI: 1_024 * GiB,
  TIB: 1_024 * GiB,
};

/** Bytes: `65536`, `64KiB`, `64MiB`, `1GiB` (K, Ki and so on too; KB, MB, GB are powers of ten). */
export function size(minBytes: number, maxBytes: number): Parser<number> {
  return (given) => {
    const match = /^([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)$/.exec(given);
    const unit = sizeUnits[(match?.[2] ?? "").toUpperCase()] ?? Number.NaN;
    const bytes = Math.floor(Number(match?.[1]) * unit);
    return bytes >= minBytes && bytes <= maxBytes
      ? yes(bytes)
      : no(`a size such as 64MiB, from ${minBytes} to ${maxBytes} bytes`);
  };
}
