"""tritonclient.http against a server at 127.0.0.1 and the port given."""

import asyncio
import sys
import time

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as http_aio

from checks import Checks, contains, equal, raised
from tensors import DATATYPES, FLOATS, FLOWER_LABELS, FLOWERS, not_finite, sample, same
from triton import Triton, add_checks

address = f"127.0.0.1:{sys.argv[1]}"
checks = Checks("tritonclient http")
add_checks(checks)


def identity(triton, datatype, array, binary_in, binary_out):
    inputs = [triton.tensor("x", array, binary_data=binary_in)]
    outputs = [triton.output("y", binary_data=binary_out)]
    result = triton.client.infer(f"identity_{datatype.lower()}", inputs, outputs=outputs)
    output = result.get_output("y")
    equal(output["datatype"], datatype)
    equal("data" in output, not binary_out)
    same(result.as_numpy("y"), array)


for binary_in in [True, False]:
    for binary_out in [True, False]:
        way = f"{'binary' if binary_in else 'JSON'} in, {'binary' if binary_out else 'JSON'} out"
        for datatype in DATATYPES:

            @checks.named(f"{datatype}, {way}", datatype, binary_in, binary_out)
            def exact(triton, datatype, *binary):
                identity(triton, datatype, sample(datatype), *binary)

        for datatype in FLOATS:

            @checks.named(f"{datatype} not finite, {way}", datatype, binary_in, binary_out)
            def exact_not_finite(triton, datatype, *binary):
                identity(triton, datatype, not_finite(datatype), *binary)

            @checks.named(f"{datatype} negative zero, {way}", datatype, binary_in, binary_out)
            def exact_negative_zero(triton, datatype, *binary):
                array = np.array([[-0.0]], dtype=f"float{datatype[2:]}")
                identity(triton, datatype, array, *binary)


@checks.named("one output binary and one JSON in the same answer")
def mixed(triton):
    inputs = [triton.tensor("input-0", FLOWERS)]
    outputs = [
        triton.output("probabilities", binary_data=False),
        triton.output("label", binary_data=True),
    ]
    result = triton.client.infer("iris", inputs, outputs=outputs)
    equal("data" in result.get_output("probabilities"), True)
    equal("data" in result.get_output("label"), False)
    equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


@checks.named("one input binary and one JSON in the same request")
def mixed_inputs(triton):
    a, b = np.array([[1, 2]], dtype=np.float32), np.array([[3, 5]], dtype=np.float32)
    inputs = [triton.tensor("a", a, binary_data=False), triton.tensor("b", b)]
    same(triton.client.infer("sum", inputs).as_numpy("sum"), a + b)


@checks.named("unknown model and version are not ready")
def not_ready(triton):
    equal(triton.client.is_model_ready("nope"), False)
    equal(triton.client.is_model_ready("offset", "9"), False)


@checks.named("query parameters are ignored")
def query(triton):
    parameters = {"test_1": 1, "test_2": "two"}
    equal(triton.client.is_server_live(query_params=parameters), True)
    inputs = [triton.tensor("input-0", FLOWERS)]
    result = triton.client.infer("iris", inputs, query_params=parameters)
    equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


@checks.named("gzip and deflate, both ways, of few elements and of many")
def compressed(triton):
    many = np.tile(FLOWERS, (1_000, 1))
    for algorithm in ["gzip", "deflate"]:
        options = {
            "request_compression_algorithm": algorithm,
            "response_compression_algorithm": algorithm,
        }
        result = triton.client.infer("iris", [triton.tensor("input-0", FLOWERS)], **options)
        equal(result.as_numpy("label").tolist(), FLOWER_LABELS)
        result = triton.client.infer("iris", [triton.tensor("input-0", many)], **options)
        equal(result.as_numpy("label").tolist(), FLOWER_LABELS * 1_000)


@checks.named("a body made and an answer read outside the client")
def static_methods(triton):
    inputs = [triton.tensor("input-0", FLOWERS)]
    body, header_length = http.InferenceServerClient.generate_request_body(inputs)
    headers = {"Inference-Header-Content-Length": str(header_length)}
    path = "v2/models/iris/infer"
    response = triton.client._post(path, body, headers, None)
    length = int(response["Inference-Header-Content-Length"])
    result = http.InferenceServerClient.parse_response_body(response.read(), header_length=length)
    equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


@checks.named("64 async_infer, 8 in flight")
def in_flight(triton):
    with http.InferenceServerClient(address, concurrency=8) as client:
        arrays = [np.full((2, 3), number, dtype=np.int64) for number in range(64)]
        pending = [
            client.async_infer(
                "identity_int64", [triton.tensor("x", array)], request_id=str(number)
            )
            for number, array in enumerate(arrays)
        ]
        for number, (request, array) in enumerate(zip(pending, arrays)):
            result = request.get_result()
            equal(result.get_response()["id"], str(number))
            same(result.as_numpy("y"), array)


@checks.named("async_infer hands on a refusal")
def async_refusal(triton):
    request = triton.client.async_infer("nope", [triton.tensor("x", FLOWERS)])
    triton.refusal("not found", "unknown model: 'nope' is not found", request.get_result)


@checks.named("network_timeout ends the wait, and the server answers on")
def network_timeout(triton):
    inputs = [triton.tensor("x", np.zeros(1, dtype=np.float32))]
    with http.InferenceServerClient(address, network_timeout=0.05) as client:
        begun = time.monotonic()
        error = raised(Exception, lambda: client.infer("slow", inputs))
        contains(str(error), "timed out")
        equal(time.monotonic() - begun < 1, True)
    equal(triton.client.infer("slow", inputs).as_numpy("y").shape, ())


@checks.named("asyncio client")
async def asyncio_client(triton):
    async with http_aio.InferenceServerClient(address) as client:
        equal(await client.is_server_ready(), True)
        inputs = [triton.tensor("input-0", FLOWERS)]
        results = await asyncio.gather(*(client.infer("iris", inputs) for _ in range(16)))
        for result in results:
            equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


statuses = {"not found": "404", "invalid": "400"}
with http.InferenceServerClient(address) as shared:
    asyncio.run(checks.run(Triton(http, shared, statuses)))
