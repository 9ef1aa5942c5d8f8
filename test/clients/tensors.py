"""A tensor of every datatype, with the values that are lost most easily on the way."""

import numpy as np

from checks import equal

INTEGERS = ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"]
FLOATS = ["FP16", "FP32", "FP64"]
DATATYPES = ["BOOL", *INTEGERS, *FLOATS, "BYTES"]

STRINGS = ["", "plain", "příliš žluťoučký kůň", "日本語", "🙂 a surrogate pair", '"quotes" \\ \n\t']

FLOWERS = np.array([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]], dtype=np.float32)
"""One of the first and one of the last class of iris."""
FLOWER_LABELS = [0, 2]


def sample(datatype):
    """A matrix of two rows."""
    if datatype == "BOOL":
        return np.array([[True, False, True], [False, False, True]])
    if datatype == "BYTES":
        texts = [text.encode() for text in STRINGS]
        return np.array(texts, dtype=np.object_).reshape(2, -1)
    if datatype in INTEGERS:
        dtype = np.dtype(datatype.lower())
        limits = np.iinfo(dtype)
        values = [limits.min, limits.min + 1, 0, 1, limits.max - 1, limits.max]
        return np.array(values, dtype=dtype).reshape(2, 3)
    dtype = np.dtype(f"float{datatype[2:]}")
    limits = np.finfo(dtype)
    third = dtype.type(1) / dtype.type(3)
    values = [limits.max, limits.min, limits.tiny, limits.smallest_subnormal, third, 0.1, 0, -2.5]
    return np.array(values, dtype=dtype).reshape(2, 4)


def not_finite(datatype):
    return np.array([[np.inf, -np.inf, np.nan]], dtype=f"float{datatype[2:]}")


def same(actual, expected):
    """The same shape, datatype and elements, to the last bit."""
    equal(actual.shape, expected.shape)
    if expected.dtype == np.object_:
        equal(_encoded(actual), _encoded(expected))
        return
    equal(actual.dtype, expected.dtype)
    if actual.tobytes() != expected.tobytes():
        raise AssertionError(f"expected {expected.tolist()}, got {actual.tolist()}")


def _encoded(array):
    """JSON gives strings as str, binary data as bytes."""
    return [item.encode() if isinstance(item, str) else item for item in array.flatten()]
