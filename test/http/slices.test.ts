import { describe, expect, it } from "vitest";
import { Call } from "../../src/domain/call.ts";
import { Slices } from "../../src/http/slices.ts";
import { FakeClock } from "../fakes/clock.ts";

const slicesOfWork = 5;
const farMs = 1_000_000;

function setUp(atOnceMax = 2) {
  const clock = new FakeClock();
  const slices = new Slices(clock, atOnceMax);
  const done: string[] = [];
  /** One letter for each slice that was done. */
  let order = "";
  function* work(name: string): Generator<void, string> {
    for (let slice = 0; slice < slicesOfWork; slice += 1) {
      order += name;
      yield;
    }
    return name;
  }
  const start = (name: string, call = new Call(farMs)) => {
    const ended = slices.run(work(name), call).then(
      (result) => done.push(result),
      (error: Error) => done.push(`${name}: ${error.message}`),
    );
    return { call, ended };
  };
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) await clock.turn();
  };
  return { clock, done, start, turns, order: () => order };
}

describe("slices", () => {
  it("are done one in a turn", async () => {
    const { start, turns, order, done } = setUp();
    start("a");
    expect(order()).toBe("a");
    await turns(1);
    expect(order()).toBe("aa");
    await turns(slicesOfWork);
    expect(order()).toBe("aaaaa");
    expect(done).toEqual(["a"]);
  });

  it("are of two bodies at a time, the others in the order in which they came", async () => {
    const { start, turns, order, done } = setUp();
    for (const name of "abcd") start(name);
    await turns(2);
    expect(order()).toBe("ababab");
    await turns(30);
    expect(order()).toBe("ababababab" + "cdcdcdcdcd");
    expect(done).toEqual(["a", "b", "c", "d"]);
  });

  it("end when the call is cancelled, and the next takes its turn", async () => {
    const { start, turns, order, done } = setUp(1);
    const { call } = start("a");
    start("b");
    await turns(2);
    call.cancel();
    await turns(1);
    expect(done).toEqual(["a: the request was cancelled"]);
    expect(order()).toBe("aaab");
    await turns(10);
    expect(order()).toBe("aaabbbbb");
  });

  it("end when the deadline has passed", async () => {
    const { clock, start, turns, order, done } = setUp(1);
    start("a", new Call(clock.nowMs() + 10));
    await turns(1);
    await clock.advance(10);
    await turns(1);
    expect(done).toEqual(["a: the request's deadline passed before its answer"]);
    expect(order()).toBe("aa");
  });

  it("are not waited for by what is cancelled or late", async () => {
    const { clock, start, turns, order, done } = setUp(1);
    start("a");
    const cancelled = start("b");
    const late = start("c", new Call(clock.nowMs() + 1));
    start("d");
    cancelled.call.cancel();
    await Promise.all([cancelled.ended, late.ended]);
    expect(done).toEqual([
      "b: the request was cancelled",
      "c: the request's deadline passed before its answer",
    ]);
    await turns(30);
    expect(order()).toBe("aaaaaddddd");
  });

  it("free their place when the work throws", async () => {
    const clock = new FakeClock();
    const slices = new Slices(clock, 1);
    const call = new Call(farMs);
    // biome-ignore lint/correctness/useYield: it fails before it could.
    const failing = (function* (): Generator<void, number> {
      throw new Error("failed");
    })();
    const failed = expect(slices.run(failing, call)).rejects.toThrow("failed");
    // biome-ignore lint/correctness/useYield: it has nothing to wait for.
    const next = (function* (): Generator<void, number> {
      return 7;
    })();
    expect(await slices.run(next, call)).toBe(7);
    await failed;
  });

  it("are not begun for a call that no longer counts", async () => {
    const { start, order, done } = setUp();
    const call = new Call(farMs);
    call.cancel();
    await start("a", call).ended;
    expect(order()).toBe("");
    expect(done).toEqual(["a: the request was cancelled"]);
  });
});
