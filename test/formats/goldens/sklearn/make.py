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


def arrangements(rows):
    """The rows one by one and in other places of a batch, each with the way back to their order."""
    table = rows if hasattr(rows, "iloc") else np.asarray(rows)
    take = table.iloc if hasattr(table, "iloc") else table
    count = len(table)
    yield [take[at : at + 1] for at in range(count)], np.arange(count)
    for turn in (1, 2, count // 2):
        order = (np.arange(count) + turn) % count
        yield [take[order]], np.argsort(order)


def spread(ask, rows, answer):
    """The least and the largest that the library says of each row wherever it stands: its sums are
    in another order there. Nothing where it always says the same, or where rows depend on others."""
    if answer.dtype.kind != "f" or answer.shape[:1] != (len(rows),):
        return {}
    answers = [answer]
    for parts, back in arrangements(rows):
        try:
            others = [np.asarray(dense(ask(part))) for part in parts]
        except Exception:  # Some want more than one row.
            continue
        answers.append(np.concatenate(others)[back])
    low, high = np.min(answers, axis=0), np.max(answers, axis=0)
    if np.array_equal(low, high):
        return {}
    return {"low": hexed(low.reshape(-1)), "high": hexed(high.reshape(-1))}


def terms(estimator, rows):
    """For each row how much a support vector machine adds up, whatever the signs: what rounding may
    cost is a share of that, not of what comes out."""
    if not hasattr(estimator, "support_vectors_") or not hasattr(estimator, "dual_coef_"):
        return {}
    gamma = getattr(estimator, "_gamma", 1.0)
    kernel, vectors = estimator.kernel, np.asarray(dense(estimator.support_vectors_))
    if kernel == "rbf":
        values = np.exp(-gamma * ((rows[:, None, :] - vectors[None]) ** 2).sum(axis=2))
    else:
        inner = np.abs(rows) @ np.abs(vectors).T
        values = inner if kernel == "linear" else gamma * inner + abs(estimator.coef0)
        values = values**estimator.degree if kernel == "poly" else np.minimum(values, 1) if kernel == "sigmoid" else values
    sizes = values @ np.abs(np.asarray(dense(estimator.dual_coef_))).sum(axis=0)
    return {"terms": hexed(sizes + np.abs(estimator.intercept_).max())}


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
                    ask = getattr(estimator, method)
                    answer = np.asarray(dense(ask(rows)))
                    about = dict(spread(ask, rows, answer), **terms(estimator, rows))
                    outputs[method] = dict(column(answer), **about)
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
