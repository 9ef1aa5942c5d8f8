"""Trains XGBoost and LightGBM boosters, saves them in every container that the installed release
writes, and keeps what the library says of some rows.

python make.py FOLDER [ROUNDS]
"""

import json
import os
import sys
import warnings

import lightgbm as lgb
import numpy as np
import xgboost as xgb

warnings.simplefilter("ignore")
folder = sys.argv[1]
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
os.makedirs(folder, exist_ok=True)
index = []


def hexed(values):
    return [float(value).hex() for value in np.asarray(values).reshape(-1).tolist()]


def rows_for(random, categorical):
    rows = np.round(random.randn(80, 4), 2).astype(np.float32).astype(float)
    rows[:, 3] = 0 if not categorical else random.randint(0, 9, 80)
    rows[random.rand(*rows.shape) < 0.1] = np.nan
    return rows


def asked(random, rows, thresholds):
    ask = [row.copy() for row in rows[:6]]
    for feature, threshold in thresholds[:4]:
        near = np.float32(threshold)
        for value in (near, np.nextafter(near, np.float32(9e9)), np.nextafter(near, np.float32(-9e9)), threshold):
            row = np.nan_to_num(rows[random.randint(len(rows))].copy())
            row[feature] = value
            ask.append(row)
    ask.append(np.array([np.nan] * 4))
    ask.append(np.array([0.0, -0.0, 1e-36, -1e-36]))
    ask.append(np.array([1e30, -1e30, 1e-40, 2.7]))
    ask.append(np.array([0.0, 0.0, 0.0, -0.5]))
    ask.append(np.array([0.0, 0.0, 0.0, 300.0]))
    return np.array(ask)


def keep(file, ask, answer):
    index.append({
        "file": file,
        "rows": [{"name": None, "values": hexed(ask[:, at])} for at in range(ask.shape[1])],
        "outputs": {"predict": {"dtype": "float", "shape": list(np.shape(answer)), "values": hexed(answer)}},
    })


XGB = {
    "squarederror": ("reg:squarederror", "r"), "logistic": ("binary:logistic", "b"), "logitraw": ("binary:logitraw", "b"),
    "hinge": ("binary:hinge", "b"), "softprob": ("multi:softprob", "m"), "softmax": ("multi:softmax", "m"),
    "poisson": ("count:poisson", "p"), "gamma": ("reg:gamma", "p"), "tweedie": ("reg:tweedie", "p"),
    "cox": ("survival:cox", "p"), "pairwise": ("rank:pairwise", "b"), "absolute": ("reg:absoluteerror", "r"),
    "pseudohuber": ("reg:pseudohubererror", "r"), "quantile": ("reg:quantileerror", "r"),
}
for at, (name, (objective, kind)) in enumerate(XGB.items()):
    for booster in ("gbtree", "dart", "gblinear", "forest", "categorical"):
        if booster != "gbtree" and kind == "p" and name != "poisson":
            continue
        random = np.random.RandomState(at)
        rows = rows_for(random, booster == "categorical")
        score = np.nan_to_num(rows[:, 0] - rows[:, 1] * 2)
        target = {"r": score, "b": score > 0, "m": np.digitize(score, [-1, 1]), "p": np.exp(score * 0.1)}[kind].astype(float)
        given = {"objective": objective, "max_depth": 3, "eta": 0.4, "verbosity": 0, "nthread": 1, "seed": 1}
        if kind == "m":
            given["num_class"] = 3
        if booster == "dart":
            given.update(booster="dart", rate_drop=0.5)
        if booster == "gblinear":
            given["booster"] = "gblinear"
        if booster == "forest":
            given.update(num_parallel_tree=2, subsample=0.7)
        if name == "quantile":
            given["quantile_alpha"] = 0.3
        if at % 2:
            given["base_score"] = 0.4
        try:
            more = {}
            if booster == "categorical":
                given["tree_method"] = "hist"
                more = {"feature_types": ["q", "q", "q", "c"], "enable_categorical": True}
            matrix = xgb.DMatrix(rows, label=target, **more)
            if name == "pairwise":
                matrix.set_group([40, 40])
            model = xgb.train(given, matrix, rounds)
            dump = model.trees_to_dataframe() if booster == "gbtree" else None
            splits = [] if dump is None else [(int(f[1:]), s) for f, s in zip(dump["Feature"], dump["Split"]) if f != "Leaf"]
            ask = asked(random, rows, splits)
            # A category that was never seen is refused by newer releases.
            ask = ask[:6] if booster == "categorical" else ask
            answer = model.predict(xgb.DMatrix(ask, **more))
            for suffix in ("json", "ubj", "deprecated"):
                file = "xgb-%s-%s.%s" % (name, booster, "bst" if suffix == "deprecated" else suffix)
                try:
                    model.save_model(os.path.join(folder, file))
                except Exception:
                    continue
                keep(file, ask, answer)
        except Exception as error:
            print("xgboost %s %s: %s" % (name, booster, str(error).strip().split("\n")[-1][:100]))

LGB = {
    "regression": "r", "regression_l1": "r", "huber": "r", "quantile": "r", "mape": "r", "fair": "r", "poisson": "p",
    "gamma": "p", "tweedie": "p", "binary": "b", "multiclass": "m", "multiclassova": "m", "cross_entropy": "c",
    "cross_entropy_lambda": "c", "lambdarank": "k",
}
for at, (objective, kind) in enumerate(LGB.items()):
    for boosting in ("gbdt", "dart", "rf", "zero", "sqrt"):
        if boosting == "sqrt" and objective != "regression":
            continue
        random = np.random.RandomState(at)
        rows = rows_for(random, True)
        if boosting == "zero":
            rows[random.rand(*rows.shape) < 0.3] = 0
        score = np.nan_to_num(rows[:, 0] - rows[:, 1] * 2)
        target = {"r": score, "b": score > 0, "m": np.digitize(score, [-1, 1]), "p": np.exp(score * 0.1), "c": 1 / (1 + np.exp(-score)), "k": score > 0}[kind].astype(float)
        given = {"objective": objective, "num_leaves": 6, "min_data_in_leaf": 3, "verbose": -1, "num_threads": 1, "seed": 1, "min_data_per_group": 2, "cat_smooth": 1}
        if kind == "m":
            given["num_class"] = 3
        if boosting in ("dart", "rf"):
            given["boosting"] = boosting
        if boosting == "rf":
            given.update(bagging_freq=1, bagging_fraction=0.7)
        if boosting == "zero":
            given.update(zero_as_missing=True)
        if boosting == "sqrt":
            given["reg_sqrt"] = True
        try:
            group = [40, 40] if kind == "k" else None
            model = lgb.train(given, lgb.Dataset(rows, label=target, group=group, categorical_feature=[3], free_raw_data=False), rounds)
            ask = asked(random, rows, [])
            file = "lgb-%s-%s.txt" % (objective, boosting)
            model.save_model(os.path.join(folder, file))
            keep(file, ask, model.predict(ask))
        except Exception as error:
            print("lightgbm %s %s: %s" % (objective, boosting, str(error)[:100]))

with open(os.path.join(folder, "index.json"), "w") as out:
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in index)
    out.write('{"xgboost": "%s", "lightgbm": "%s", "cases": [\n%s\n]}\n' % (xgb.__version__, lgb.__version__, lines))
print(xgb.__version__, lgb.__version__, len(index))
