import { expect, it } from "vitest";
import { AdmissionGate } from "../../src/serving/admission.ts";

/** Requests that wait for a model have no place, and get one again in the order of asking. */

it("gives the place of a parked permit to others, and keeps its bytes", async () => {
  const gate = new AdmissionGate({ entriesMax: 1, bytesMax: 100 });
  const parked = gate.acquire(60);
  expect(() => gate.acquire(1)).toThrow("at most 1 requests");
  parked.park();
  expect(() => gate.acquire(41)).toThrow("at most 100 bytes");
  const other = gate.acquire(40);
  let back = false;
  const returning = parked.unpark().then(() => {
    back = true;
  });
  await Promise.resolve();
  expect(back).toBe(false);
  other.release();
  await returning;
  expect([back, gate.entries, gate.parked]).toEqual([true, 1, 0]);
  parked.release();
  expect([gate.entries, gate.bytes]).toEqual([0, 0]);
});

it("closes only when what is parked has come back, and forgets who left meanwhile", async () => {
  const gate = new AdmissionGate({ entriesMax: 1, bytesMax: 100 });
  const parked = gate.acquire(1);
  parked.park();
  let closed = false;
  const closing = gate.close().then(() => {
    closed = true;
  });
  await Promise.resolve();
  expect(closed).toBe(false);
  parked.release();
  await closing;
  await parked.unpark();
  expect([gate.entries, gate.parked, gate.bytes]).toEqual([0, 0, 0]);
});
