"""What tritonclient's HTTP and gRPC clients do alike, as checks over either."""

import ml_dtypes
import numpy as np
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from checks import contains, equal, raised
from tensors import FLOWER_LABELS, FLOWERS, sample, same


class Triton:
    """One of the two clients, with what differs between them."""

    def __init__(self, module, client, statuses):
        self.module = module
        self.client = client
        self.statuses = statuses

    def tensor(self, name, array, **options):
        datatype = np_to_triton_dtype(array.dtype)
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **options)
        return tensor

    def output(self, name, **options):
        return self.module.InferRequestedOutput(name, **options)

    def identity(self, datatype, array):
        """The array after its way through the model of that datatype."""
        model = f"identity_{datatype.lower()}"
        return self.client.infer(model, [self.tensor("x", array)]).as_numpy("y")

    def response(self, result):
        return result.get_response() if self._http else result.get_response(as_json=True)

    def metadata(self, *target):
        """Model metadata as a dict; JSON made from protobuf has its int64 as strings."""
        options = {} if self._http else {"as_json": True}
        metadata = self.client.get_model_metadata(*target, **options)
        for tensor in metadata["inputs"] + metadata["outputs"]:
            tensor["shape"] = [int(dim) for dim in tensor["shape"]]
        return metadata

    def server_metadata(self):
        options = {} if self._http else {"as_json": True}
        return self.client.get_server_metadata(**options)

    def refusal(self, kind, phrase, action):
        """`action` has to be refused with the status of `kind` and with the phrase."""
        error = raised(InferenceServerException, action)
        contains(error.message(), phrase)
        equal(error.status(), self.statuses[kind])

    @property
    def _http(self):
        return self.module.__name__ == "tritonclient.http"


def add_checks(checks):
    _add_server_checks(checks)
    _add_infer_checks(checks)
    _add_refusal_checks(checks)


def _add_server_checks(checks):
    @checks.named("server is live")
    def live(triton):
        equal(triton.client.is_server_live(), True)

    @checks.named("server is ready")
    def ready(triton):
        equal(triton.client.is_server_ready(), True)

    @checks.named("model is ready, with and without a version")
    def model_ready(triton):
        equal(triton.client.is_model_ready("iris"), True)
        equal(triton.client.is_model_ready("offset", "1"), True)
        equal(triton.client.is_model_ready("offset", "2"), True)

    @checks.named("server metadata")
    def server_metadata(triton):
        metadata = triton.server_metadata()
        equal(metadata["name"], "thaw")
        equal("binary_tensor_data" in metadata["extensions"], True)

    @checks.named("model metadata")
    def model_metadata(triton):
        metadata = triton.metadata("iris")
        equal(metadata["name"], "iris")
        equal(metadata["versions"], ["1"])
        equal(metadata["inputs"], [{"name": "input-0", "datatype": "FP32", "shape": [-1, 4]}])
        outputs = [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
        ]
        equal(metadata["outputs"], outputs)

    @checks.named("model metadata lists every version")
    def versions(triton):
        equal(triton.metadata("offset")["versions"], ["1", "2"])
        equal(triton.metadata("offset", "1")["versions"], ["1", "2"])

    @checks.named("model name with a space, a percent sign and an accent")
    def special_name(triton):
        name = "naïve 100%"
        equal(triton.metadata(name)["name"], name)
        x = np.array([1], dtype=np.float32)
        same(triton.client.infer(name, [triton.tensor("x", x)]).as_numpy("y"), x + 100)


def _add_infer_checks(checks):
    @checks.named("iris gives labels and probabilities")
    def iris(triton):
        result = triton.client.infer("iris", [triton.tensor("input-0", FLOWERS)])
        equal(result.as_numpy("label").tolist(), FLOWER_LABELS)
        probabilities = result.as_numpy("probabilities")
        equal(probabilities.shape, (2, 3))
        equal(bool(np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)), True)
        equal(triton.response(result)["model_name"], "iris")

    @checks.named("request id comes back")
    def request_id(triton):
        inputs = [triton.tensor("input-0", FLOWERS)]
        result = triton.client.infer("iris", inputs, request_id="my id ✓")
        equal(triton.response(result)["id"], "my id ✓")

    @checks.named("without a version the newest answers, with one that one")
    def versions(triton):
        x = np.array([0.5, 1.5], dtype=np.float32)
        for version, answering in [("", "2"), ("1", "1"), ("2", "2")]:
            inputs = [triton.tensor("x", x)]
            result = triton.client.infer("offset", inputs, model_version=version)
            same(result.as_numpy("y"), x + np.float32(answering))
            equal(triton.response(result)["model_version"], answering)

    @checks.named("several inputs, in any order, and several outputs")
    def several(triton):
        a, b = _operands()
        for inputs in [("a", a, "b", b), ("b", b, "a", a)]:
            tensors = [triton.tensor(*inputs[:2]), triton.tensor(*inputs[2:])]
            result = triton.client.infer("sum", tensors)
            same(result.as_numpy("sum"), a + b)
            same(result.as_numpy("difference"), a - b)

    @checks.named("only the requested outputs, in the requested order")
    def requested(triton):
        a, b = _operands()
        inputs = [triton.tensor("a", a), triton.tensor("b", b)]
        for names in [["difference"], ["difference", "sum"], ["sum", "difference"]]:
            outputs = [triton.output(name) for name in names]
            result = triton.client.infer("sum", inputs, outputs=outputs)
            equal([output["name"] for output in triton.response(result)["outputs"]], names)
            same(result.as_numpy("difference"), a - b)

    @checks.named("a tensor without elements")
    def empty(triton):
        array = np.empty((0, 3), dtype=np.int32)
        same(triton.identity("INT32", array), array)

    @checks.named("BF16, exact and not finite")
    def bf16(triton):
        values = [[0.5, -2.5, np.inf], [3.140625, 2.0**-126, -0.0]]
        array = np.array(values, dtype=ml_dtypes.bfloat16)
        tensor = triton.module.InferInput("x", [2, 3], "BF16")
        tensor.set_data_from_numpy(array)
        same(triton.client.infer("identity_bf16", [tensor]).as_numpy("y"), array)

    @checks.named("a tensor of 16 MiB")
    def large(triton):
        array = np.arange(4 * 1024 * 1024, dtype=np.float32).reshape(2, -1)
        same(triton.identity("FP32", array), array)

    @checks.named("2000 strings of several lengths")
    def strings(triton):
        texts = [("ž" * (index % 50)).encode() for index in range(2_000)]
        array = np.array(texts, dtype=np.object_).reshape(4, 500)
        same(triton.identity("BYTES", array), array)

    @checks.named("priority, timeout, headers and parameters of the user are accepted")
    def parameters(triton):
        options = {
            "priority": 1,
            "timeout": 5_000_000,
            "headers": {"x-request-id": "abc"},
            "parameters": {"flag": True, "count": 3, "text": "t"},
        }
        result = triton.client.infer("iris", [triton.tensor("input-0", FLOWERS)], **options)
        equal(result.as_numpy("label").tolist(), FLOWER_LABELS)


def _add_refusal_checks(checks):
    @checks.named("unknown model is refused")
    def unknown_model(triton):
        phrase = "Request for unknown model: 'nope' is not found"
        inputs = [triton.tensor("x", np.zeros(1, dtype=np.float32))]
        triton.refusal("not found", phrase, lambda: triton.client.infer("nope", inputs))
        triton.refusal("not found", phrase, lambda: triton.metadata("nope"))

    @checks.named("unknown version is refused")
    def unknown_version(triton):
        phrase = "Request for unknown model: 'offset' version 9 is not found"
        inputs = [triton.tensor("x", np.zeros(1, dtype=np.float32))]
        triton.refusal("not found", phrase, lambda: triton.client.infer("offset", inputs, "9"))
        triton.refusal("not found", phrase, lambda: triton.metadata("offset", "9"))

    @checks.named("wrong datatype is refused")
    def wrong_datatype(triton):
        phrase = (
            "inference input 'x' data-type is 'FP32', but model 'identity_int32' expects 'INT32'"
        )
        array = np.zeros((1, 2), dtype=np.float32)
        _refused(triton, phrase, "identity_int32", [triton.tensor("x", array)])

    @checks.named("wrong dimension is refused")
    def wrong_dimension(triton):
        phrase = "unexpected shape for input 'a' for model 'sum'. Expected [-1,2], got [1,3]."
        a, b = np.zeros((1, 3), dtype=np.float32), np.zeros((1, 2), dtype=np.float32)
        _refused(triton, phrase, "sum", [triton.tensor("a", a), triton.tensor("b", b)])

    @checks.named("wrong rank is refused")
    def wrong_rank(triton):
        phrase = "unexpected shape for input 'input-0' for model 'iris'. Expected [-1,4], got [4]."
        _refused(triton, phrase, "iris", [triton.tensor("input-0", FLOWERS[0])])

    @checks.named("missing input is refused")
    def missing_input(triton):
        phrase = (
            "expected 2 inputs but got 1 inputs for model 'sum'. Got input(s) ['a'], but missing "
            "required input(s) ['b']. Please provide all required input(s)."
        )
        a, _ = _operands()
        _refused(triton, phrase, "sum", [triton.tensor("a", a)])

    @checks.named("unknown input is refused")
    def unknown_input(triton):
        phrase = "unexpected inference input 'z' for model 'iris'"
        inputs = [triton.tensor("input-0", FLOWERS), triton.tensor("z", FLOWERS)]
        _refused(triton, phrase, "iris", inputs)

    @checks.named("repeated output is refused")
    def repeated_output(triton):
        outputs = [triton.output("label"), triton.output("label")]
        phrase = "output 'label' already exists in request"
        _refused(triton, phrase, "iris", [triton.tensor("input-0", FLOWERS)], outputs=outputs)

    @checks.named("unknown output is refused")
    def unknown_output(triton):
        outputs = [triton.output("nope")]
        phrase = "unexpected inference output 'nope' for model 'iris'"
        _refused(triton, phrase, "iris", [triton.tensor("input-0", FLOWERS)], outputs=outputs)

    @checks.named("fewer bytes than the shape has are refused")
    def byte_size(triton):
        tensor = triton.tensor("x", np.zeros((2, 2), dtype=np.int32))
        tensor.set_shape([2, 3])
        phrase = (
            "input byte size mismatch for input 'x' for model 'identity_int32'. "
            "Expected 24, got 16"
        )
        _refused(triton, phrase, "identity_int32", [tensor])

    @checks.named("fewer strings than the shape has are refused")
    def string_count(triton):
        tensor = triton.tensor("x", sample("BYTES"))
        tensor.set_shape([2, 4])
        phrase = (
            "expected 8 string elements for inference input 'x' for model 'identity_bytes', got 6"
        )
        _refused(triton, phrase, "identity_bytes", [tensor])


def _operands():
    return np.array([[1, 2]], dtype=np.float32), np.array([[10, 20]], dtype=np.float32)


def _refused(triton, phrase, model, inputs, **options):
    triton.refusal("invalid", phrase, lambda: triton.client.infer(model, inputs, **options))
