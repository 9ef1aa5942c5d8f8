import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventBytesMax } from "../../../src/domain/limits.ts";
import { answerEvent, type EventSettings } from "../../../src/protocol/cloudevents/answer.ts";
import {
  binaryEvent,
  type EventHeaders,
  eventMode,
  structuredEvent,
} from "../../../src/protocol/cloudevents/event.ts";
import { findMember } from "../../../src/protocol/cloudevents/member.ts";
import { drained } from "../../../src/protocol/sliced.ts";
import { cases } from "../../support/cases.ts";
import { expectOnly, refusal } from "../refusal.ts";

const headers: EventHeaders = {
  "ce-specversion": "1.0",
  "ce-id": "7",
  "ce-source": "/x",
  "ce-type": "t",
};
const envelope = { specversion: "1.0", id: "7", source: "/x", type: "t" };

const structured = (text: string, sliceBytes?: number) =>
  drained(structuredEvent(Buffer.from(text), sliceBytes));
const refused = (text: string) => refusal(() => structured(text));

describe("eventMode", () => {
  const modes: readonly (readonly [string, EventHeaders, string | undefined])[] = [
    ["plain JSON", { "content-type": "application/json" }, undefined],
    ["nothing", {}, undefined],
    // KServe's logger sets it on requests that are no events.
    ["an id alone", { "ce-id": "7" }, undefined],
    ["attributes", headers, "binary"],
    ["an event", { "content-type": "application/cloudevents+json" }, "structured"],
    ["capitals", { "content-type": "Application/CloudEvents+JSON;charset=x" }, "structured"],
    ["an Avro event", { "content-type": "application/cloudevents+avro" }, undefined],
    ["a charset", { "content-type": "application/cloudevents+json; charset=utf-8" }, "structured"],
  ];

  it.each(modes)("of %s", (_, given, mode) => {
    expect(eventMode(given)).toBe(mode);
  });

  it("is none for batches", () => {
    const batch = { "content-type": "application/cloudevents-batch+json" };
    expect(refusal(() => eventMode(batch))).toContain("batches of CloudEvents");
  });
});

describe("binaryEvent", () => {
  it("has its attributes in the headers, in percent codes where need be", () => {
    const body = Buffer.from("{}");
    const event = binaryEvent({ ...headers, "ce-a": "b%20%C3%BC", "ce-b": "%zz", host: "h" }, body);
    expect([...event.attributes]).toEqual([
      ["specversion", "1.0"],
      ["id", "7"],
      ["source", "/x"],
      ["type", "t"],
      ["a", "b ü"],
      ["b", "%zz"],
    ]);
    expect(event.payload).toBe(body);
  });

  it("needs what every event has", () => {
    const without = { ...headers, "ce-id": "", "ce-type": undefined };
    expect(refusal(() => binaryEvent(without, Buffer.alloc(0)))).toBe(
      "Cloud Event Exceptions: missing required attributes: id, type",
    );
    const late = { ...headers, "ce-specversion": "2.0" };
    expect(refusal(() => binaryEvent(late, Buffer.alloc(0)))).toContain("specversion '2.0'");
  });
});

describe("structuredEvent", () => {
  it("leaves its data as it is written", () => {
    const data = ' { "instances" : [9007199254740993, "}\\"]," ] } ';
    const event = structured(`{"data":${data},"n":1,${JSON.stringify(envelope).slice(1)}`);
    expect(event.payload.toString()).toBe(data);
    expect(Object.fromEntries(event.attributes)).toEqual({ ...envelope, n: 1 });
    expect(event.bytes).toBe(false);
  });

  it("takes bytes in base64", () => {
    const event = structured(JSON.stringify({ ...envelope, data_base64: "AQID" }));
    expect([...event.payload]).toEqual([1, 2, 3]);
    expect(event.bytes).toBe(true);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (bytes, step) => {
          const encoded = Buffer.from(bytes).toString("base64");
          const text = JSON.stringify({ ...envelope, data_base64: encoded });
          for (const written of [text, text.replaceAll("/", "\\/")]) {
            expect([...structured(written, step).payload]).toEqual([...bytes]);
          }
        },
      ),
      { numRuns: cases(300) },
    );
  });

  const bad: readonly (readonly [string, string])[] = [
    ["", "it has no 'data'"],
    ['[{"data":1}]', "it has no 'data'"],
    [JSON.stringify(envelope), "it has no 'data'"],
    [JSON.stringify({ ...envelope, data: 1, data_base64: "" }), "has both"],
    [JSON.stringify({ ...envelope, data_base64: "!" }), "not a string in base64"],
    [JSON.stringify({ ...envelope, data_base64: "AQ==AQ==" }), "not a string in base64"],
    [JSON.stringify({ ...envelope, data_base64: 5 }), "not a string in base64"],
    [JSON.stringify({ ...envelope, data: 1, a: {} }), "attribute 'a' must be"],
    [JSON.stringify({ data: 1 }), "missing required attributes: id, source, specversion, type"],
    ['{"data":1,}', "expected a quoted key"],
    ['{"data":1}}', "expected the end of the text"],
  ];

  it.each(bad)("%s is refused", (text, message) => {
    expect(refused(text)).toContain(message);
  });

  it("has a bound on what is beside its data, at n and n + 1", () => {
    const text = (size: number) => {
      const rest = JSON.stringify({ ...envelope, x: "", data: 0 }).length;
      return JSON.stringify({ ...envelope, x: "x".repeat(size - rest), data: 0 });
    };
    expect(structured(text(eventBytesMax)).payload.toString()).toBe("0");
    expect(refused(text(eventBytesMax + 1))).toContain(`more than ${eventBytesMax} bytes`);
  });

  it("throws nothing but a client's mistake, and says the same in slices", () => {
    const outcome = (text: Buffer, sliceBytes?: number) => {
      try {
        return drained(structuredEvent(text, sliceBytes)).payload.toString("latin1");
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
        fc.integer({ min: 1, max: 9 }),
        (data, spoilt, sliceBytes) => {
          const text = Buffer.from(JSON.stringify({ ...envelope, data, z: 1 }));
          for (const [at, byte] of spoilt) text[at % text.length] = byte;
          expectOnly(["invalid-request"], () => drained(structuredEvent(text)));
          expect(outcome(text, sliceBytes)).toBe(outcome(text));
        },
      ),
      { numRuns: cases(2_000) },
    );
  });
});

describe("findMember", () => {
  const find = (text: string, sliceBytes = 1) => {
    const bytes = Buffer.from(text);
    const found = drained(findMember(bytes, "data", sliceBytes));
    return found && bytes.toString("utf8", found.start, found.end);
  };

  it("finds the last of the outermost object, in any text that is JSON", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const keys = fc.oneof(fc.constantFrom("data", 'da"ta', "a"), fc.string());
    fc.assert(
      fc.property(
        fc.array(fc.tuple(keys, value), { maxLength: 5 }),
        fc.constantFrom("", " ", "\n\t"),
        fc.integer({ min: 1, max: 9 }),
        (members, space, sliceBytes) => {
          const text = members.map(
            ([key, own]) => `${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(own)}`,
          );
          const expected = members.findLast(([key]) => key === "data");
          const found = find(`{${text.join(",")}${space}}`, sliceBytes);
          if (expected === undefined) expect(found).toBeUndefined();
          else expect(JSON.parse(found ?? "")).toEqual(JSON.parse(JSON.stringify(expected[1])));
        },
      ),
      { numRuns: cases(1_000) },
    );
  });

  it("knows a name in escapes", () => {
    expect(find('{"\\u0064at\\u0061":7}')).toBe("7");
    expect(find('{"a":{"data":7}}')).toBeUndefined();
    expect(find('{"a":"data","b":[7]}')).toBeUndefined();
  });
});

describe("answerEvent", () => {
  const identity = { id: "new", time: "2026-01-02T03:04:05.678Z", model: "m" };
  const usual: EventSettings = { type: "T", source: undefined, merge: false };
  const reply = { body: '{"a":1}', headers: { "content-type": "application/json" } };
  const binary = binaryEvent({ ...headers, "ce-x": "a ü", "ce-time": "then" }, Buffer.alloc(0));
  const whole = structured(JSON.stringify({ ...envelope, x: 5, dataschema: "s", data: 0 }));

  it("is in the mode of its request, with KServe's type and source", () => {
    expect(answerEvent(reply, binary, identity, usual)).toEqual({
      body: reply.body,
      headers: {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "new",
        "ce-source": "io.kserve.inference.m",
        "ce-type": "T",
        "ce-time": identity.time,
      },
    });
    const { body, headers: own } = answerEvent(reply, whole, identity, usual);
    expect(own).toEqual({ "content-type": "application/cloudevents+json" });
    expect(JSON.parse(String(body))).toEqual({
      specversion: "1.0",
      id: "new",
      source: "io.kserve.inference.m",
      type: "T",
      time: identity.time,
      data: { a: 1 },
    });
    const bytes = { ...reply, body: new Uint8Array(Buffer.from(reply.body)) };
    expect(Buffer.from(answerEvent(bytes, whole, identity, usual).body).toString()).toBe(body);
  });

  it("takes the request's attributes where it is told to, but what is its own", () => {
    const merged = { type: "T", source: "S", merge: true };
    const { headers: own } = answerEvent(reply, binary, identity, merged);
    expect(own).toMatchObject({ "ce-x": "a%20%C3%BC", "ce-source": "S", "ce-id": "new" });
    expect(own["ce-time"]).toBe(identity.time);
    const { body } = answerEvent(reply, whole, identity, merged);
    expect(JSON.parse(String(body))).toMatchObject({ x: 5, id: "new" });
    expect(JSON.parse(String(body))).not.toHaveProperty("dataschema");
  });

  it("has bytes in base64 where it is a whole object", () => {
    const bytes = { body: Uint8Array.of(1, 2, 3), headers: { "content-type": "application/x" } };
    const { body } = answerEvent(bytes, whole, identity, usual);
    expect(JSON.parse(String(body))).toMatchObject({
      datacontenttype: "application/x",
      data_base64: "AQID",
    });
  });
});
