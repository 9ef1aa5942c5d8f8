import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { datatypes } from "../../src/domain/datatype.ts";
import { identityModel, offsetModel, save, slowModel, sumModel } from "../support/models.ts";
import { irisModel } from "../support/server.ts";

/** Width of the slow model: about half a second on one core, for timeouts to expire in. */
const slowSize = 800;

const sklearnModel = join(import.meta.dirname, "../../models/iris-sklearn/model.joblib");

/** Writes the models that the checks use below `folder`; returns the sources to serve. */
export function writeModels(folder: string): string[] {
  const at = (...path: string[]) => join(folder, ...path, "model.onnx");
  const identities = datatypes.map((datatype) => {
    const name = `identity_${datatype.toLowerCase()}`;
    save(at(name), identityModel(datatype));
    return `${name}=${join(folder, name)}`;
  });
  save(at("offset", "1"), offsetModel(1));
  save(at("offset", "2"), offsetModel(2));
  save(at("named"), offsetModel(100));
  save(at("sum"), sumModel());
  save(at("slow"), slowModel(slowSize));
  mkdirSync(join(folder, "flowers"));
  copyFileSync(sklearnModel, join(folder, "flowers/model.joblib"));
  writeFileSync(join(folder, "flowers/thaw.json"), '{"tabular":"mlserver"}');
  return [
    `iris=${irisModel}`,
    ...identities,
    `offset=${join(folder, "offset")}`,
    `naïve 100%=${join(folder, "named")}`,
    `flowers=${join(folder, "flowers")}`,
    `sum=${join(folder, "sum")}`,
    `slow=${join(folder, "slow")}`,
  ];
}
