"""Writes one small object in every compression of joblib. pip install joblib numpy lz4; python compressed.py"""

import pathlib

import joblib
import numpy

folder = pathlib.Path(__file__).parent / "compressed"
value = {"numbers": numpy.arange(200) * 0.25, "text": "é" * 300}
for name in ("zlib", "gzip", "bz2", "lzma", "xz", "lz4"):
    joblib.dump(value, folder / ("value.%s" % name), compress=(name, 3))
joblib.dump(value, folder / "value.plain")
