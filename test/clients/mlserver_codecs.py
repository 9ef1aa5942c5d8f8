"""What MLServer's codecs write and read, over plain HTTP."""

import asyncio
import json
import sys
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from checks import Checks, contains, equal
from tensors import FLOWER_LABELS, FLOWERS

base = f"http://127.0.0.1:{sys.argv[1]}"
codecs = Checks("mlserver codecs")


def infer(model, request):
    """Posts an InferenceRequest as MLServer's documentation does."""
    body = json.dumps(request.model_dump(exclude_none=True)).encode()
    call = urllib.request.Request(
        f"{base}/v2/models/{model}/infer", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(call, timeout=30) as reply:
        return InferenceResponse.model_validate_json(reply.read())


def output(response, name):
    return next(one for one in response.outputs if one.name == name)


@codecs.named("NumpyCodec, one input")
def one_input(_):
    request = InferenceRequest(inputs=[NumpyCodec.encode_input("input-0", FLOWERS)])
    labels = NumpyCodec.decode_output(output(infer("iris", request), "label"))
    equal(labels.ravel().tolist(), FLOWER_LABELS)


for kind in ["float32", "float64", "int8", "int64", "uint8", "uint64", "bool"]:

    @codecs.named(f"NumpyCodec of {kind}, in and out", kind)
    def kinds(_, kind):
        values = np.array([[0, 1], [1, 0]]).astype(kind)
        encoded = NumpyCodec.encode_input("x", values)
        response = infer(f"identity_{encoded.datatype.lower()}", InferenceRequest(inputs=[encoded]))
        decoded = NumpyCodec.decode_output(output(response, "y"))
        equal(decoded.dtype, values.dtype)
        equal(decoded.tolist(), values.tolist())


@codecs.named("NumpyRequestCodec to a scikit-learn model")
def request_codec(_):
    request = NumpyRequestCodec.encode_request(FLOWERS)
    response = infer("flowers", request)
    equal(response.outputs[0].name, "predict")
    labels = NumpyRequestCodec.decode_response(response)
    equal(labels.ravel().tolist(), FLOWER_LABELS)


@codecs.named("PandasCodec to a scikit-learn model: one input per column")
def pandas_codec(_):
    frame = pd.DataFrame(FLOWERS, columns=["a", "b", "c", "d"])
    response = infer("flowers", PandasCodec.encode_request(frame))
    labels = NumpyCodec.decode_output(response.outputs[0])
    equal(labels.ravel().tolist(), FLOWER_LABELS)


@codecs.named("StringCodec, in and out")
def strings(_):
    texts = ["kůň", "", "🙂"]
    encoded = StringCodec.encode_input("x", texts, use_bytes=False)
    response = infer("identity_bytes", InferenceRequest(inputs=[encoded]))
    equal(list(response.outputs[0].data), texts)


@codecs.named("the id comes back; parameters are taken")
def identity(_):
    request = NumpyRequestCodec.encode_request(FLOWERS)
    request.id = "a1"
    equal(infer("flowers", request).id, "a1")


@codecs.named("a refusal says why")
def refusal(_):
    try:
        infer("nope", InferenceRequest(inputs=[NumpyCodec.encode_input("x", FLOWERS)]))
    except urllib.error.HTTPError as error:
        equal(error.code, 404)
        contains(json.loads(error.read())["error"], "'nope' is not found")
    else:
        raise AssertionError("expected HTTPError, but nothing was raised")


asyncio.run(codecs.run(None))
