"""A scikit-learn model in KServe's own Python server, as its sklearnserver does it, which PyPI does
not have: python kserve_sklearn.py FILE HTTP_PORT GRPC_PORT"""

import sys

import joblib
import numpy as np
from kserve import Model, ModelServer


class Sklearn(Model):
    def load(self):
        self.model = joblib.load(sys.argv[1])
        self.ready = True
        return self.ready

    def predict(self, payload, headers=None):
        return {"predictions": self.model.predict(np.array(payload["instances"])).tolist()}


if __name__ == "__main__":
    model = Sklearn("iris")
    model.load()
    ModelServer(http_port=int(sys.argv[2]), grpc_port=int(sys.argv[3])).start([model])
