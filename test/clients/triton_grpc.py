"""tritonclient.grpc against a server at 127.0.0.1 and the port given."""

import asyncio
import queue
import sys
import time

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
from tritonclient.utils import InferenceServerException

from checks import Checks, contains, equal, raised
from tensors import DATATYPES, FLOATS, FLOWER_LABELS, FLOWERS, not_finite, sample, same
from triton import Triton, add_checks

address = f"127.0.0.1:{sys.argv[1]}"
waiting_s = 30
checks = Checks("tritonclient grpc")
add_checks(checks)

for datatype in DATATYPES:

    @checks.named(datatype, datatype)
    def exact(triton, datatype):
        same(triton.identity(datatype, sample(datatype)), sample(datatype))


for datatype in FLOATS:

    @checks.named(f"{datatype} not finite and negative zero", datatype)
    def exact_not_finite(triton, datatype):
        for array in [not_finite(datatype), np.array([[-0.0]], dtype=f"float{datatype[2:]}")]:
            same(triton.identity(datatype, array), array)


@checks.named("ready of an unknown model or version is refused")
def unknown_ready(triton):
    unknown = "Request for unknown model: 'nope' is not found"
    triton.refusal("not found", unknown, lambda: triton.client.is_model_ready("nope"))
    unknown = "Request for unknown model: 'offset' version 9 is not found"
    triton.refusal("not found", unknown, lambda: triton.client.is_model_ready("offset", "9"))


@checks.named("gzip and deflate of the channel")
def compressed(triton):
    for algorithm in ["gzip", "deflate"]:
        inputs = [triton.tensor("input-0", FLOWERS)]
        result = triton.client.infer("iris", inputs, compression_algorithm=algorithm)
        equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


@checks.named("64 async_infer in flight")
def in_flight(triton):
    answers = queue.Queue()
    arrays = {str(number): np.full((2, 3), number, dtype=np.int64) for number in range(64)}
    for number, array in arrays.items():
        triton.client.async_infer(
            "identity_int64",
            [triton.tensor("x", array)],
            lambda result, error: answers.put((result, error)),
            request_id=number,
        )
    for _ in range(64):
        result, error = answers.get(timeout=waiting_s)
        equal(error, None)
        same(result.as_numpy("y"), arrays.pop(result.get_response().id))
    equal(arrays, {})


@checks.named("async_infer hands on a refusal")
def async_refusal(triton):
    answers = queue.Queue()
    inputs = [triton.tensor("x", FLOWERS)]
    triton.client.async_infer("nope", inputs, lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=waiting_s)
    equal(result, None)
    contains(error.message(), "Request for unknown model: 'nope' is not found")
    equal(error.status(), triton.statuses["not found"])


@checks.named("async_infer can be cancelled, and the server answers on")
def cancelled(triton):
    answers = queue.Queue()
    inputs = [triton.tensor("x", np.zeros(1, dtype=np.float32))]
    pending = triton.client.async_infer(
        "slow", inputs, lambda result, error: answers.put((result, error))
    )
    pending.cancel()
    result, error = answers.get(timeout=waiting_s)
    equal(result, None)
    equal(error.status(), "StatusCode.CANCELLED")
    equal(triton.client.infer("slow", inputs).as_numpy("y").shape, ())


@checks.named("client_timeout ends the wait, and the server answers on")
def client_timeout(triton):
    inputs = [triton.tensor("x", np.zeros(1, dtype=np.float32))]
    begun = time.monotonic()
    error = raised(
        InferenceServerException,
        lambda: triton.client.infer("slow", inputs, client_timeout=0.05),
    )
    equal(time.monotonic() - begun < 1, True)
    equal(error.status(), "StatusCode.DEADLINE_EXCEEDED")
    result = triton.client.infer("slow", inputs, client_timeout=waiting_s)
    equal(result.as_numpy("y").shape, ())


@checks.named("client_timeout that is long enough, on every call")
def long_timeout(triton):
    options = {"client_timeout": waiting_s}
    equal(triton.client.is_server_live(**options), True)
    equal(triton.client.is_server_ready(**options), True)
    equal(triton.client.is_model_ready("iris", **options), True)
    equal(triton.client.get_server_metadata(**options).name, "thaw")
    equal(triton.client.get_model_metadata("iris", **options).name, "iris")


@checks.named("a stream: answers in order, and an error that does not end it")
def stream(triton):
    answers = queue.Queue()
    inputs = [triton.tensor("input-0", FLOWERS)]
    with grpc.InferenceServerClient(address) as client:
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        client.async_stream_infer("iris", inputs, request_id="1")
        client.async_stream_infer("no such model", inputs, request_id="2")
        client.async_stream_infer(
            "iris", inputs, request_id="3", enable_empty_final_response=True
        )
        found = [answers.get(timeout=waiting_s) for _ in range(3)]
        client.stop_stream()
    equal([error is None for _, error in found], [True, False, True])
    for result, id in ((found[0][0], "1"), (found[2][0], "3")):
        equal(result.get_response().id, id)
        equal(result.as_numpy("label").tolist(), FLOWER_LABELS)
        final = result.get_response().parameters["triton_final_response"]
        equal(final.bool_param, True)
    equal("unknown model" in found[1][1].message(), True)


@checks.named("asyncio client")
async def asyncio_client(triton):
    async with grpc_aio.InferenceServerClient(address) as client:
        equal(await client.is_server_ready(), True)
        inputs = [triton.tensor("input-0", FLOWERS)]
        results = await asyncio.gather(*(client.infer("iris", inputs) for _ in range(16)))
        for result in results:
            equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


statuses = {"not found": "StatusCode.NOT_FOUND", "invalid": "StatusCode.INVALID_ARGUMENT"}
with grpc.InferenceServerClient(address) as shared:
    asyncio.run(checks.run(Triton(grpc, shared, statuses)))
