import type { Converted } from "./converted.ts";
import { FormatError } from "./error.ts";
import { convertModel as convertLightgbm } from "./lightgbm/convert.ts";
import { readLightgbm } from "./lightgbm/model.ts";
import type { PyValue } from "./pickle/values.ts";
import { Attributes } from "./sklearn/attributes.ts";
import { convertSklearn } from "./sklearn/convert.ts";
import { classesOf, type Labels } from "./sklearn/labels.ts";
import { convertModel as convertXgboost } from "./xgboost/convert.ts";
import { readHandle } from "./xgboost/handle.ts";

/** The model in a pickle, of whichever library it is. Throws FormatError. */
export function convertPickled(value: PyValue): Converted {
  if (typeof value === "object" && value?.kind === "object") {
    const { module } = value.type;
    if (module.startsWith("xgboost.")) return xgboostOf(new Attributes(value));
    if (module.startsWith("lightgbm.")) return lightgbmOf(new Attributes(value));
  }
  return convertSklearn(value);
}

function xgboostOf(wrapper: Attributes): Converted {
  const booster = wrapper.name === "Booster" ? wrapper : wrapper.child("_Booster");
  const model = readHandle(bytesOf(booster.get("handle"), wrapper));
  if (wrapper.name === "Booster") return convertXgboost(model, undefined);
  const best =
    wrapper.maybeNumber("best_iteration") ?? attribute(model.attributes, "best_iteration");
  return convertXgboost(model, {
    classifier: /Classifier$/.test(wrapper.name),
    labels: labelsOf(wrapper),
    iterations: best === undefined ? undefined : best + 1,
  });
}

function attribute(attributes: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = attributes.get(name);
  return text === undefined ? undefined : Number(text);
}

function lightgbmOf(wrapper: Attributes): Converted {
  const booster = wrapper.name === "Booster" ? wrapper : wrapper.child("_Booster");
  const text = booster.get("_handle", "handle", "model_str");
  if (typeof text !== "string")
    throw new FormatError(`${wrapper.name} holds no model: it is not fitted`);
  const model = readLightgbm(text);
  const best = booster.maybeNumber("best_iteration") ?? 0;
  const iterations = best > 0 ? best : undefined;
  if (wrapper.name === "Booster")
    return convertLightgbm(model, { classifier: false, labels: undefined, iterations });
  const classifier = /Classifier$/.test(wrapper.name);
  return convertLightgbm(model, { classifier, labels: labelsOf(wrapper), iterations });
}

/** The labels that a classifier was given. */
function labelsOf(wrapper: Attributes): Labels | undefined {
  if (!/Classifier$/.test(wrapper.name)) return undefined;
  if (wrapper.get("_classes") !== undefined) return classesIn(wrapper, "_classes");
  if (wrapper.get("classes_", "_le") !== undefined) return classesOf(wrapper);
  return undefined;
}

function classesIn(wrapper: Attributes, name: string): Labels {
  const attributes = new Map([["classes_", wrapper.get(name) ?? null]]);
  return classesOf(new Attributes({ ...wrapper.object, attributes }));
}

function bytesOf(value: PyValue | undefined, owner: Attributes): Uint8Array {
  if (typeof value === "object" && value?.kind === "bytes") return value.bytes;
  throw new FormatError(`${owner.name} holds no booster: it is not fitted`);
}
