import type { Wrapper } from "./booster.ts";
import { FormatError } from "./error.ts";
import { type LightgbmModel, readLightgbm } from "./lightgbm/model.ts";
import type { PyValue } from "./pickle/values.ts";
import { Attributes } from "./sklearn/attributes.ts";
import { classesOf, type Labels } from "./sklearn/labels.ts";
import { readHandle } from "./xgboost/handle.ts";
import type { XgboostModel } from "./xgboost/model.ts";

/** Boosters inside pickles: the library's own, or its classes in scikit-learn's manner. */

export function xgboostIn(estimator: Attributes): {
  model: XgboostModel;
  wrapper: Wrapper | undefined;
} {
  const alone = estimator.name === "Booster";
  const booster = alone ? estimator : estimator.child("_Booster");
  const model = readHandle(bytesOf(booster.get("handle"), estimator));
  if (alone) return { model, wrapper: undefined };
  const text = model.attributes.get("best_iteration");
  const best =
    estimator.maybeNumber("best_iteration") ?? (text === undefined ? undefined : Number(text));
  const iterations = best === undefined ? undefined : best + 1;
  const missing = estimator.maybeNumber("missing");
  return { model, wrapper: { ...kindAndLabels(estimator), iterations, missing } };
}

export function lightgbmIn(estimator: Attributes): { model: LightgbmModel; wrapper: Wrapper } {
  const alone = estimator.name === "Booster";
  const booster = alone ? estimator : estimator.child("_Booster");
  const text = booster.get("_handle", "handle", "model_str");
  if (typeof text !== "string") {
    throw new FormatError(`${estimator.name} holds no model: it is not fitted`);
  }
  const best = booster.maybeNumber("best_iteration") ?? 0;
  const iterations = best > 0 ? best : undefined;
  return { model: readLightgbm(text), wrapper: { ...kindAndLabels(estimator), iterations } };
}

/** The labels that a classifier was given. */
function kindAndLabels(estimator: Attributes): Pick<Wrapper, "classifier" | "labels"> {
  const classifier = /Classifier$/.test(estimator.name);
  return { classifier, labels: classifier ? labelsIn(estimator) : undefined };
}

function labelsIn(estimator: Attributes): Labels | undefined {
  const own = estimator.get("_classes");
  if (own !== undefined) {
    const attributes = new Map([["classes_", own]]);
    return classesOf(new Attributes({ ...estimator.object, attributes }));
  }
  return estimator.get("classes_", "_le") === undefined ? undefined : classesOf(estimator);
}

function bytesOf(value: PyValue | undefined, owner: Attributes): Uint8Array {
  if (typeof value === "object" && value?.kind === "bytes") return value.bytes;
  throw new FormatError(`${owner.name} holds no booster: it is not fitted`);
}
