/** Counts checks and prints one line for each. */
export class Report {
  #passed = 0;
  #failed = 0;
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  get checks(): number {
    return this.#passed + this.#failed;
  }

  get failed(): number {
    return this.#failed;
  }

  async check(name: string, action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
      this.#count(`ok ${name}`);
    } catch (error) {
      this.fail(name, reasonOf(error));
    }
  }

  fail(name: string, reason: string): void {
    this.#count(`FAIL ${name}: ${oneLine(reason)}`);
  }

  skip(client: string, reason: string): void {
    this.#write(`skipped: ${client}: ${oneLine(reason)}`);
  }

  note(text: string): void {
    this.#write(text);
  }

  /** A line that a program of checks printed; false if it is not a check. */
  adopt(line: string): boolean {
    if (!/^(ok|FAIL) /.test(line)) return false;
    this.#count(line);
    return true;
  }

  summary(): string {
    return `${this.#passed} passed, ${this.#failed} failed`;
  }

  #count(line: string): void {
    if (line.startsWith("ok ")) this.#passed += 1;
    else this.#failed += 1;
    this.#write(line);
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const reasonLengthMax = 600;

function oneLine(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length <= reasonLengthMax ? line : `${line.slice(0, reasonLengthMax)}…`;
}
