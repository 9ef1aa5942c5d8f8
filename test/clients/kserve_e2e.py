"""The requests of KServe's end-to-end tests (its folder test/e2e), by the clients of its SDK, against
a server that serves the models of kserve_e2e_models.py.

python kserve_e2e.py PORT FOLDER
"""

import asyncio
import json
import logging
import os
import sys

from kserve import InferenceGRPCClient, InferenceRESTClient, InferRequest, RESTConfig
from kserve.protocol.infer_type import InferInput

from checks import Checks, equal

address = f"127.0.0.1:{sys.argv[1]}"
base = f"http://{address}"
with open(os.path.join(sys.argv[2], "expected.json")) as file:
    known = json.load(file)
answers = known["answers"]
checks = Checks("kserve e2e")
logging.getLogger("kserve").setLevel(logging.CRITICAL)
logging.getLogger("kserve.trace").setLevel(logging.CRITICAL)

ROWS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
A = {"instances": ROWS}
B = {"inputs": [{"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": ROWS}]}
C = {**B, "outputs": [{"name": "output-0", "parameters": {"binary_data": True}}]}
D = {**B, "parameters": {"binary_data_output": True}}
FLAT = [value for row in ROWS for value in row]
WHOLE = {"sepal_length_(cm)": 5.1, "sepal_width_(cm)": 3.5, "petal_length_(cm)": 1.4, "petal_width_(cm)": 0.2}
G = {"inputs": [{name: [value] for name, value in WHOLE.items()}]}
H = {"inputs": [[{name: value} for name, value in WHOLE.items()]]}
I = {"inputs": [[{name: value} for name, value in WHOLE.items() if name != "petal_width_(cm)"]]}


def argmax(values):
    return max(range(len(values)), key=values.__getitem__)


def first(response):
    return response.outputs[0].as_numpy().reshape(-1).tolist()


for model in ("sklearn", "xgboost"):

    @checks.named(f"A: {model}, V1", model)
    async def v1(one, two, rpc, model):
        equal(await one.infer(base, A, model_name=model), {"predictions": answers[model]})

    @checks.named(f"A: {model}, V1, four at once", model)
    async def v1_parallel(one, two, rpc, model):
        all_of_them = await asyncio.gather(*(one.infer(base, A, model_name=model) for _ in range(4)))
        equal(all_of_them, [{"predictions": answers[model]}] * 4)


for model in ("sklearn", "xgboost", "lightgbm"):

    @checks.named(f"B: {model}, V2, nested data and no id", model)
    async def v2(one, two, rpc, model):
        response = await two.infer(base, B, model_name=model)
        equal(first(response), [v for row in answers[model] for v in row] if model == "lightgbm" else answers[model])

    @checks.named(f"E: {model}, gRPC", model)
    async def v2_grpc(one, two, rpc, model):
        tensor = InferInput("input-0", [2, 4], "FP32", FLAT)
        response = await rpc.infer(InferRequest(model, [tensor]))
        equal(response.outputs[0].name, "output-0")
        equal(first(response), [v for row in answers[model] for v in row] if model == "lightgbm" else answers[model])


for name, body in (("C", C), ("D", D)):

    @checks.named(f"{name}: sklearn, V2, binary output", body)
    async def v2_binary(one, two, rpc, body):
        response = await two.infer(base, body, model_name="sklearn")
        equal(response.outputs[0].name, "output-0")
        equal(first(response), answers["sklearn"])


@checks.named("F: columns of several types, V2 with content_type pd")
async def mixed(one, two, rpc):
    inputs = [
        {"name": name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "INT32", "data": [value]}
        for name, value in known["F"].items()
    ]
    body = {"parameters": {"content_type": "pd"}, "inputs": inputs}
    equal(first(await two.infer(base, body, model_name="mixed")), answers["mixed"])


@checks.named("newsgroups: texts, V1")
async def news(one, two, rpc):
    body = {"instances": known["news"]}
    equal(await one.infer(base, body, model_name="news"), {"predictions": answers["news"]})


for name, body in (("G", G), ("H", H), ("I", I)):

    @checks.named(f"{name}: lightgbm, V1 by column names", name, body)
    async def frames(one, two, rpc, name, body):
        response = await one.infer(base, body, model_name="lightgbm")
        equal(response, {"predictions": answers[name]})
        if name == "G":
            equal(argmax(response["predictions"][0]), 0)


@checks.named("wine: MLflow, V2, eleven named columns")
async def wine(one, two, rpc):
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP32", "data": [value]} for name, value in known["wine"].items()
    ]
    body = {"parameters": {"content_type": "pd"}, "inputs": inputs}
    got = first(await two.infer(base, body, model_name="wine"))
    equal([round(value, 12) for value in got], [round(value, 12) for value in answers["wine"]])


@checks.named("every model is ready, over REST and gRPC")
async def ready(one, two, rpc):
    for model in ("sklearn", "xgboost", "lightgbm", "mixed", "news", "wine"):
        equal(await one.is_model_ready(base, model), True)
        equal(await two.is_model_ready(base, model), True)
        equal(await rpc.is_model_ready(model), True)


async def main():
    one = InferenceRESTClient(RESTConfig(protocol="v1"))
    two = InferenceRESTClient(RESTConfig(protocol="v2"))
    async with InferenceGRPCClient(address) as rpc:
        await checks.run(one, two, rpc)
    await one.close()
    await two.close()


asyncio.run(main())
