import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { datatypes } from "../../src/domain/datatype.ts";
import { identityModel, offsetModel, save, sumModel, temporaryFolder } from "../support/models.ts";
import { irisModel } from "../support/server.ts";

/**
 * Arguments to serve what the conversations are about: `id-<datatype>` (x → y, two free
 * dimensions), `list` and `scalar` (FP32 of rank 1 and 0), `texts` (BYTES of shape [1]), `sum`
 * (two inputs and outputs), `versions` (1 and 3), `iris`, `a b%.ü` for its name; a scikit-learn
 * classifier of flowers as `flowers`, one that answers with probabilities as `chances`.
 */
export function goldenModels(): readonly string[] {
  const folder = temporaryFolder();
  const saved = (name: string, model: Uint8Array) =>
    `${name}=${save(join(folder, encodeURIComponent(name), "model.onnx"), model)}`;
  const flowers = join(import.meta.dirname, "../../models/iris-sklearn/model.joblib");
  const chances = join(folder, "chances");
  mkdirSync(chances);
  copyFileSync(
    join(import.meta.dirname, "../formats/goldens/sklearn/1.9.1/GaussianNB-0.joblib"),
    join(chances, "model.joblib"),
  );
  writeFileSync(join(chances, "thaw.json"), '{"predict":"proba"}');
  save(join(folder, "versions/1/model.onnx"), offsetModel(1));
  save(join(folder, "versions/3/model.onnx"), offsetModel(3));
  return [
    ...datatypes.map((datatype) => saved(`id-${datatype}`, identityModel(datatype))),
    saved("list", identityModel("FP32", [-1])),
    saved("scalar", identityModel("FP32", [])),
    saved("texts", identityModel("BYTES", [1])),
    saved("sum", sumModel()),
    saved("a b%.ü", identityModel("FP32")),
    `versions=${join(folder, "versions")}`,
    `iris=${irisModel}`,
    `flowers=${flowers}`,
    `chances=${chances}`,
  ];
}
