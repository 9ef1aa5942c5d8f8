"""Trains model.joblib, the classifier of Iris flowers that KServe's examples use.

pip install scikit-learn==1.9.1 joblib; python train.py
"""

import pathlib

import joblib
from sklearn import svm
from sklearn.datasets import load_iris

rows, labels = load_iris(return_X_y=True)
joblib.dump(svm.SVC(gamma="scale").fit(rows, labels), pathlib.Path(__file__).parent / "model.joblib")
