/**
 * Kubernetes' structural schemas, as strictly as `kubectl --validate=strict`: a field that the
 * schema does not name is an error. A keyword that is not known here is one as well, so that no
 * constraint goes unchecked in silence.
 */

export type Schema = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A schema whose parts stand elsewhere (`{"$ref": key}`), in one piece. */
export function expanded(value: unknown, parts: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(value)) return value.map((one) => expanded(one, parts));
  if (!isObject(value)) return value;
  const reference = value["$ref"];
  if (typeof reference === "string") return expanded(parts[reference], parts);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, expanded(one, parts)]));
}

/** CRDs leave it to Kubernetes' own schema. */
const openField = ".metadata";

type Check = (value: unknown, rule: unknown, schema: Schema, path: string) => string[];

const checks: Readonly<Record<string, Check>> = {
  type: (value, rule, _schema, path) =>
    typeOf(value) === rule || (rule === "number" && typeOf(value) === "integer")
      ? []
      : [`${path}: expected ${rule}, got ${typeOf(value)}`],
  required: (value, rule, _schema, path) => {
    if (!isObject(value) || !Array.isArray(rule)) return [];
    return rule.filter((key) => !(key in value)).map((key) => `${path}.${key}: is required`);
  },
  properties: (value, rule, schema, path) => {
    if (!isObject(value) || !isObject(rule)) return [];
    return Object.entries(value).flatMap(([key, child]) => {
      const at = `${path}.${key}`;
      const known = Object.hasOwn(rule, key) ? rule[key] : undefined;
      if (isObject(known)) return problems(child, known, at);
      return schema["additionalProperties"] === undefined ? [`${at}: unknown field`] : [];
    });
  },
  additionalProperties: (value, rule, _schema, path) => {
    if (!isObject(value) || !isObject(rule)) return [];
    return Object.entries(value).flatMap(([key, child]) => problems(child, rule, `${path}.${key}`));
  },
  items: (value, rule, _schema, path) => {
    if (!Array.isArray(value) || !isObject(rule)) return [];
    return value.flatMap((child, at) => problems(child, rule, `${path}[${at}]`));
  },
  enum: (value, rule, _schema, path) =>
    Array.isArray(rule) && rule.includes(value) ? [] : [`${path}: ${value} is not among ${rule}`],
  pattern: (value, rule, _schema, path) =>
    typeof value !== "string" || new RegExp(String(rule)).test(value)
      ? []
      : [`${path}: "${value}" does not match ${rule}`],
  minimum: (value, rule, _schema, path) =>
    typeof value === "number" && value < Number(rule) ? [`${path}: below ${rule}`] : [],
  maximum: (value, rule, _schema, path) =>
    typeof value === "number" && value > Number(rule) ? [`${path}: above ${rule}`] : [],
  anyOf: (value, rule, _schema, path) => {
    if (!Array.isArray(rule)) return [];
    const fits = rule.some((one) => isObject(one) && problems(value, one, path).length === 0);
    return fits ? [] : [`${path}: fits none of the kinds that it may be`];
  },
  "x-kubernetes-int-or-string": (value, _rule, _schema, path) =>
    ["integer", "string"].includes(typeOf(value)) ? [] : [`${path}: expected integer or string`],
  minLength: (value, rule, _schema, path) =>
    typeof value === "string" && value.length < Number(rule) ? [`${path}: too short`] : [],
  maxLength: (value, rule, _schema, path) =>
    typeof value === "string" && value.length > Number(rule) ? [`${path}: too long`] : [],
  minItems: (value, rule, _schema, path) =>
    Array.isArray(value) && value.length < Number(rule) ? [`${path}: too few`] : [],
};

/** What is wrong with a value, each with its path; nothing when it fits. */
export function problems(value: unknown, schema: Schema, path = ""): string[] {
  const found = Object.entries(schema).flatMap(([keyword, rule]) => {
    const check = checks[keyword];
    if (check === undefined) throw new Error(`${path}: unknown schema keyword ${keyword}`);
    return check(value, rule, schema, path);
  });
  if (!isObject(value) || schema["type"] !== "object" || path === openField) return found;
  const closed = schema["properties"] === undefined && schema["additionalProperties"] === undefined;
  if (closed) found.push(...Object.keys(value).map((key) => `${path}.${key}: unknown field`));
  return found;
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}
