import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readGoldens, refusedModels } from "./golden.ts";

/** The page of supported models, made from the goldens: what is in it was compared. */

const folder = join(import.meta.dirname, "goldens");

function releasesIn(name: string): string[] {
  const found = readdirSync(join(folder, name), { withFileTypes: true });
  return found
    .filter((one) => one.isDirectory())
    .map((one) => one.name)
    .sort(byRelease);
}

function byRelease(a: string, b: string): number {
  const parts = (text: string) => text.split(/[.-]/).map(Number);
  const [x, y] = [parts(a), parts(b)];
  const at = x.findIndex((one, index) => one !== y[index]);
  return at < 0 ? 0 : (x[at] ?? 0) - (y[at] ?? 0);
}

export function modelsPage(): string {
  const releases = releasesIn("sklearn");
  const methods = new Map<string, Map<string, string>>();
  for (const release of releases) {
    for (const { file, outputs } of readGoldens(join(folder, "sklearn", release)).cases) {
      const name = file.replace(/-\d+\.\w+$/, "");
      const row = methods.get(name) ?? new Map<string, string>();
      methods.set(name, row);
      row.set(
        release,
        refusedModels.test(file) ? "refused" : Object.keys(outputs).map(short).join(" "),
      );
    }
  }
  const rows = [...methods]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, row]) => {
      const cells = releases.map((release) => row.get(release) ?? "");
      return `| ${name} | ${cells.join(" | ")} |`;
    });
  const boosters = releasesIn("boosters").map((release) => {
    const { cases } = readGoldens(join(folder, "boosters", release));
    const names = [...new Set(cases.map(({ file }) => file.replace(/\.\w+$/, "")))];
    const [xgboost = "", lightgbm = ""] = release.split("-");
    return `| ${xgboost} | ${lightgbm} | ${cases.length} | ${kinds(names, "xgb")} | ${kinds(names, "lgb")} |`;
  });
  return `# Models of tables

Made from the goldens in \`test/formats/goldens\` by \`npm run docs\`: each cell stands for a model that
its own library fitted and whose answers are compared in the tests. P is predict, R predict_proba,
D decision_function, T transform; an empty cell was not compared, which does not mean that it fails.
Other estimators and parameters that are not known are refused when the model is loaded.

## scikit-learn

| estimator | ${releases.join(" | ")} |
| --- |${" --- |".repeat(releases.length)}
${rows.join("\n")}

## XGBoost and LightGBM

JSON, UBJSON and the older binary of XGBoost; the text of LightGBM; both inside joblib and pickle.

| XGBoost | LightGBM | models | objectives of XGBoost | of LightGBM |
| --- | --- | --- | --- | --- |
${boosters.join("\n")}
`;
}

function kinds(names: readonly string[], prefix: string): string {
  const own = names
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.split("-")[1] ?? "");
  return [...new Set(own)].join(", ");
}

function short(method: string): string {
  return (
    { predict: "P", predict_proba: "R", decision_function: "D", transform: "T" }[method] ?? method
  );
}
