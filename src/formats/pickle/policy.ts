import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import type { PyGlobal } from "./values.ts";

/**
 * Which classes and functions a pickle may name. None of them is ever called or imported; the list
 * is there so that a model that needs code of somebody's own is refused with its name, and one that
 * was made to do harm is called so.
 */

/** Packages whose objects are kept as names with their state. */
const packages = new Set(["sklearn", "numpy", "scipy", "xgboost", "lightgbm", "joblib", "pandas"]);

/** Others, by full name. */
const names = new Set([
  "_codecs.encode",
  "builtins.bytes",
  "builtins.bytearray",
  "builtins.dict",
  "builtins.list",
  "builtins.set",
  "builtins.frozenset",
  "builtins.tuple",
  "builtins.slice",
  "builtins.complex",
  "builtins.int",
  "builtins.float",
  "builtins.str",
  "builtins.bool",
  "builtins.object",
  "builtins.range",
  "collections.OrderedDict",
  "collections.defaultdict",
  "copyreg._reconstructor",
  "copyreg.__newobj__",
  "functools.partial",
  "builtins.FutureWarning",
  "builtins.DeprecationWarning",
  "builtins.UserWarning",
]);

/** What pickles that run code name; of modules, all of them. */
const exploits: ReadonlySet<string> = new Set(
  (
    "os posix nt subprocess sys socket runpy shutil ctypes pty commands importlib pickle " +
    "_pickle cloudpickle dill torch asyncio multiprocessing threading webbrowser pip code " +
    "codeop pdb bdb timeit cProfile profile trace requests urllib http ftplib smtplib " +
    "telnetlib platform signal tempfile pathlib io linecache zipimport pkgutil inspect types " +
    "operator _operator builtins"
  ).split(" "),
);

/** Python 2 called some modules otherwise. */
const modern: Readonly<Record<string, string>> = {
  __builtin__: "builtins",
  copy_reg: "copyreg",
  exceptions: "builtins",
};

/** The global of these names, where a model file may name it. Throws FormatError. */
export function allowedGlobal(moduleName: string, name: string): PyGlobal {
  const module = modern[moduleName] ?? moduleName;
  const full = `${module}.${name}`;
  const [root = ""] = module.split(".");
  const ours = packages.has(root) && !/(^|\.)(testing|f2py|distutils)(\.|$)/.test(module);
  // scikit-learn 1.6 pickles its losses with a bare module name.
  const loss = module === "_loss" && /^(__pyx_unpickle_)?Cy\w+$/.test(name);
  if (ours || loss || names.has(full)) return { kind: "global", module, name };
  if (exploits.has(root)) {
    throw new FormatError(
      `it is malicious or damaged: it names '${clip(full)}', by which pickles run code; nothing ` +
        "was run",
    );
  }
  throw new FormatError(
    `it needs '${clip(full)}', which is no part of scikit-learn, XGBoost or LightGBM: code of ` +
      "your own cannot be served from a pickle; export the model to ONNX",
  );
}
