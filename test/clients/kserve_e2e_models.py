"""Fits the kinds of models that KServe's end-to-end tests deploy, into FOLDER, and writes there what
the libraries themselves say of the tests' requests (`expected.json`). Its examples lie in a bucket;
these stand for them, so the numbers are others.

python kserve_e2e_models.py FOLDER
"""

import json
import os
import pickle
import sys

import joblib
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn import svm
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, load_wine
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

folder = sys.argv[1]
expected = {}
iris, kinds = load_iris(return_X_y=True)
A = np.array([[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]])


def place(name, file):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    return os.path.join(folder, name, file)


def sklearn_model():
    model = svm.SVC(gamma="scale").fit(iris, kinds)
    joblib.dump(model, place("sklearn", "model.joblib"))
    expected["sklearn"] = model.predict(A).tolist()


def xgboost_model():
    model = xgboost.train(
        {"objective": "multi:softmax", "num_class": 3, "max_depth": 4, "eta": 0.3},
        xgboost.DMatrix(iris, label=kinds),
        20,
    )
    model.save_model(place("xgboost", "model.bst"))
    expected["xgboost"] = model.predict(xgboost.DMatrix(A)).astype(float).tolist()


def lightgbm_model():
    columns = [
        f"{part}_{side}_(cm)" for part in ("sepal", "petal") for side in ("length", "width")
    ]
    data = lightgbm.Dataset(pd.DataFrame(iris, columns=columns), label=kinds)
    given = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    lightgbm.train(given, data, 30).save_model(place("lightgbm", "model.bst"))
    model = lightgbm.Booster(model_file=place("lightgbm", "model.bst"))
    expected["lightgbm"] = model.predict(A.astype(np.float32)).tolist()
    whole = {"sepal_length_(cm)": 5.1, "sepal_width_(cm)": 3.5, "petal_length_(cm)": 1.4, "petal_width_(cm)": 0.2}
    lacking = {name: value for name, value in whole.items() if not name.startswith("petal_width")}

    def said(rows):
        return model.predict(pd.DataFrame(rows, columns=columns).astype(float)).tolist()

    expected["G"] = said([whole])
    expected["H"] = said([{name: value} for name, value in whole.items()])
    expected["I"] = said([{name: value} for name, value in lacking.items()])


F = {
    "MSZoning": "RL", "LotArea": 8450, "LotShape": "Reg", "Utilities": "AllPub", "YrSold": 2008,
    "Neighborhood": "CollgCr", "OverallQual": 7, "YearBuilt": 2003, "SaleType": "WD", "GarageArea": 548,
}


def mixed_model():
    random = np.random.RandomState(0)
    count = 200
    houses = pd.DataFrame({
        "MSZoning": random.choice(["RL", "RM", "FV"], count),
        "LotArea": random.randint(2000, 20000, count),
        "LotShape": random.choice(["Reg", "IR1", "IR2"], count),
        "Utilities": random.choice(["AllPub", "NoSeWa"], count),
        "YrSold": random.randint(2006, 2011, count),
        "Neighborhood": random.choice(["CollgCr", "Veenker", "Crawfor"], count),
        "OverallQual": random.randint(1, 11, count),
        "YearBuilt": random.randint(1900, 2010, count),
        "SaleType": random.choice(["WD", "New"], count),
        "GarageArea": random.randint(0, 900, count),
    })
    price = np.log(50000 + houses["LotArea"] * 3 + houses["OverallQual"] * 20000 + random.rand(count) * 9000)
    texts = [name for name, value in F.items() if isinstance(value, str)]
    numbers = [name for name in F if name not in texts]
    prepared = ColumnTransformer([
        ("numbers", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), numbers),
        ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
    ])
    model = Pipeline([("prepared", prepared), ("forest", RandomForestRegressor(20, random_state=0))])
    model.fit(houses, price)
    joblib.dump(model, place("mixed", "model.joblib"))
    expected["mixed"] = model.predict(pd.DataFrame([F])).tolist()


NEWS = [
    "From: somebody@somewhere.edu\nSubject: Re: what is a car of the sixties called? It had 2 doors.",
    "The orbit of the probe was raised by its engine, said the agency; the launch is in May.",
]


def news_model():
    cars = ["the car has two doors and an engine", "a new engine for the old car", "doors of cars and their brakes"]
    space = ["the probe is in orbit", "the launch of the agency's rocket", "an orbit raised by an engine of a probe"]
    model = Pipeline([
        ("counts", CountVectorizer()), ("tfidf", TfidfTransformer()),
        ("linear", SGDClassifier(random_state=0, max_iter=20, tol=None)),
    ]).fit(cars + space, [7] * 3 + [19] * 3)
    joblib.dump(model, place("news", "model.joblib"))
    expected["news"] = model.predict(NEWS).tolist()


WINE = [
    "fixed acidity", "volatile acidity", "citric acid", "residual sugar", "chlorides", "free sulfur dioxide",
    "total sulfur dioxide", "density", "pH", "sulphates", "alcohol",
]
WINE_ROW = [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4]


def wine_model():
    """As MLflow lays out what it logged."""
    rows = load_wine().data[:, :11]
    frame = pd.DataFrame(rows, columns=WINE)
    model = ElasticNet(alpha=0.1, random_state=0).fit(frame, load_wine().data[:, 12] / 100)
    with open(place("wine", "model.pkl"), "wb") as out:
        pickle.dump(model, out)
    signature = json.dumps([{"name": name, "type": "double"} for name in WINE])
    with open(place("wine", "MLmodel"), "w") as out:
        out.write(
            "artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
            "    model_path: model.pkl\n  sklearn:\n    pickled_model: model.pkl\n"
            "    serialization_format: cloudpickle\nmodel_uuid: 0\n"
            f"signature:\n  inputs: '{signature}'\n"
            "  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float64\", \"shape\": [-1]}}]'\n"
        )
    row = pd.DataFrame([np.array(WINE_ROW, np.float32).astype(float)], columns=WINE)
    expected["wine"] = model.predict(row).tolist()


if __name__ == "__main__":
    for make in (sklearn_model, xgboost_model, lightgbm_model, mixed_model, news_model, wine_model):
        make()
    with open(os.path.join(folder, "expected.json"), "w") as out:
        json.dump({"answers": expected, "F": F, "news": NEWS, "wine": dict(zip(WINE, WINE_ROW))}, out)
