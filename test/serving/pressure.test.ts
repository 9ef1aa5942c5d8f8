import { expect, it } from "vitest";
import { AdmissionGate } from "../../src/serving/admission.ts";
import { pressureOf } from "../../src/serving/pressure.ts";

it("steps up as memory fills, each step at its share of the limit", () => {
  const shares = [0, 0.849, 0.85, 0.899, 0.9, 0.949, 0.95, 2];
  expect(shares.map((share) => pressureOf(share * 1_000, 1_000))).toEqual([
    "none",
    "none",
    "refuse",
    "refuse",
    "shed",
    "shed",
    "close",
    "close",
  ]);
});

it("is none where there is no limit", () => {
  expect(pressureOf(10 ** 12, 0)).toBe("none");
});

it("has every request refused while it lasts, and none after", () => {
  const gate = new AdmissionGate({ entriesMax: 1, bytesMax: 1 });
  gate.refuse(true);
  expect(() => gate.acquire(0)).toThrow("the memory is full");
  gate.refuse(false);
  gate.acquire(0).release();
});
