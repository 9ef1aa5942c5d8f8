"""V1 and CloudEvents by KServe's Python SDK and the CloudEvents SDK that it comes with."""

import asyncio
import json
import logging
import sys

import httpx
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http
from kserve import InferenceRESTClient, RESTConfig

from checks import Checks, contains, equal
from tensors import FLOWER_LABELS, FLOWERS

base = f"http://127.0.0.1:{sys.argv[1]}"
v1 = Checks("kserve v1")
events = Checks("cloudevents")

# Its clients log every refusal with a traceback; refusals are part of these checks.
logging.getLogger("kserve").setLevel(logging.CRITICAL)
logging.getLogger("kserve.trace").setLevel(logging.CRITICAL)

rows = FLOWERS.tolist()


@v1.named("server is live, model is ready")
async def health(client):
    equal(await client.is_server_live(base), True)
    equal(await client.is_model_ready(base, "iris"), True)


@v1.named("iris, instances")
async def instances(client):
    answer = await client.infer(base, {"instances": rows}, model_name="iris")
    equal([row["label"] for row in answer["predictions"]], FLOWER_LABELS)


@v1.named("iris, inputs as a list")
async def inputs(client):
    answer = await client.infer(base, {"inputs": rows}, model_name="iris")
    equal([row["label"] for row in answer["predictions"]], FLOWER_LABELS)


@v1.named("iris, named inputs")
async def named(client):
    data = {"instances": [{"input-0": row} for row in rows]}
    answer = await client.infer(base, data, model_name="iris")
    equal([row["label"] for row in answer["predictions"]], FLOWER_LABELS)


@v1.named("64-bit integers to the last digit")
async def long_integers(client):
    values = [[2**63 - 1, -(2**63)]]
    answer = await client.infer(base, {"instances": values}, model_name="identity_int64")
    equal(answer, {"predictions": values})


@v1.named("an unknown model and a bad body are refused")
async def refusals(client):
    for model, data, status, phrase in [
        ("nope", {"instances": rows}, 404, "Request for unknown model: 'nope' is not found"),
        ("iris", {"instances": {}}, 400, 'Expected "instances" to be a list'),
        ("iris", {"instances": [[1]]}, 400, "Expected [-1,4], got [1,1]."),
    ]:
        try:
            await client.infer(base, data, model_name=model)
        except httpx.HTTPStatusError as error:
            equal(error.response.status_code, status)
            contains(json.loads(error.response.text)["error"], phrase)
        else:
            raise AssertionError("expected HTTPStatusError, but nothing was raised")


@v1.named("explain is refused")
async def explain(client):
    try:
        await client.explain(base, "iris", {"instances": rows})
    except httpx.HTTPStatusError as error:
        equal(error.response.status_code, 501)
    else:
        raise AssertionError("expected HTTPStatusError, but nothing was raised")


def event(data):
    return CloudEvent({"source": "/checks", "type": "check", "id": "7"}, data)


v2_input = {"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": rows}
paths = {
    "/v1/models/iris:predict": {"instances": rows},
    "/v2/models/iris/infer": {"inputs": [v2_input]},
}

for mode, write in [("binary", to_binary), ("structured", to_structured)]:
    for path, payload in paths.items():

        @events.named(f"{mode} on {path}", write, path, payload)
        async def answered(client, write, path, payload):
            headers, body = write(event(payload))
            reply = await client.post(base + path, headers=headers, content=body)
            equal(reply.status_code, 200)
            answer = from_http(dict(reply.headers), reply.content)
            equal(answer["type"], "io.kserve.inference.response")
            equal(answer["source"], "io.kserve.inference.iris")
            equal(answer["id"] != "7", True)
            bare = await client.post(base + path, json=payload)
            equal(answer.data, bare.json())


@events.named("a broken payload is refused")
async def broken(client):
    headers, body = to_binary(event(b"{"))
    reply = await client.post(f"{base}/v1/models/iris:predict", headers=headers, content=body)
    equal(reply.status_code, 400)
    contains(reply.json()["error"], "Failed to decode or parse binary json cloudevent: ")


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    await v1.run(client)
    await client.close()
    async with httpx.AsyncClient() as plain:
        await events.run(plain)


asyncio.run(main())
