import type { Converted } from "./converted.ts";
import { convertModel as convertLightgbm } from "./lightgbm/convert.ts";
import type { PyValue } from "./pickle/values.ts";
import { Attributes } from "./sklearn/attributes.ts";
import { convertSklearn } from "./sklearn/convert.ts";
import { lightgbmIn, xgboostIn } from "./wrappers.ts";
import { convertModel as convertXgboost } from "./xgboost/convert.ts";

/** The model in a pickle, of whichever library it is. Throws FormatError. */
export function convertPickled(value: PyValue): Converted {
  if (typeof value === "object" && value?.kind === "object") {
    const { module } = value.type;
    if (module.startsWith("xgboost.")) {
      const { model, wrapper } = xgboostIn(new Attributes(value));
      return convertXgboost(model, wrapper);
    }
    if (module.startsWith("lightgbm.")) {
      const { model, wrapper } = lightgbmIn(new Attributes(value));
      return convertLightgbm(model, wrapper);
    }
  }
  return convertSklearn(value);
}
