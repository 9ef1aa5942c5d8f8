import type { PyValue } from "../pickle/values.ts";

/** An estimator and what is inside of it, a line each, indented by depth. */
export function outlineOf(value: PyValue, depth = 0): string[] {
  if (typeof value !== "object" || value?.kind !== "object" || depth > depthMax) return [];
  const own = `${"  ".repeat(depth)}${value.type.name}`;
  const inner: string[] = [];
  for (const name of named) {
    const list = itemsOf(value.attributes.get(name));
    for (const item of list) {
      const [label = null, step = null, columns] = itemsOf(item);
      const text =
        typeof step === "string"
          ? [`${"  ".repeat(depth + 1)}${step}`]
          : outlineOf(step, depth + 1);
      const [first = "", ...rest] = text;
      if (first !== "") inner.push(`${first} (${String(label)}${columnsText(columns)})`, ...rest);
    }
  }
  for (const name of single)
    inner.push(...outlineOf(value.attributes.get(name) ?? null, depth + 1));
  const many = itemsOf(value.attributes.get("estimators_"));
  const [first = null] = many;
  const [member = ""] = outlineOf(first, depth + 1);
  if (member !== "") inner.push(`${member} × ${many.length}`);
  return [own, ...inner];
}

const depthMax = 20;
const named = ["steps", "transformers_", "transformer_list"];
const single = ["best_estimator_", "regressor_", "final_estimator_", "estimator_"];

function itemsOf(value: PyValue | undefined): readonly PyValue[] {
  if (typeof value !== "object") return [];
  if (value?.kind === "list" || value?.kind === "tuple") return value.items;
  if (value?.kind !== "array" || value.dtype.code !== "O") return [];
  // dtype O: Python's values.
  return value.elements as readonly PyValue[];
}

function columnsText(columns: PyValue | undefined): string {
  const texts = itemsOf(columns).map(String);
  return texts.length === 0
    ? ""
    : `: ${texts.slice(0, 8).join(", ")}${texts.length > 8 ? ", …" : ""}`;
}
