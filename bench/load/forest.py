"""Fits a forest of TREES trees to ROWS rows and saves it as FILE; prints, as JSON, five rows, their
labels, and how many single rows a second scikit-learn's own predict answers.

python forest.py FILE TREES ROWS
"""

import json
import sys
import time

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier

file, trees, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random = np.random.RandomState(0)
rows = random.randn(count, 20)
labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] + random.randn(count) > 0).astype(int)
model = RandomForestClassifier(trees, random_state=0).fit(rows, labels)
joblib.dump(model, file)

model.predict(rows[:1])
asked = 0
start = time.perf_counter()
while time.perf_counter() - start < 5:
    model.predict(rows[asked % count : asked % count + 1])
    asked += 1
took = time.perf_counter() - start
print(json.dumps({
    "rows": rows[:5].tolist(),
    "labels": model.predict(rows[:5]).tolist(),
    "perSecond": asked / took,
}))
