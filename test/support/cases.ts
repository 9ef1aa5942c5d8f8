/** How many random cases a property is tried on: `npm run test:long` tries nine times as many. */
export function cases(usual: number): number {
  return usual * Number(process.env["THAW_CASES_FACTOR"] ?? 1);
}
