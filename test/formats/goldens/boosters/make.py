"""Trains XGBoost and LightGBM boosters, saves them in every container that the installed release
writes, and keeps what the library says of some rows.

python make.py FOLDER [ROUNDS] [SEEDS]      SEEDS: 0-29

What is committed was made with seed 0, which is the usual parameters; others draw them.
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
first, last = (int(part) for part in (sys.argv[3] if len(sys.argv) > 3 else "0-0").split("-"))
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


def mark(seed):
    return "-%d" % seed if seed > 0 else ""


def drawn_xgboost(random, booster):
    """Parameters that change what a model is."""
    drawn = {
        "max_depth": random.randint(1, 7),
        "eta": random.uniform(0.01, 1),
        "lambda": random.uniform(0, 2),
        "alpha": random.uniform(0, 0.5),
        "seed": random.randint(1000),
    }
    if booster == "gblinear":
        return {name: drawn[name] for name in ("eta", "lambda", "alpha")}
    drawn["min_child_weight"] = random.uniform(0, 3)
    drawn["gamma"] = random.choice([0, 0.1])
    drawn["colsample_bytree"] = random.uniform(0.5, 1)
    drawn["max_delta_step"] = random.choice([0, 1])
    if random.rand() < 0.3:
        drawn["base_score"] = random.uniform(0.2, 0.8)
    if random.rand() < 0.3:
        drawn.update(tree_method="hist", grow_policy="lossguide", max_leaves=random.randint(2, 9))
    if booster == "dart":
        drawn["rate_drop"] = random.uniform(0, 1)
        drawn["normalize_type"] = str(random.choice(["tree", "forest"]))
        drawn["one_drop"] = random.randint(2)
    if booster == "forest":
        drawn["num_parallel_tree"] = random.randint(1, 5)
    return drawn


def drawn_lightgbm(random):
    drawn = {
        "num_leaves": random.randint(2, 20),
        "min_data_in_leaf": random.randint(1, 8),
        "learning_rate": random.uniform(0.01, 1),
        "lambda_l1": random.uniform(0, 0.3),
        "lambda_l2": random.uniform(0, 0.3),
        "feature_fraction": random.uniform(0.5, 1),
        "max_cat_to_onehot": random.randint(1, 12),
        "cat_l2": random.uniform(0, 3),
        "extra_trees": bool(random.randint(2)),
        "use_missing": bool(random.rand() < 0.8),
        "boost_from_average": bool(random.rand() < 0.7),
        "seed": random.randint(1000),
    }
    if random.rand() < 0.3:
        drawn["max_depth"] = random.randint(1, 5)
    return drawn


def xgboost_models(seed):
    for at, (name, (objective, kind)) in enumerate(XGB.items()):
        for booster in ("gbtree", "dart", "gblinear", "forest", "categorical"):
            if booster != "gbtree" and kind == "p" and name != "poisson":
                continue
            random = np.random.RandomState(at + 1009 * seed)
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
            if seed > 0:
                given.update(drawn_xgboost(random, booster))
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
                # Up to 0.90 dart leaves out trees at random where no limit is given.
                limit = {"ntree_limit": rounds} if booster == "dart" and xgb.__version__ < "1" else {}
                for suffix in ("json", "ubj", "deprecated"):
                    file = "xgb-%s-%s%s.%s" % (name, booster, mark(seed), "bst" if suffix == "deprecated" else suffix)
                    path = os.path.join(folder, file)
                    try:
                        model.save_model(path)
                    except Exception:
                        continue
                    # What the library says of the file: old ones round the base as they write it.
                    kept = xgb.Booster({"nthread": 1}, model_file=path)
                    keep(file, ask, kept.predict(xgb.DMatrix(ask, **more), **limit))
            except Exception as error:
                print("xgboost %s %s: %s" % (name, booster, str(error).strip().split("\n")[-1][:100]))


LGB = {
    "regression": "r", "regression_l1": "r", "huber": "r", "quantile": "r", "mape": "r", "fair": "r", "poisson": "p",
    "gamma": "p", "tweedie": "p", "binary": "b", "multiclass": "m", "multiclassova": "m", "cross_entropy": "c",
    "cross_entropy_lambda": "c", "lambdarank": "k",
}


def lightgbm_models(seed):
    for at, (objective, kind) in enumerate(LGB.items()):
        for boosting in ("gbdt", "dart", "rf", "zero", "sqrt"):
            if boosting == "sqrt" and objective != "regression":
                continue
            random = np.random.RandomState(at + 1009 * seed)
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
            if seed > 0:
                given.update(drawn_lightgbm(random))
            try:
                group = [40, 40] if kind == "k" else None
                model = lgb.train(given, lgb.Dataset(rows, label=target, group=group, categorical_feature=[3], free_raw_data=False), rounds)
                ask = asked(random, rows, [])
                file = "lgb-%s-%s%s.txt" % (objective, boosting, mark(seed))
                path = os.path.join(folder, file)
                model.save_model(path)
                keep(file, ask, lgb.Booster(model_file=path).predict(ask))
            except Exception as error:
                print("lightgbm %s %s: %s" % (objective, boosting, str(error)[:100]))


for seed in range(first, last + 1):
    xgboost_models(seed)
    lightgbm_models(seed)

with open(os.path.join(folder, "index.json"), "w") as out:
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in index)
    out.write('{"xgboost": "%s", "lightgbm": "%s", "cases": [\n%s\n]}\n' % (xgb.__version__, lgb.__version__, lines))
print(xgb.__version__, lgb.__version__, len(index))
