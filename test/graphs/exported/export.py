"""Makes the models of this folder and their expected answers, with the exporters that users have.

pip install onnx==1.23.2 skl2onnx==1.20.0 scikit-learn onnxruntime ml_dtypes; python export.py
"""

import json
import pathlib

import ml_dtypes
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

folder = pathlib.Path(__file__).parent
cases = []


def case(name, inputs, outputs):
    cases.append({"model": f"{name}.onnx", "inputs": inputs, "outputs": outputs})


def tensor(name, datatype, array):
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(array.shape),
        "data": array.reshape(-1).tolist(),
    }


def asked(name, feeds):
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
    return session.run(None, feeds)


flowers, kinds = load_iris(return_X_y=True)
flowers = flowers.astype(numpy.float32)
names = numpy.array(["setosa", "versicolor", "virginica"])[kinds]
rows = flowers[48:52]

# A classifier as sklearn-onnx exports it when nothing is asked for: it ends in a ZipMap.
model = LogisticRegression(max_iter=500).fit(flowers, names)
onnx.save(to_onnx(model, flowers[:1]), folder / "zipmap.onnx")
labels, maps = asked("zipmap", {"X": rows})
values = numpy.array([list(one.values()) for one in maps], numpy.float32)
case(
    "zipmap",
    [tensor("X", "FP32", rows)],
    [tensor("output_label", "BYTES", labels), tensor("output_probability", "FP32", values)],
)

# Several targets: the probabilities are a sequence of a tensor for each.
model = MultiOutputClassifier(LogisticRegression(max_iter=500))
model.fit(flowers, numpy.stack([kinds, kinds > 0], 1))
onnx.save(to_onnx(model, flowers[:1]), folder / "sequence.onnx")
labels, parts = asked("sequence", {"X": rows})
case(
    "sequence",
    [tensor("X", "FP32", rows)],
    [tensor("label", "INT64", labels)]
    + [tensor(f"probabilities_{at}", "FP32", part) for at, part in enumerate(parts)],
)

# A text model: its StringNormalizer asks for a locale. Expected is what sklearn itself says.
texts = ["good film", "bad film", "l'ÉTÉ the best", "l'été the worst", "STRASSE good", "straße bad"]
model = make_pipeline(TfidfVectorizer(lowercase=True), LogisticRegression())
model.fit(texts, [1, 0, 1, 0, 1, 0])
onnx.save(
    convert_sklearn(model, initial_types=[("text", StringTensorType([None, 1]))]),
    folder / "text.onnx",
)
asks = numpy.array([["GOOD film"], ["BAD FILM"], ["worst"]])
case(
    "text",
    [tensor("text", "BYTES", asks)],
    [
        tensor("output_label", "INT64", model.predict(asks[:, 0])),
        tensor("output_probability", "FP32", model.predict_proba(asks[:, 0])),
    ],
)

# BF16 at both ends, and weights in a file of their own.
weights = numpy.arange(8, dtype=numpy.float32).reshape(4, 2) / 8
graph = helper.make_graph(
    [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["wide", "w"], ["product"]),
        helper.make_node("Cast", ["product"], ["y"], to=TensorProto.BFLOAT16),
    ],
    "halves",
    [helper.make_tensor_value_info("x", TensorProto.BFLOAT16, ["batch", 4])],
    [helper.make_tensor_value_info("y", TensorProto.BFLOAT16, ["batch", 2])],
    [numpy_helper.from_array(weights, "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
(folder / "bfloat.weights").unlink(missing_ok=True)
onnx.save(
    model,
    folder / "bfloat.onnx",
    save_as_external_data=True,
    location="bfloat.weights",
    size_threshold=0,
)
halves = numpy.array([[1, -2, 0.5, 3], [0, 0.25, 100, -7]], ml_dtypes.bfloat16)
product = (halves.astype(numpy.float32) @ weights).astype(ml_dtypes.bfloat16)
case(
    "bfloat",
    [tensor("x", "BF16", halves.astype(numpy.float32))],
    [tensor("y", "BF16", product.astype(numpy.float32))],
)

(folder / "expected.json").write_text(json.dumps(cases, ensure_ascii=False, indent=2) + "\n")
