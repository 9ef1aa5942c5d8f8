"""Fits estimators of the scikit-learn that is installed, with parameters drawn by seed, and writes
each with rows and what the library says of them.

python make.py FOLDER [SEEDS] [PATTERN] [ROWS]      SEEDS: 0-29; PATTERN: a part of an estimator's name

What is committed was made with ROWS=7 and one seed, with PATTERN for all releases but two.

Made to run from scikit-learn 0.20 on Python 3.6 to the newest.
"""

import json
import os
import pickle
import re
import sys
import warnings

import numpy as np
import sklearn
from estimators import CASES, NotHere

try:
    import joblib
except ImportError:
    from sklearn.externals import joblib

warnings.simplefilter("ignore")


def hexed(values):
    return [float(value).hex() for value in values]


def column(values):
    """JSON of one array: doubles as hex, other things as they are."""
    array = np.asarray(values)
    kind = array.dtype.kind
    flat = array.reshape(-1).tolist()
    if kind == "f":
        flat = hexed(flat)
    elif kind in "OUS" and not all(isinstance(value, str) for value in flat):
        if all(isinstance(value, (int, float, bool)) for value in flat):
            return {"dtype": "mixed", "shape": list(array.shape), "values": [repr(v) for v in flat]}
        raise NotHere("an answer of objects")
    dtype = {"U": "str", "O": "str", "S": "str", "b": "bool"}.get(kind, array.dtype.name)
    return {"dtype": dtype, "shape": list(array.shape), "values": flat}


def table(rows):
    """Rows as a list of columns, each of numbers or of texts."""
    if hasattr(rows, "columns"):
        return [{"name": str(name), "values": cells(rows[name].tolist())} for name in rows.columns]
    array = np.asarray(rows)
    if array.ndim == 1:
        return [{"name": None, "values": cells(array.tolist())}]
    return [{"name": None, "values": cells(array[:, at].tolist())} for at in range(array.shape[1])]


def cells(values):
    return [
        value if isinstance(value, str) or value is None else float(value).hex() for value in values
    ]


def dense(values):
    return values.toarray() if hasattr(values, "toarray") else values


def main():
    folder = sys.argv[1]
    first, last = (int(part) for part in (sys.argv[2] if len(sys.argv) > 2 else "0-4").split("-"))
    pattern = re.compile(sys.argv[3] if len(sys.argv) > 3 else "")
    limit = int(sys.argv[4]) if len(sys.argv) > 4 else 10**9
    os.makedirs(folder, exist_ok=True)
    index = []
    for name, make in CASES.items():
        if not pattern.search(name):
            continue
        for seed in range(first, last + 1):
            random = np.random.RandomState(seed * 7919 + sum(map(ord, name)))
            try:
                estimator, rows, answers = make(random)
            except NotHere:
                continue
            except Exception as error:  # A draw that this release does not take.
                print("%s %d: %s: %s" % (name, seed, type(error).__name__, str(error)[:90]))
                continue
            rows = rows[:limit]
            outputs = {}
            for method in answers:
                if not hasattr(estimator, method):
                    continue
                try:
                    outputs[method] = column(dense(getattr(estimator, method)(rows)))
                except NotHere:
                    pass
                except Exception as error:
                    print("%s %d %s: %s" % (name, seed, method, str(error)[:90]))
            if not outputs:
                continue
            file = "%s-%d.%s" % (name, seed, "pkl" if seed % 3 == 1 else "joblib")
            path = os.path.join(folder, file)
            if seed % 3 == 1:
                with open(path, "wb") as out:
                    pickle.dump(estimator, out, protocol=seed % 4 + (seed % 2))
            else:
                joblib.dump(estimator, path, compress=(seed % 3 == 2))
            index.append({"file": file, "rows": table(rows), "outputs": outputs})
    with open(os.path.join(folder, "index.json"), "w") as out:
        lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in index)
        out.write('{"sklearn": "%s", "cases": [\n%s\n]}\n' % (sklearn.__version__, lines))
    print("%s: %d models" % (sklearn.__version__, len(index)))


main()
