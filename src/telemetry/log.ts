import { logLineBytesMax, logRepeatsPerSecondMax } from "../domain/limits.ts";
import type { Log, LogFields, LogLevel } from "../domain/ports.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export const logFormats = ["auto", "json", "text"] as const;
export type LogFormat = (typeof logFormats)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format: LogFormat;
  readonly terminal: boolean;
  readonly write: (line: string) => void;
  readonly now: () => Date;
}

type Event = { readonly level: LogLevel; readonly event: string; readonly fields: LogFields };

/**
 * One line for each event. But for `info`, the same event is written at most
 * `logRepeatsPerSecondMax` times a second; the next line of it counts what was left out.
 */
export class LineLog implements Log {
  readonly #options: LogOptions;
  readonly #repeats = new Map<string, { second: number; written: number; left: number }>();

  constructor(options: LogOptions) {
    this.#options = options;
  }

  write(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.#options.level)) return;
    const now = this.#options.now();
    const second = Math.floor(now.getTime() / 1_000);
    const left = level === "info" ? 0 : this.#sample(event, second);
    if (left === undefined) return;
    const shown = { ...plain(fields), ...(left > 0 ? { left_out: left } : {}) };
    this.#options.write(`${this.#line(now, { level, event, fields: shown })}\n`);
  }

  /** How many of this event were left out before this one, or `undefined` to leave it out too. */
  #sample(event: string, second: number): number | undefined {
    const state = this.#repeats.get(event) ?? { second, written: 0, left: 0 };
    this.#repeats.set(event, state);
    if (state.second !== second) Object.assign(state, { second, written: 0 });
    if (state.written >= logRepeatsPerSecondMax) {
      state.left += 1;
      return undefined;
    }
    state.written += 1;
    const { left } = state;
    state.left = 0;
    return left;
  }

  #line(now: Date, event: Event): string {
    const { format, terminal } = this.#options;
    const text = format === "text" || (format === "auto" && terminal);
    const line = text ? textLine(now, event, terminal) : jsonLine(now, event);
    if (line.length <= logLineBytesMax) return line;
    return text ? `${line.slice(0, logLineBytesMax - 1)}…` : jsonLine(now, shortened(event));
  }
}

function jsonLine(now: Date, { level, event, fields }: Event): string {
  return JSON.stringify({ time: now.toISOString(), level, event, ...fields });
}

function shortened(event: Event): Event {
  const fields = Object.fromEntries(
    Object.entries(event.fields).map(([key, value]) => [
      key,
      typeof value === "string" ? value.slice(0, 512) : String(value).slice(0, 512),
    ]),
  );
  return { ...event, fields };
}

const colours: Readonly<Record<LogLevel, string>> = {
  debug: "2",
  info: "36",
  warn: "33",
  error: "31",
};

function textLine(now: Date, { level, event, fields }: Event, terminal: boolean): string {
  const time = now.toISOString().slice(11, 23);
  const word = level.padEnd(5);
  const label = terminal ? `\u001b[${colours[level]}m${word}\u001b[0m` : word;
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${textValue(value)}`);
  return [time, label, event, ...rest].join(" ");
}

function textValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[\s"]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text;
}

/** Fields as JSON can hold them: times with three digits, errors with their cause and stack. */
function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, plainValue(value)]),
  );
}

function plainValue(value: unknown): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? value : Number(value.toFixed(3));
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const { message, stack, cause } = value;
  return { message, stack, ...(cause === undefined ? {} : { cause: plainValue(cause) }) };
}
