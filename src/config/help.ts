import { type Setting, settings } from "./settings.ts";

/** The help texts and the settings page, made from the table of settings. */

const rows: readonly Setting<unknown>[] = Object.values(settings);
const groups = ["Serving", "Models", "Storage", "Limits", "Logs", "KServe"] as const;

export function generalHelp(version: string): string {
  return `thaw ${version}: a model server for KServe that wakes before the request gets cold

Usage: thaw <command> [arguments]

Commands:
  serve [SOURCE ...] [options]   serve models over V1, V2 REST and V2 gRPC on one port
  fetch SRC DST [SRC DST ...]    the job of KServe's storage initializer: sources into folders
  inspect FILE [--json]          what a model file is: inputs, outputs, its parts
  convert FILE -o model.onnx     a scikit-learn, XGBoost or LightGBM model as an ONNX graph
  bake FOLDER                    each model in it converted or optimised, kept for the next start
  verify FILE --rows R --expect A [--method M] [--tolerance T]
                                 a model's answers against those that its library gave

Options:
  -h, --help     this text; \`thaw serve --help\` for the options of serve
  -V, --version  the version

Example:
  thaw serve iris=models/iris/model.onnx --port 8080
`;
}

export function serveHelp(): string {
  const sections = groups.map((group) => {
    const lines = rows.filter((row) => row.group === group).map(helpLine);
    return `${group}:\n${lines.join("\n")}`;
  });
  return `Usage: thaw serve [SOURCE ...] [options]

A SOURCE is NAME=URI, or a URI alone: a path, or file://, pvc://, http(s)://, s3://, gs://, az://,
as://, abfs(s)://, hf://. It names a model file, a folder with one model file, a folder with
numbered versions (1/model.onnx, 2/model.onnx), or a .tar, .tar.gz or .zip of one of these. Without
a SOURCE every folder of ./models is a model.

${sections.join("\n\n")}

Each option also has an environment variable; sources have THAW_SOURCES. See docs/settings.md.
`;
}

const helpColumn = 30;
const helpWidth = 100;

function helpLine(row: Setting<unknown>): string {
  const left = `  ${row.flags[0]} ${row.placeholder}`;
  const value = fallbackText(row);
  const line = `${left.padEnd(helpColumn)}${row.summary}`;
  if (value === undefined) return line;
  const shown = `${line} [${value}]`;
  return shown.length <= helpWidth ? shown : `${line}\n${" ".repeat(helpColumn)}[${value}]`;
}

function fallbackText(row: Setting<unknown>): string | undefined {
  if (row.fallbackText !== undefined) return row.fallbackText;
  return row.fallback === undefined ? undefined : String(row.fallback);
}

/** docs/settings.md. */
export function settingsPage(): string {
  const lines = rows.map((row) => {
    const flags = row.flags.map((flag) => `\`${flag}\``).join(", ");
    const env = row.env.map((name) => `\`${name}\``).join(", ");
    return `| ${flags} ${row.placeholder} | ${env} | ${fallbackText(row) ?? ""} | ${row.summary} |`;
  });
  return `# Settings of \`thaw serve\`

Made from the table in \`src/config/settings.ts\` by \`npm run docs\`. A flag wins over its
environment variables, of which the first that is set wins. Flags read \`--name value\` or
\`--name=value\`, with \`-\` or \`_\` between words; of duplicates the last wins. Sources come
from the command line, else from \`THAW_SOURCES\` (separated by spaces); \`--model-dir\` is one
more.

| Flag | Environment | Default | Meaning |
| --- | --- | --- | --- |
${lines.join("\n")}
`;
}
