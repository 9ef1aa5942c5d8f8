import {
  pickleIntBytesMax,
  pickleNestingMax,
  pickleOperationsMax,
  pickleStackMax,
} from "../../domain/limits.ts";
import { FormatError } from "../error.ts";
import { called, globalOf, itemsOf, objectOf, setState } from "./construct.ts";
import type { PickleCursor } from "./cursor.ts";
import { readWrappedArray, wrapperName } from "./joblib.ts";
import { damaged, intOf } from "./numpy.ts";
import { op } from "./opcodes.ts";
import { allowedGlobal } from "./policy.ts";
import type { PyObject, PyValue } from "./values.ts";

/**
 * The pickle machine (Lib/pickletools.py, protocols 0 to 5), which builds plain values and runs
 * nothing. Operations, the stack and the memo are bounded; nothing here recurses but the pickles
 * that joblib puts into arrays of objects, to a small depth.
 */
export class PickleMachine {
  readonly #cursor: PickleCursor;
  readonly #budget: { operations: number };
  readonly #depth: number;
  #stack: PyValue[] = [];
  readonly #marks: PyValue[][] = [];
  readonly #memo = new Map<number, PyValue>();
  /** Where the last array's wrapper was memoized: the array takes its place. */
  #wrapperKey = -1;

  constructor(cursor: PickleCursor, budget: { operations: number } = { operations: 0 }, depth = 0) {
    if (depth > pickleNestingMax) throw new FormatError("pickles are nested too deep");
    this.#cursor = cursor;
    this.#budget = budget;
    this.#depth = depth;
  }

  /** The value that the pickle at the cursor holds; the cursor is behind it then. */
  load(): PyValue {
    for (;;) {
      this.#budget.operations += 1;
      if (this.#budget.operations > pickleOperationsMax) {
        throw new FormatError(`the pickle has more than ${pickleOperationsMax} operations`);
      }
      const code = this.#cursor.uint8();
      if (code === op.STOP) return this.#pop();
      this.#perform(code);
      if (this.#stack.length > pickleStackMax || this.#marks.length > pickleStackMax) {
        throw new FormatError(`the pickle's stack has more than ${pickleStackMax} values`);
      }
    }
  }

  #perform(code: number): void {
    if (this.#literal(code) || this.#container(code) || this.#reference(code)) return;
    switch (code) {
      case op.PROTO:
        if (this.#cursor.uint8() > 5) throw new FormatError("the pickle's protocol is above 5");
        return;
      case op.FRAME:
        this.#cursor.take(8);
        return;
      case op.READONLY_BUFFER:
        return;
      case op.GLOBAL:
        this.#push(allowedGlobal(this.#cursor.line(), this.#cursor.line()));
        return;
      case op.STACK_GLOBAL: {
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== "string" || typeof module !== "string") throw damaged("a name");
        this.#push(allowedGlobal(module, name));
        return;
      }
      case op.REDUCE: {
        const args = itemsOf(this.#pop());
        this.#push(called(this.#pop(), args));
        return;
      }
      case op.NEWOBJ: {
        const args = itemsOf(this.#pop());
        this.#push(made(this.#pop(), args));
        return;
      }
      case op.NEWOBJ_EX: {
        this.#pop();
        const args = itemsOf(this.#pop());
        this.#push(made(this.#pop(), args));
        return;
      }
      case op.INST: {
        const type = allowedGlobal(this.#cursor.line(), this.#cursor.line());
        this.#push(objectOf(type, this.#popMark()));
        return;
      }
      case op.OBJ: {
        const [type, ...args] = this.#popMark();
        this.#push(objectOf(globalOf(type), args));
        return;
      }
      case op.BUILD:
        this.#build();
        return;
      default:
        throw refused(code);
    }
  }

  #build(): void {
    const state = this.#pop();
    const target = this.#top();
    setState(target, state);
    if (!isWrapper(target)) return;
    const nested = () => new PickleMachine(this.#cursor, this.#budget, this.#depth + 1).load();
    const array = readWrappedArray(target, this.#cursor, nested);
    this.#pop();
    this.#push(array);
    if (this.#memo.get(this.#wrapperKey) === target) this.#memo.set(this.#wrapperKey, array);
  }

  /** Numbers, text, bytes. */
  #literal(code: number): boolean {
    const cursor = this.#cursor;
    switch (code) {
      case op.NONE:
        return this.#push(null);
      case op.NEWTRUE:
        return this.#push(true);
      case op.NEWFALSE:
        return this.#push(false);
      case op.INT:
        return this.#push(intLine(cursor.line()));
      case op.LONG:
        return this.#push(longLine(cursor.line()));
      case op.BININT:
        return this.#push(cursor.int32());
      case op.BININT1:
        return this.#push(cursor.uint8());
      case op.BININT2:
        return this.#push(cursor.uint16());
      case op.LONG1:
        return this.#push(longOf(cursor.take(cursor.uint8())));
      case op.LONG4:
        return this.#push(longOf(cursor.take(cursor.uint32())));
      case op.FLOAT:
        return this.#push(Number(cursor.line()));
      case op.BINFLOAT:
        return this.#push(cursor.double());
      case op.STRING:
        return this.#push(unquoted(cursor.line()));
      case op.BINSTRING:
        return this.#push(cursor.take(cursor.uint32()).toString("latin1"));
      case op.SHORT_BINSTRING:
        return this.#push(cursor.take(cursor.uint8()).toString("latin1"));
      case op.UNICODE:
        return this.#push(unescaped(cursor.line()));
      case op.BINUNICODE:
        return this.#push(cursor.text(cursor.uint32()));
      case op.SHORT_BINUNICODE:
        return this.#push(cursor.text(cursor.uint8()));
      case op.BINUNICODE8:
        return this.#push(cursor.text(cursor.length8()));
      case op.BINBYTES:
        return this.#push({ kind: "bytes", bytes: cursor.take(cursor.uint32()) });
      case op.SHORT_BINBYTES:
        return this.#push({ kind: "bytes", bytes: cursor.take(cursor.uint8()) });
      case op.BINBYTES8:
      case op.BYTEARRAY8:
        return this.#push({ kind: "bytes", bytes: cursor.take(cursor.length8()) });
      default:
        return false;
    }
  }

  /** Lists, tuples, dicts, sets. */
  #container(code: number): boolean {
    switch (code) {
      case op.EMPTY_LIST:
        return this.#push({ kind: "list", items: [] });
      case op.EMPTY_TUPLE:
        return this.#push({ kind: "tuple", items: [] });
      case op.EMPTY_DICT:
        return this.#push({ kind: "dict", entries: new Map() });
      case op.EMPTY_SET:
        return this.#push({ kind: "set", items: [] });
      case op.LIST:
        return this.#push({ kind: "list", items: this.#popMark() });
      case op.TUPLE:
        return this.#push({ kind: "tuple", items: this.#popMark() });
      case op.FROZENSET:
        return this.#push({ kind: "set", items: this.#popMark() });
      case op.TUPLE1:
        return this.#push({ kind: "tuple", items: this.#popMany(1) });
      case op.TUPLE2:
        return this.#push({ kind: "tuple", items: this.#popMany(2) });
      case op.TUPLE3:
        return this.#push({ kind: "tuple", items: this.#popMany(3) });
      case op.DICT:
        this.#push({ kind: "dict", entries: new Map() });
        return this.#setItems(this.#popMark(1));
      case op.APPEND:
        return this.#append([this.#pop()]);
      case op.APPENDS:
      case op.ADDITEMS:
        return this.#append(this.#popMark());
      case op.SETITEM:
        return this.#setItems(this.#popMany(2));
      case op.SETITEMS:
        return this.#setItems(this.#popMark());
      default:
        return false;
    }
  }

  /** The stack and the memo themselves. */
  #reference(code: number): boolean {
    const cursor = this.#cursor;
    switch (code) {
      case op.MARK:
        this.#marks.push(this.#stack);
        this.#stack = [];
        return true;
      case op.POP:
        if (this.#stack.length > 0) this.#pop();
        else this.#popMark();
        return true;
      case op.POP_MARK:
        this.#popMark();
        return true;
      case op.DUP:
        return this.#push(this.#top());
      case op.GET:
        return this.#get(Number(cursor.line()));
      case op.BINGET:
        return this.#get(cursor.uint8());
      case op.LONG_BINGET:
        return this.#get(cursor.uint32());
      case op.PUT:
        return this.#put(Number(cursor.line()));
      case op.BINPUT:
        return this.#put(cursor.uint8());
      case op.LONG_BINPUT:
        return this.#put(cursor.uint32());
      case op.MEMOIZE:
        return this.#put(this.#memo.size);
      default:
        return false;
    }
  }

  #push(value: PyValue): true {
    this.#stack.push(value);
    return true;
  }

  #pop(): PyValue {
    const value = this.#stack.pop();
    if (value === undefined) throw damaged("the pickle's stack, which is empty,");
    return value;
  }

  #top(): PyValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw damaged("the pickle's stack, which is empty,");
    return value;
  }

  #popMany(count: number): PyValue[] {
    if (this.#stack.length < count) throw damaged("the pickle's stack, which is empty,");
    return this.#stack.splice(this.#stack.length - count);
  }

  /** What was pushed since the last mark; `above` values stay above what was before it. */
  #popMark(above = 0): PyValue[] {
    const before = this.#marks.pop();
    if (before === undefined) throw damaged("a mark");
    const kept = this.#stack.splice(this.#stack.length - above);
    const items = this.#stack;
    this.#stack = before;
    this.#stack.push(...kept);
    return items;
  }

  #append(items: readonly PyValue[]): true {
    const target = this.#top();
    if (typeof target !== "object" || target === null) throw damaged("a list");
    if (target.kind === "list" || target.kind === "set") {
      for (const item of items) target.items.push(item);
    } else if (target.kind !== "object") throw damaged("a list");
    return true;
  }

  #setItems(items: readonly PyValue[]): true {
    const target = this.#top();
    if (typeof target !== "object" || target === null || items.length % 2 !== 0) {
      throw damaged("a dict");
    }
    for (let at = 0; at < items.length; at += 2) {
      const key = items[at] ?? null;
      const value = items[at + 1] ?? null;
      if (target.kind === "dict") target.entries.set(key, value);
      // A class of its own that is a dict.
      else if (target.kind === "object" && typeof key === "string") {
        target.attributes.set(key, value);
      } else if (target.kind !== "object") throw damaged("a dict");
    }
    return true;
  }

  #get(key: number): true {
    const value = this.#memo.get(key);
    if (value === undefined) throw damaged("a reference into the pickle's memo");
    return this.#push(value);
  }

  #put(key: number): true {
    if (!Number.isSafeInteger(key) || key < 0 || this.#memo.size >= pickleStackMax) {
      throw damaged("a reference into the pickle's memo");
    }
    const value = this.#top();
    this.#memo.set(key, value);
    if (isWrapper(value)) this.#wrapperKey = key;
    return true;
  }
}

function made(type: PyValue, args: readonly PyValue[]): PyValue {
  const { module } = globalOf(type);
  return /^(builtins|collections)$/.test(module)
    ? called(type, args)
    : objectOf(globalOf(type), args);
}

function isWrapper(value: PyValue): value is PyObject {
  return typeof value === "object" && value?.kind === "object" && value.type.name === wrapperName;
}

function refused(code: number): FormatError {
  const name = Object.entries(op).find(([, own]) => own === code)?.[0];
  if (name !== undefined) {
    return new FormatError(`the pickle uses ${name}, which refers to something outside the file`);
  }
  return new FormatError(`the file is no pickle, or damaged: there is no operation ${code}`);
}

function intLine(line: string): PyValue {
  if (line === "00") return false;
  if (line === "01") return true;
  return longLine(line);
}

function longLine(line: string): PyValue {
  const digits = line.trim().replace(/L$/, "");
  if (!/^[+-]?\d+$/.test(digits) || digits.length > 3 * pickleIntBytesMax) throw damaged("an int");
  return intOf(BigInt(digits));
}

/** Little-endian two's complement. */
function longOf(bytes: Buffer): PyValue {
  if (bytes.length > pickleIntBytesMax) {
    throw new FormatError(`an int has more than ${pickleIntBytesMax} bytes`);
  }
  if (bytes.length === 0) return 0;
  const value = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
  return intOf(BigInt.asIntN(8 * bytes.length, value));
}

/** Python 2's repr of a str. */
function unquoted(line: string): string {
  const match = /^(['"])(.*)\1$/.exec(line);
  if (match === null) throw damaged("a text");
  return (match[2] ?? "").replace(/\\(x[0-9a-f]{2}|.)/g, (whole, code: string) =>
    code.startsWith("x")
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : ({ n: "\n", r: "\r", t: "\t" }[code] ?? (/[\\'"]/.test(code) ? code : whole)),
  );
}

/** raw-unicode-escape. */
function unescaped(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short, long) => {
    const point = Number.parseInt(short ?? long, 16);
    if (point > 0x10ffff) throw damaged("a character of a text");
    return String.fromCodePoint(point);
  });
}
