"""The inference clients of KServe's Python SDK against a server at 127.0.0.1 and the port given."""

import asyncio
import logging
import sys

import grpc
import httpx
import numpy as np
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput

from checks import Checks, contains, equal
from tensors import FLOWER_LABELS, FLOWERS, sample, same

address = f"127.0.0.1:{sys.argv[1]}"
base = f"http://{address}"
rest = Checks("kserve rest")
rpc = Checks("kserve grpc")

# Its clients log every refusal with a traceback; refusals are part of these checks.
logging.getLogger("kserve").setLevel(logging.CRITICAL)
logging.getLogger("kserve.trace").setLevel(logging.CRITICAL)


def flowers(binary, **options):
    tensor = InferInput("input-0", list(FLOWERS.shape), "FP32")
    tensor.set_data_from_numpy(FLOWERS, binary_data=binary)
    return InferRequest("iris", [tensor], request_id="flowers", **options)


def check_flowers(response):
    equal(response.id, "flowers")
    equal(response.model_name, "iris")
    equal(response.get_output_by_name("label").as_numpy().tolist(), FLOWER_LABELS)
    probabilities = response.get_output_by_name("probabilities").as_numpy()
    equal(probabilities.shape, (2, 3))
    equal(bool(np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)), True)


def identity(datatype, binary, **options):
    tensor = InferInput("x", list(sample(datatype).shape), datatype)
    tensor.set_data_from_numpy(sample(datatype), binary_data=binary)
    return InferRequest(f"identity_{datatype.lower()}", [tensor], **options)


@rest.named("server is live and ready, model is ready")
async def rest_health(client):
    equal(await client.is_server_live(base), True)
    equal(await client.is_server_ready(base), True)
    equal(await client.is_model_ready(base, "iris"), True)
    equal(await client.is_model_ready(base, "nope"), False)


@rest.named("iris, JSON in, JSON out")
async def rest_json(client):
    check_flowers(await client.infer(base, flowers(binary=False), model_name="iris"))


@rest.named("iris, binary in, JSON out")
async def rest_binary_in(client):
    check_flowers(await client.infer(base, flowers(binary=True), model_name="iris"))


for binary in [True, False]:
    way = "binary" if binary else "JSON"

    @rest.named(f"iris, {way} in, binary out", binary)
    async def rest_binary_out(client, binary):
        request = flowers(binary, parameters={"binary_data_output": True})
        headers = {}
        response = await client.infer(
            base, request, model_name="iris", response_headers=headers
        )
        check_flowers(response)
        equal("inference-header-content-length" in headers, True)


@rest.named("iris, one requested output, binary")
async def rest_one_output(client):
    outputs = [RequestedOutput("label", {"binary_data": True})]
    request = flowers(binary=True, request_outputs=outputs)
    response = await client.infer(base, request, model_name="iris")
    equal([output.name for output in response.outputs], ["label"])
    equal(response.outputs[0].as_numpy().tolist(), FLOWER_LABELS)


@rest.named("iris, request as a dict")
async def rest_dict(client):
    tensor = {"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": FLOWERS.tolist()}
    response = await client.infer(
        base, {"id": "flowers", "inputs": [tensor]}, model_name="iris"
    )
    check_flowers(response)


for datatype in ["INT64", "UINT64", "FP16", "FP64", "BOOL", "BYTES"]:

    @rest.named(f"{datatype}, binary in, binary out", datatype)
    async def rest_exact(client, datatype):
        request = identity(datatype, binary=True, parameters={"binary_data_output": True})
        response = await client.infer(base, request, model_name=request.model_name)
        same(response.get_output_by_name("y").as_numpy(), sample(datatype))


@rest.named("unknown model is refused")
async def rest_unknown(client):
    try:
        await client.infer(base, flowers(binary=False), model_name="nope")
    except httpx.HTTPStatusError as error:
        equal(error.response.status_code, 404)
        contains(str(error), "Request for unknown model: 'nope' is not found")
    else:
        raise AssertionError("expected HTTPStatusError, but nothing was raised")


@rpc.named("server is live and ready, model is ready")
async def rpc_health(client):
    equal(await client.is_server_live(), True)
    equal(await client.is_server_ready(), True)
    equal(await client.is_model_ready("iris"), True)


for binary in [True, False]:

    @rpc.named(f"iris, {'raw' if binary else 'typed'} contents", binary)
    async def rpc_iris(client, binary):
        check_flowers(await client.infer(flowers(binary)))


@rpc.named("iris, one requested output")
async def rpc_one_output(client):
    response = await client.infer(
        flowers(binary=True, request_outputs=[RequestedOutput("label")])
    )
    equal([output.name for output in response.outputs], ["label"])
    equal(response.outputs[0].as_numpy().tolist(), FLOWER_LABELS)


for datatype in ["INT64", "UINT64", "FP16", "FP64", "BOOL", "BYTES"]:

    @rpc.named(f"{datatype}, raw contents", datatype)
    async def rpc_exact(client, datatype):
        response = await client.infer(identity(datatype, binary=True))
        same(response.get_output_by_name("y").as_numpy(), sample(datatype))


for datatype in ["INT8", "INT64", "UINT64", "FP32", "FP64", "BOOL", "BYTES"]:

    @rpc.named(f"{datatype}, typed contents", datatype)
    async def rpc_typed(client, datatype):
        response = await client.infer(identity(datatype, binary=False))
        same(response.get_output_by_name("y").as_numpy(), sample(datatype))


@rpc.named("unknown model is refused")
async def rpc_unknown(client):
    try:
        await client.is_model_ready("nope")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.NOT_FOUND)
        contains(error.details(), "Request for unknown model: 'nope' is not found")
    else:
        raise AssertionError("expected RpcError, but nothing was raised")


async def main():
    rest_client = InferenceRESTClient(RESTConfig(protocol="v2"))
    await rest.run(rest_client)
    await rest_client.close()
    async with InferenceGRPCClient(address) as client:
        await rpc.run(client)


asyncio.run(main())
