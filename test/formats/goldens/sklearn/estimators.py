"""What is fitted: for each name a function that draws data and parameters."""

import inspect

import numpy as np


class NotHere(Exception):
    """This release lacks what the case needs."""


CASES = {}
CLASSIFIER = ["predict", "predict_proba", "decision_function"]
REGRESSOR = ["predict"]
TRANSFORMER = ["transform"]


def case(function):
    CASES[function.__name__] = function
    return function


def load(path):
    module, name = path.rsplit(".", 1)
    try:
        return getattr(__import__(module, fromlist=[name]), name)
    except (ImportError, AttributeError):
        raise NotHere(path)


def build(path, **parameters):
    """An estimator with those of the parameters that this release knows."""
    factory = load(path)
    known = inspect.signature(factory.__init__).parameters
    return factory(**{key: value for key, value in parameters.items() if key in known})


def numbers(random, rows=60, columns=4):
    values = random.randn(rows, columns) * 10 ** random.uniform(-1, 1, columns)
    values[:, 0] = np.round(values[:, 0], 1)  # Ties.
    return values


def labels(random, score, classes=None):
    """Labels of several kinds, which depend on a score."""
    count = int(random.choice([2, 3, 4])) if classes is None else classes
    edges = np.quantile(score, np.linspace(0, 1, count + 1)[1:-1])
    index = np.searchsorted(edges, score)
    kind = random.choice(["int", "negative", "text", "bool", "float"])
    if kind == "text":
        return np.array(["no", "yes", "maybe", "ünknown"])[index]
    if kind == "bool" and count == 2:
        return index.astype(bool)
    if kind == "float":
        return index * 2.0
    if kind == "negative":
        return index * 2 - 3
    return index


def asked(random, rows):
    """Rows to ask for: some seen, some new, some extreme."""
    new = numbers(random, 8, rows.shape[1])
    extreme = np.vstack([rows[:1] * 1e6, rows[:1] * -1e6, np.zeros((1, rows.shape[1]))])
    return np.vstack([rows[:12], new, extreme])


def classification(random, classes=None, positive=False):
    rows = numbers(random)
    if positive:
        rows = np.abs(rows)
    score = rows[:, 0] * 2 + np.sin(rows[:, 1]) + random.randn(len(rows)) * 0.3
    return rows, labels(random, score, classes), (np.abs if positive else lambda x: x)(asked(random, rows))


def regression(random, outputs=1):
    rows = numbers(random)
    target = rows[:, 0] * 2 - rows[:, 1] ** 2 * 0.1 + random.randn(len(rows))
    if outputs > 1:
        target = np.column_stack([target * (at + 1) + at for at in range(outputs)])
    return rows, target, asked(random, rows)


def classifier(name, path, draw, positive=False, classes=None):
    def make(random):
        rows, target, ask = classification(random, classes, positive)
        return build(path, **draw(random)).fit(rows, target), ask, CLASSIFIER

    CASES[name] = make


def regressor(name, path, draw, outputs=1):
    def make(random):
        rows, target, ask = regression(random, outputs if random.rand() < 0.3 else 1)
        return build(path, **draw(random)).fit(rows, target), ask, REGRESSOR

    CASES[name] = make


def transformer(name, path, draw, positive=False):
    def make(random):
        rows = numbers(random)
        ask = asked(random, rows)
        if positive:
            rows, ask = np.abs(rows) + 0.1, np.abs(ask) + 0.1
        target = (rows[:, 0] > np.median(rows[:, 0])).astype(int)
        return build(path, **draw(random)).fit(rows, target), ask, TRANSFORMER

    CASES[name] = make


def pick(random, **choices):
    drawn = {key: random_choice(random, options) for key, options in choices.items()}
    drawn["random_state"] = int(random.randint(1000))
    return drawn


def random_choice(random, options):
    return options[random.randint(len(options))]


# Linear models.
classifier(
    "LogisticRegression",
    "sklearn.linear_model.LogisticRegression",
    lambda r: dict(
        pick(r, C=[0.1, 1.0, 10.0], fit_intercept=[True, False], max_iter=[200]),
        **random_choice(r, [{}, {"solver": "liblinear"}, {"solver": "saga"}, {"solver": "newton-cg"}]),
    ),
)


@case
def LogisticRegressionMulti(random):
    rows, target, ask = classification(random)
    model = load("sklearn.linear_model.LogisticRegression")
    if "multi_class" not in inspect.signature(model.__init__).parameters:
        raise NotHere("multi_class")
    kind = random_choice(random, ["ovr", "multinomial"])
    return model(multi_class=kind, solver="lbfgs", max_iter=300).fit(rows, target), ask, CLASSIFIER


classifier("LogisticRegressionCV", "sklearn.linear_model.LogisticRegressionCV", lambda r: pick(r, cv=[3], Cs=[3], max_iter=[200]))
classifier("SGDClassifier", "sklearn.linear_model.SGDClassifier", lambda r: dict(pick(r, loss=["hinge", "modified_huber", "squared_hinge", "perceptron", "log", "log_loss"], alpha=[1e-3, 1e-4], max_iter=[50], tol=[1e-3], average=[False, True])))
classifier("Perceptron", "sklearn.linear_model.Perceptron", lambda r: pick(r, alpha=[1e-4], max_iter=[50], tol=[1e-3]))
classifier("PassiveAggressiveClassifier", "sklearn.linear_model.PassiveAggressiveClassifier", lambda r: pick(r, C=[0.5, 1.0], max_iter=[50], tol=[1e-3]))
classifier("RidgeClassifier", "sklearn.linear_model.RidgeClassifier", lambda r: pick(r, alpha=[0.1, 1.0], fit_intercept=[True, False]))
classifier("RidgeClassifierCV", "sklearn.linear_model.RidgeClassifierCV", lambda r: {})
classifier("LinearSVC", "sklearn.svm.LinearSVC", lambda r: pick(r, C=[0.1, 1.0], fit_intercept=[True, False], max_iter=[3000]))
regressor("LinearRegression", "sklearn.linear_model.LinearRegression", lambda r: {"fit_intercept": bool(r.rand() < 0.7)}, 3)
regressor("Ridge", "sklearn.linear_model.Ridge", lambda r: pick(r, alpha=[0.1, 1.0], fit_intercept=[True, False]), 2)
regressor("RidgeCV", "sklearn.linear_model.RidgeCV", lambda r: {})
regressor("Lasso", "sklearn.linear_model.Lasso", lambda r: pick(r, alpha=[0.01, 0.1]), 2)
regressor("LassoCV", "sklearn.linear_model.LassoCV", lambda r: pick(r, cv=[3]))
regressor("ElasticNet", "sklearn.linear_model.ElasticNet", lambda r: pick(r, alpha=[0.01, 0.1], l1_ratio=[0.2, 0.8]), 2)
regressor("ElasticNetCV", "sklearn.linear_model.ElasticNetCV", lambda r: pick(r, cv=[3]))
regressor("MultiTaskLasso", "sklearn.linear_model.MultiTaskLasso", lambda r: pick(r, alpha=[0.1]), 2)
regressor("Lars", "sklearn.linear_model.Lars", lambda r: {})
regressor("LassoLars", "sklearn.linear_model.LassoLars", lambda r: {"alpha": 0.1})
regressor("OrthogonalMatchingPursuit", "sklearn.linear_model.OrthogonalMatchingPursuit", lambda r: {})
regressor("BayesianRidge", "sklearn.linear_model.BayesianRidge", lambda r: {})
regressor("ARDRegression", "sklearn.linear_model.ARDRegression", lambda r: {})
regressor("SGDRegressor", "sklearn.linear_model.SGDRegressor", lambda r: pick(r, max_iter=[50], tol=[1e-3], eta0=[1e-5], alpha=[1e-4]))
regressor("HuberRegressor", "sklearn.linear_model.HuberRegressor", lambda r: {"max_iter": 500})
regressor("TheilSenRegressor", "sklearn.linear_model.TheilSenRegressor", lambda r: pick(r, max_subpopulation=[200]))
regressor("RANSACRegressor", "sklearn.linear_model.RANSACRegressor", lambda r: pick(r, max_trials=[50]))
regressor("PassiveAggressiveRegressor", "sklearn.linear_model.PassiveAggressiveRegressor", lambda r: pick(r, max_iter=[50], tol=[1e-3]))
regressor("QuantileRegressor", "sklearn.linear_model.QuantileRegressor", lambda r: {"alpha": 0.1, "solver": "highs"})
regressor("LinearSVR", "sklearn.svm.LinearSVR", lambda r: pick(r, C=[0.1, 1.0], max_iter=[2000]))


def counts(name):
    def make(random):
        rows = numbers(random) * 0.1
        target = np.exp(rows[:, 0] * 0.1) + 0.1
        return build("sklearn.linear_model." + name).fit(rows, target), rows[:20], REGRESSOR

    CASES[name] = make


for name in ("PoissonRegressor", "GammaRegressor", "TweedieRegressor"):
    counts(name)

# Trees.
tree = lambda r: pick(r, max_depth=[1, 3, None], min_samples_leaf=[1, 3], max_features=[None, 2])
forest = lambda r: pick(r, n_estimators=[3, 12], max_depth=[2, 4, None], min_samples_leaf=[1, 2])
for family, one, many in (("tree", "DecisionTree", "RandomForest"), ("tree", "ExtraTree", "ExtraTrees")):
    classifier(one + "Classifier", "sklearn.tree." + one + "Classifier", tree)
    regressor(one + "Regressor", "sklearn.tree." + one + "Regressor", tree, 2)
    classifier(many + "Classifier", "sklearn.ensemble." + many + "Classifier", forest)
    regressor(many + "Regressor", "sklearn.ensemble." + many + "Regressor", forest, 2)


@case
def RandomForestMissing(random):
    rows, target, ask = classification(random)
    rows[random.rand(*rows.shape) < 0.1] = np.nan
    ask[random.rand(*ask.shape) < 0.2] = np.nan
    model = build("sklearn.ensemble.RandomForestClassifier", n_estimators=5, max_depth=4, random_state=1)
    return model.fit(rows, target), ask, CLASSIFIER


@case
def DecisionTreeThresholds(random):
    rows, target, _ = regression(random)
    model = build("sklearn.tree.DecisionTreeRegressor", max_depth=4).fit(rows, target)
    ask = []
    inner = model.tree_.children_left >= 0
    for feature, threshold in zip(model.tree_.feature[inner], model.tree_.threshold[inner]):
        near = np.float32(threshold)
        for value in (threshold, near, np.nextafter(near, np.float32(9e9)), np.nextafter(near, np.float32(-9e9))):
            row = rows[random.randint(len(rows))].copy()
            row[feature] = value
            ask.append(row)
    return model, np.array(ask), REGRESSOR


classifier("GradientBoostingClassifier", "sklearn.ensemble.GradientBoostingClassifier", lambda r: pick(r, n_estimators=[3, 10], learning_rate=[0.1, 0.5], max_depth=[1, 3], subsample=[1.0, 0.8]))
classifier("GradientBoostingExponential", "sklearn.ensemble.GradientBoostingClassifier", lambda r: pick(r, n_estimators=[5], loss=["exponential"], max_depth=[2]), classes=2)


@case
def GradientBoostingInit(random):
    rows, target, ask = classification(random)
    inits = ["zero", build("sklearn.linear_model.LogisticRegression", max_iter=300), build("sklearn.linear_model.LogisticRegression", max_iter=300), build("sklearn.tree.DecisionTreeClassifier", max_depth=3), build("sklearn.svm.SVC", probability=True)]
    init = random_choice(random, inits)
    return build("sklearn.ensemble.GradientBoostingClassifier", n_estimators=4, init=init, random_state=1).fit(rows, target), ask, CLASSIFIER


@case
def GradientBoostingInitRegressor(random):
    rows, target, ask = regression(random)
    inits = ["sklearn.linear_model.LinearRegression", "sklearn.linear_model.Ridge", "sklearn.linear_model.Lasso", "sklearn.tree.DecisionTreeRegressor", "sklearn.ensemble.RandomForestRegressor", "sklearn.svm.SVR"]
    init = random_choice(random, inits)
    init = build(init, **({"n_estimators": 3} if "Forest" in init else {}))
    return build("sklearn.ensemble.GradientBoostingRegressor", n_estimators=4, init=init, random_state=1).fit(rows, target), ask, REGRESSOR


regressor("GradientBoostingRegressor", "sklearn.ensemble.GradientBoostingRegressor", lambda r: pick(r, n_estimators=[3, 10], learning_rate=[0.1, 0.5], max_depth=[1, 3], loss=["ls", "squared_error", "huber", "quantile", "absolute_error", "lad"]))


def histogram(name, task):
    def make(random):
        try:
            from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401
        except ImportError:
            pass
        rows, target, ask = classification(random) if task == "Classifier" else regression(random)
        if random.rand() < 0.5:
            rows[random.rand(*rows.shape) < 0.1] = np.nan
            ask[random.rand(*ask.shape) < 0.2] = np.nan
        drawn = pick(random, max_iter=[3, 10], max_depth=[2, None], learning_rate=[0.1, 0.5], min_samples_leaf=[3, 10])
        if random.rand() < 0.5:
            rows[:, 2] = random.randint(0, 6, len(rows))
            ask[:, 2] = random.randint(-2, 9, len(ask))
            target = target if task == "Classifier" else target + rows[:, 2] % 3 * 9
            drawn["categorical_features"] = [2]
        if task == "Regressor" and random.rand() < 0.4:
            drawn["loss"] = random_choice(random, ["poisson", "absolute_error", "gamma"])
            target = np.abs(target) + 0.1
        return build("sklearn.ensemble.HistGradientBoosting" + task, **drawn).fit(rows, target), ask, CLASSIFIER

    CASES["HistGradientBoosting" + task] = make


histogram("c", "Classifier")
histogram("r", "Regressor")


def base(model):
    """Base estimators changed their keyword."""
    return {"estimator": model, "base_estimator": model}


def based(path, model, **more):
    factory = load(path)
    known = inspect.signature(factory.__init__).parameters
    key = "estimator" if "estimator" in known else "base_estimator"
    more[key] = model
    return factory(**{k: v for k, v in more.items() if k in known})


@case
def AdaBoostClassifier(random):
    rows, target, ask = classification(random)
    drawn = pick(random, n_estimators=[3, 8], learning_rate=[0.5, 1.0])
    algorithm = inspect.signature(load("sklearn.ensemble.AdaBoostClassifier").__init__).parameters.get("algorithm")
    if algorithm is not None and algorithm.default != "deprecated":
        drawn["algorithm"] = random_choice(random, ["SAMME", "SAMME.R"])
    return based("sklearn.ensemble.AdaBoostClassifier", build("sklearn.tree.DecisionTreeClassifier", max_depth=2), **drawn).fit(rows, target), ask, CLASSIFIER


@case
def AdaBoostRegressor(random):
    rows, target, ask = regression(random)
    return build("sklearn.ensemble.AdaBoostRegressor", n_estimators=5, random_state=1).fit(rows, target), ask, REGRESSOR


@case
def BaggingClassifier(random):
    rows, target, ask = classification(random)
    model = random_choice(random, [build("sklearn.tree.DecisionTreeClassifier", max_depth=3), build("sklearn.linear_model.LogisticRegression", max_iter=300)])
    return based("sklearn.ensemble.BaggingClassifier", model, n_estimators=4, max_features=random_choice(random, [1.0, 0.5]), random_state=3).fit(rows, target), ask, CLASSIFIER


@case
def BaggingRegressor(random):
    rows, target, ask = regression(random)
    return based("sklearn.ensemble.BaggingRegressor", build("sklearn.linear_model.Ridge"), n_estimators=4, max_features=0.5, random_state=3).fit(rows, target), ask, REGRESSOR


@case
def IsolationForest(random):
    rows, _, ask = regression(random)
    drawn = pick(random, n_estimators=[3, 10], max_samples=["auto", 20], contamination=["auto", 0.1], max_features=[1.0, 0.5])
    drawn["behaviour"] = "new"
    return build("sklearn.ensemble.IsolationForest", **drawn).fit(rows), ask, CLASSIFIER


# Support vectors.
kernels = lambda r: pick(r, C=[0.5, 5.0], kernel=["rbf", "linear", "poly", "sigmoid"], gamma=["scale", 0.05], degree=[2, 3], coef0=[0.0, 0.5], probability=[False, True], decision_function_shape=["ovr", "ovo"], break_ties=[False])


def scaled(name, path, draw, task):
    def make(random):
        rows, target, ask = classification(random) if task == "c" else regression(random)
        scale = np.abs(rows).max(axis=0)
        model = build(path, **draw(random))
        return model.fit(rows / scale, target), ask[:20] / scale, CLASSIFIER if task == "c" else REGRESSOR

    CASES[name] = make


scaled("SVC", "sklearn.svm.SVC", kernels, "c")
scaled("NuSVC", "sklearn.svm.NuSVC", lambda r: dict(kernels(r), nu=0.3), "c")
scaled("SVR", "sklearn.svm.SVR", kernels, "r")
scaled("NuSVR", "sklearn.svm.NuSVR", kernels, "r")


@case
def OneClassSVM(random):
    rows, _, ask = regression(random)
    return build("sklearn.svm.OneClassSVM", gamma=0.05, nu=0.2, kernel=random_choice(random, ["rbf", "linear"])).fit(rows), ask, CLASSIFIER


# Neighbours, Bayes, networks, clusters.
near = lambda r: pick(r, n_neighbors=[1, 3, 5], weights=["uniform", "distance"], p=[1, 2], algorithm=["auto", "brute"])
classifier("KNeighborsClassifier", "sklearn.neighbors.KNeighborsClassifier", near)
regressor("KNeighborsRegressor", "sklearn.neighbors.KNeighborsRegressor", near, 2)
classifier("NearestCentroid", "sklearn.neighbors.NearestCentroid", lambda r: {})
classifier("GaussianNB", "sklearn.naive_bayes.GaussianNB", lambda r: {})
classifier("MultinomialNB", "sklearn.naive_bayes.MultinomialNB", lambda r: {"alpha": float(r.choice([0.5, 1.0])), "fit_prior": bool(r.rand() < 0.5)}, True)
classifier("ComplementNB", "sklearn.naive_bayes.ComplementNB", lambda r: {"norm": bool(r.rand() < 0.5)}, True)
classifier("BernoulliNB", "sklearn.naive_bayes.BernoulliNB", lambda r: {"binarize": float(r.choice([0.0, 0.5]))})


@case
def CategoricalNB(random):
    rows, target, _ = classification(random)
    codes = random.randint(0, 4, rows.shape)
    return build("sklearn.naive_bayes.CategoricalNB").fit(codes, target), codes[:20], CLASSIFIER


networks = lambda r: dict(pick(r, activation=["relu", "tanh", "logistic", "identity"], max_iter=[40]), hidden_layer_sizes=random_choice(r, [(5,), (4, 3)]))
scaled("MLPClassifier", "sklearn.neural_network.MLPClassifier", networks, "c")
scaled("MLPRegressor", "sklearn.neural_network.MLPRegressor", networks, "r")
classifier("LinearDiscriminantAnalysis", "sklearn.discriminant_analysis.LinearDiscriminantAnalysis", lambda r: {"solver": str(r.choice(["svd", "lsqr"]))})
classifier("QuadraticDiscriminantAnalysis", "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis", lambda r: {"reg_param": 0.1})


def clusters(name, path, draw):
    def make(random):
        rows, _, ask = regression(random)
        return build(path, **draw(random)).fit(rows), ask, ["predict", "transform", "predict_proba"]

    CASES[name] = make


clusters("KMeans", "sklearn.cluster.KMeans", lambda r: pick(r, n_clusters=[2, 4], n_init=[2]))
clusters("MiniBatchKMeans", "sklearn.cluster.MiniBatchKMeans", lambda r: pick(r, n_clusters=[3], n_init=[2]))
clusters("GaussianMixture", "sklearn.mixture.GaussianMixture", lambda r: pick(r, n_components=[2, 3], covariance_type=["full", "diag", "tied", "spherical"]))

# Transformers.
transformer("StandardScaler", "sklearn.preprocessing.StandardScaler", lambda r: {"with_mean": bool(r.rand() < 0.7), "with_std": bool(r.rand() < 0.7)})
transformer("MinMaxScaler", "sklearn.preprocessing.MinMaxScaler", lambda r: {"feature_range": (-1, 2), "clip": bool(r.rand() < 0.5)})
transformer("MaxAbsScaler", "sklearn.preprocessing.MaxAbsScaler", lambda r: {})
transformer("RobustScaler", "sklearn.preprocessing.RobustScaler", lambda r: {"with_centering": bool(r.rand() < 0.7)})
transformer("Normalizer", "sklearn.preprocessing.Normalizer", lambda r: {"norm": str(r.choice(["l1", "l2", "max"]))})
transformer("Binarizer", "sklearn.preprocessing.Binarizer", lambda r: {"threshold": 0.3})
transformer("PolynomialFeatures", "sklearn.preprocessing.PolynomialFeatures", lambda r: {"degree": int(r.choice([2, 3])), "interaction_only": bool(r.rand() < 0.5), "include_bias": bool(r.rand() < 0.5)})
transformer("PowerTransformer", "sklearn.preprocessing.PowerTransformer", lambda r: {"standardize": bool(r.rand() < 0.5)})
transformer("BoxCox", "sklearn.preprocessing.PowerTransformer", lambda r: {"method": "box-cox"}, True)
transformer("QuantileTransformer", "sklearn.preprocessing.QuantileTransformer", lambda r: {"n_quantiles": 20})
transformer("KBinsDiscretizer", "sklearn.preprocessing.KBinsDiscretizer", lambda r: {"n_bins": 4, "encode": str(r.choice(["ordinal", "onehot-dense", "onehot"])), "strategy": str(r.choice(["uniform", "quantile"]))})
transformer("PCA", "sklearn.decomposition.PCA", lambda r: {"n_components": 3, "whiten": bool(r.rand() < 0.5), "random_state": 0})
transformer("IncrementalPCA", "sklearn.decomposition.IncrementalPCA", lambda r: {"n_components": 2, "whiten": bool(r.rand() < 0.5)})
transformer("TruncatedSVD", "sklearn.decomposition.TruncatedSVD", lambda r: {"n_components": 2, "random_state": 0})
transformer("FastICA", "sklearn.decomposition.FastICA", lambda r: {"n_components": 2, "random_state": 0, "whiten": "unit-variance"})
transformer("FactorAnalysis", "sklearn.decomposition.FactorAnalysis", lambda r: {"n_components": 2, "random_state": 0})
transformer("SelectKBest", "sklearn.feature_selection.SelectKBest", lambda r: {"k": 2})
transformer("SelectPercentile", "sklearn.feature_selection.SelectPercentile", lambda r: pick(r, percentile=[25, 40, 60, 100]))
transformer("SelectFdr", "sklearn.feature_selection.SelectFdr", lambda r: pick(r, alpha=[0.05, 0.5, 0.9]))
transformer("SelectFwe", "sklearn.feature_selection.SelectFwe", lambda r: pick(r, alpha=[0.2, 0.9]))
transformer("GaussianRandomProjection", "sklearn.random_projection.GaussianRandomProjection", lambda r: {"n_components": 2, "random_state": r.randint(99)})
transformer("SparseRandomProjection", "sklearn.random_projection.SparseRandomProjection", lambda r: {"n_components": 3, "random_state": r.randint(99), "dense_output": True})
transformer("VarianceThreshold", "sklearn.feature_selection.VarianceThreshold", lambda r: {"threshold": 1.0})


@case
def SequentialFeatureSelector(random):
    rows, target, ask = classification(random)
    inner = build("sklearn.tree.DecisionTreeClassifier", max_depth=2, random_state=0)
    return build("sklearn.feature_selection.SequentialFeatureSelector", estimator=inner, n_features_to_select=2, cv=2).fit(rows, target), ask, TRANSFORMER


transformer("RBFSampler", "sklearn.kernel_approximation.RBFSampler", lambda r: {"n_components": r.randint(2, 9), "gamma": 0.001, "random_state": r.randint(99)})
transformer("Nystroem", "sklearn.kernel_approximation.Nystroem", lambda r: pick(r, kernel=["rbf", "linear", "poly"], n_components=[3, 6], gamma=[None, 0.01], random_state=[0, 1]))


def latent(name):
    def make(random):
        alone = name == "PLSRegression" and random.rand() < 0.5
        rows, target, ask = regression(random, 1 if alone else 2)
        drawn = pick(random, scale=[True, False], n_components=[1, 2])
        return build("sklearn.cross_decomposition." + name, **drawn).fit(rows, target), ask, ["predict", "transform"]

    CASES[name] = make


for name in ["PLSRegression", "PLSCanonical", "CCA"]:
    latent(name)


@case
def KernelRidge(random):
    rows, target, ask = regression(random, 2 if random.rand() < 0.3 else 1)
    scale = np.abs(rows).max(axis=0)
    drawn = pick(random, kernel=["linear", "rbf", "poly", "polynomial", "sigmoid"], gamma=[None, 0.3], degree=[2, 3], coef0=[0.5, 1], alpha=[0.5, 1.0])
    return build("sklearn.kernel_ridge.KernelRidge", **drawn).fit(rows / scale, target), ask[:20] / scale, REGRESSOR


@case
def EllipticEnvelope(random):
    rows, _, ask = regression(random)
    return build("sklearn.covariance.EllipticEnvelope", random_state=0, contamination=random_choice(random, [0.1, 0.2])).fit(rows), ask, CLASSIFIER


@case
def SGDOneClassSVM(random):
    rows, _, ask = regression(random)
    return build("sklearn.linear_model.SGDOneClassSVM", random_state=0, nu=0.2).fit(rows / 10), ask / 10, CLASSIFIER


@case
def SelfTrainingClassifier(random):
    rows, _, ask = classification(random)
    target = (rows[:, 0] > np.median(rows[:, 0])).astype(int)
    target[::5] = -1
    inner = build("sklearn.linear_model.LogisticRegression", max_iter=300)
    model = load("sklearn.semi_supervised.SelfTrainingClassifier")
    return model(inner).fit(rows, target), ask, CLASSIFIER


@case
def FrozenEstimator(random):
    rows, target, ask = classification(random)
    inner = build("sklearn.linear_model.LogisticRegression", max_iter=300).fit(rows, target)
    return build("sklearn.frozen.FrozenEstimator", estimator=inner), ask, CLASSIFIER


@case
def ClassifierChain(random):
    rows, _, ask = classification(random)
    target = np.column_stack([rows[:, 0] > 0, rows[:, 1] > 0, rows[:, 0] > rows[:, 2]]).astype(int)
    inner = random_choice(random, [build("sklearn.linear_model.LogisticRegression", max_iter=300), build("sklearn.tree.DecisionTreeClassifier", max_depth=3, random_state=0)])
    model = load("sklearn.multioutput.ClassifierChain")
    return model(inner, order=random_choice(random, [None, [2, 0, 1]])).fit(rows, target), ask, ["predict", "predict_proba"]


@case
def RegressorChain(random):
    rows, target, ask = regression(random, 2)
    model = load("sklearn.multioutput.RegressorChain")
    return model(build("sklearn.linear_model.Ridge"), order=random_choice(random, [None, [1, 0]])).fit(rows, target), ask, REGRESSOR


@case
def SelectFromModel(random):
    rows, target, ask = classification(random)
    inner = build("sklearn.tree.DecisionTreeClassifier", random_state=0)
    return build("sklearn.feature_selection.SelectFromModel", estimator=inner).fit(rows, target), ask, TRANSFORMER


@case
def RFE(random):
    rows, target, ask = classification(random)
    inner = build("sklearn.linear_model.LogisticRegression", max_iter=300)
    return build("sklearn.feature_selection.RFE", estimator=inner, n_features_to_select=2).fit(rows, target), ask, CLASSIFIER + TRANSFORMER


def imputers():
    def make(random):
        rows, _, ask = regression(random)
        rows[random.rand(*rows.shape) < 0.2] = np.nan
        ask[random.rand(*ask.shape) < 0.3] = np.nan
        drawn = pick(random, strategy=["mean", "median", "most_frequent", "constant"], add_indicator=[False, True])
        return build("sklearn.impute.SimpleImputer", **drawn).fit(rows), ask, TRANSFORMER

    CASES["SimpleImputer"] = make


imputers()


@case
def MissingIndicator(random):
    rows, _, ask = regression(random)
    rows[random.rand(*rows.shape) < 0.2] = np.nan
    ask[random.rand(*ask.shape) < 0.3] = np.nan
    return build("sklearn.impute.MissingIndicator", error_on_new=False).fit(rows), ask, TRANSFORMER


def words(random, rows=40, columns=2):
    return np.array([["red", "green", "blue", "grün"][random.randint(4)] for _ in range(rows * columns)], dtype=object).reshape(rows, columns)


@case
def OneHotEncoder(random):
    text = random.rand() < 0.5
    rows = words(random) if text else random.randint(-1, 4, (40, 3)).astype(float)
    drawn = {"handle_unknown": random_choice(random, ["ignore", "error"]), "categories": "auto"}
    known = inspect.signature(load("sklearn.preprocessing.OneHotEncoder").__init__).parameters
    if "drop" in known and drawn["handle_unknown"] == "error":
        drawn["drop"] = random_choice(random, [None, "first", "if_binary"])
    if "min_frequency" in known and random.rand() < 0.4:
        drawn.pop("drop", None)
        drawn["min_frequency"] = 9
    ask = rows[:15].copy()
    if drawn["handle_unknown"] == "ignore":
        ask[3, 0] = "violet" if text else 77
    return build("sklearn.preprocessing.OneHotEncoder", **drawn).fit(rows), ask, TRANSFORMER


@case
def EncodersMissing(random):
    """Missing values where there were none, and a column that nobody uses."""
    import pandas as pd

    count = 40
    frame = pd.DataFrame({
        "id": np.arange(count), "city": random.choice(["a", "b", "c"], count), "n": random.randint(0, 4, count).astype(float),
        "kind": random.choice(["x", "y"], count), "m": random.randint(0, 3, count).astype(float),
    })
    ask = frame[:8].astype(object)
    ask.loc[1, "city"], ask.loc[2, "n"], ask.loc[3, "kind"], ask.loc[4, "m"] = None, np.nan, None, np.nan
    ask["n"], ask["m"] = ask["n"].astype(float), ask["m"].astype(float)
    model = load("sklearn.compose.ColumnTransformer")([
        ("hot", build("sklearn.preprocessing.OneHotEncoder", handle_unknown="ignore"), ["city", "n"]),
        ("codes", build("sklearn.preprocessing.OrdinalEncoder", handle_unknown="use_encoded_value", unknown_value=-1), ["kind", "m"]),
    ])
    return model.fit(frame), ask, TRANSFORMER


@case
def LabelEncoder(random):
    kind = random.randint(3)
    rows = words(random)[:, 0] if kind == 0 else random.randint(-5, 9, 40)
    rows = rows.astype(float) / 2 if kind == 1 else rows
    return build("sklearn.preprocessing.LabelEncoder").fit(rows), rows[:15].copy(), TRANSFORMER


@case
def OrdinalEncoder(random):
    text = random.rand() < 0.5
    rows = words(random) if text else random.randint(-1, 4, (40, 3)).astype(float)
    ask = rows[:15].copy()
    known = inspect.signature(load("sklearn.preprocessing.OrdinalEncoder").__init__).parameters
    drawn = {}
    if "unknown_value" in known and random.rand() < 0.5:
        drawn = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
        ask[3, 0] = "violet" if text else 77
    return build("sklearn.preprocessing.OrdinalEncoder", **drawn).fit(rows), ask, TRANSFORMER


@case
def TargetEncoder(random):
    rows = words(random)
    target = random.randint(0, 2, len(rows))
    ask = rows[:15].copy()
    ask[3, 0] = "violet"
    return build("sklearn.preprocessing.TargetEncoder", random_state=0).fit(rows, target), ask, TRANSFORMER


@case
def FunctionTransformer(random):
    rows, _, ask = regression(random)
    function = random_choice(random, [np.log1p, np.sqrt, np.exp, np.abs, None])
    return build("sklearn.preprocessing.FunctionTransformer", func=function, validate=True).fit(np.abs(rows)), np.abs(ask[:20]) * 0.1, TRANSFORMER


@case
def FunctionTransformerNearZero(random):
    rows, _, ask = regression(random)
    function = random_choice(random, [np.log1p, np.expm1, np.sin, np.cos, np.tanh])
    ask = np.clip(ask, -0.9, 9) * 10.0 ** -random.randint(0, 20, ask.shape)
    return build("sklearn.preprocessing.FunctionTransformer", func=function, validate=True).fit(rows), ask, TRANSFORMER


# Compositions.
@case
def Pipeline(random):
    rows, target, ask = classification(random)
    make_pipeline = load("sklearn.pipeline.make_pipeline")
    last = random_choice(random, [build("sklearn.linear_model.LogisticRegression", max_iter=300), build("sklearn.svm.SVC", gamma=0.1), build("sklearn.ensemble.RandomForestClassifier", n_estimators=4, random_state=0)])
    steps = random_choice(random, [["StandardScaler"], ["MinMaxScaler", "PolynomialFeatures"], ["RobustScaler"]])
    return make_pipeline(*[build("sklearn.preprocessing." + step) for step in steps], last).fit(rows, target), ask[:20], CLASSIFIER


@case
def PipelinePassthrough(random):
    rows, target, ask = classification(random)
    pipeline = load("sklearn.pipeline.Pipeline")
    steps = [("a", build("sklearn.preprocessing.StandardScaler")), ("b", "passthrough"), ("c", build("sklearn.decomposition.PCA", n_components=2)), ("d", build("sklearn.linear_model.LogisticRegression", max_iter=300))]
    return pipeline(steps).fit(rows, target), ask[:20], CLASSIFIER


@case
def FeatureUnion(random):
    rows, target, ask = classification(random)
    union = load("sklearn.pipeline.make_union")(build("sklearn.preprocessing.StandardScaler"), build("sklearn.decomposition.PCA", n_components=2))
    return load("sklearn.pipeline.make_pipeline")(union, build("sklearn.linear_model.LogisticRegression", max_iter=300)).fit(rows, target), ask[:20], CLASSIFIER


def frame(random, rows=60):
    try:
        import pandas
    except ImportError:
        raise NotHere("pandas")
    values = numbers(random, rows, 2)
    return pandas.DataFrame({"age": values[:, 0], "city": [["rome", "oslo", "bern"][at] for at in random.randint(0, 3, rows)], "income": values[:, 1], "flag": random.randint(0, 2, rows)})


def mixed(name, model, methods):
    def make(random):
        rows = frame(random)
        target = (rows["age"] * 2 + (rows["city"] == "rome") * 5 + random.randn(len(rows))).to_numpy()
        if methods is CLASSIFIER:
            target = labels(random, target)
        transformer = load("sklearn.compose.ColumnTransformer")
        columns = random_choice(random, [["age", "income"], ["income", "age"]])
        parts = [("num", random_choice(random, [build("sklearn.preprocessing.StandardScaler"), "passthrough"]), columns), ("cat", build("sklearn.preprocessing.OneHotEncoder", handle_unknown="ignore"), ["city"])]
        composed = transformer(parts, remainder=random_choice(random, ["drop", "passthrough"]))
        return load("sklearn.pipeline.make_pipeline")(composed, build(*model[:1], **model[1])).fit(rows, target), rows[:15], methods

    CASES[name] = make


mixed("ColumnTransformerClassifier", ("sklearn.linear_model.LogisticRegression", {"max_iter": 300}), CLASSIFIER)
mixed("ColumnTransformerForest", ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 4, "random_state": 0}), CLASSIFIER)
mixed("ColumnTransformerRegressor", ("sklearn.linear_model.Ridge", {}), REGRESSOR)


@case
def ColumnTransformerIndices(random):
    rows, target, ask = classification(random)
    transformer = load("sklearn.compose.ColumnTransformer")
    columns = random_choice(random, [[0, 2], slice(0, 2), [True, False, True, False], [-1, 0]])
    composed = transformer([("a", build("sklearn.preprocessing.StandardScaler"), columns)], remainder="passthrough")
    return load("sklearn.pipeline.make_pipeline")(composed, build("sklearn.linear_model.LogisticRegression", max_iter=300)).fit(rows, target), ask[:20], CLASSIFIER


@case
def GridSearchCV(random):
    rows, target, ask = classification(random)
    search = build("sklearn.model_selection.GridSearchCV", estimator=build("sklearn.linear_model.LogisticRegression", max_iter=300), param_grid={"C": [0.1, 1.0]}, cv=3, iid=False)
    return search.fit(rows, target), ask, CLASSIFIER


@case
def TransformedTargetRegressor(random):
    rows, target, ask = regression(random)
    model = build("sklearn.compose.TransformedTargetRegressor", regressor=build("sklearn.linear_model.Ridge"), func=np.log1p, inverse_func=np.expm1)
    return model.fit(rows, np.abs(target)), ask[:20], REGRESSOR


@case
def CalibratedClassifierCV(random):
    rows, target, ask = classification(random)
    inner = random_choice(random, [build("sklearn.svm.LinearSVC", max_iter=3000), build("sklearn.naive_bayes.GaussianNB"), build("sklearn.ensemble.RandomForestClassifier", n_estimators=4, random_state=0)])
    return based("sklearn.calibration.CalibratedClassifierCV", inner, method=random_choice(random, ["sigmoid", "isotonic"]), cv=3).fit(rows, target), ask, CLASSIFIER


@case
def VotingClassifier(random):
    rows, target, ask = classification(random)
    models = [("a", build("sklearn.linear_model.LogisticRegression", max_iter=300)), ("b", build("sklearn.tree.DecisionTreeClassifier", max_depth=3)), ("c", build("sklearn.naive_bayes.GaussianNB"))]
    return build("sklearn.ensemble.VotingClassifier", estimators=models, voting=random_choice(random, ["hard", "soft"]), weights=random_choice(random, [None, [1, 2, 1.5]])).fit(rows, target), ask, CLASSIFIER


@case
def VotingRegressor(random):
    rows, target, ask = regression(random)
    models = [("a", build("sklearn.linear_model.Ridge")), ("b", build("sklearn.tree.DecisionTreeRegressor", max_depth=3))]
    return build("sklearn.ensemble.VotingRegressor", estimators=models, weights=random_choice(random, [None, [1, 2]])).fit(rows, target), ask, REGRESSOR


@case
def StackingClassifier(random):
    rows, target, ask = classification(random)
    models = [("a", build("sklearn.linear_model.LogisticRegression", max_iter=300)), ("b", build("sklearn.tree.DecisionTreeClassifier", max_depth=3))]
    return build("sklearn.ensemble.StackingClassifier", estimators=models, final_estimator=build("sklearn.linear_model.LogisticRegression", max_iter=300), passthrough=bool(random.rand() < 0.5), cv=3).fit(rows, target), ask, CLASSIFIER


@case
def StackingRegressor(random):
    rows, target, ask = regression(random)
    models = [("a", build("sklearn.linear_model.Ridge")), ("b", build("sklearn.tree.DecisionTreeRegressor", max_depth=3))]
    return build("sklearn.ensemble.StackingRegressor", estimators=models, final_estimator=build("sklearn.linear_model.Ridge"), cv=3).fit(rows, target), ask, REGRESSOR


@case
def OneVsRestClassifier(random):
    rows, target, ask = classification(random)
    return build("sklearn.multiclass.OneVsRestClassifier", estimator=build("sklearn.linear_model.LogisticRegression", max_iter=300)).fit(rows, target), ask, CLASSIFIER


def probable_svc(random):
    return build("sklearn.svm.SVC", probability=True, gamma="scale", C=random_choice(random, [0.5, 2]), random_state=0)


@case
def OneVsRestSvc(random):
    rows, target, ask = classification(random)
    return build("sklearn.multiclass.OneVsRestClassifier", estimator=probable_svc(random)).fit(rows, target), ask, CLASSIFIER


@case
def VotingSvc(random):
    rows, target, ask = classification(random)
    models = [("a", probable_svc(random)), ("b", build("sklearn.naive_bayes.GaussianNB"))]
    return build("sklearn.ensemble.VotingClassifier", estimators=models, voting="soft").fit(rows, target), ask, CLASSIFIER


@case
def StackingSvc(random):
    rows, target, ask = classification(random)
    models = [("a", probable_svc(random)), ("b", build("sklearn.naive_bayes.GaussianNB"))]
    return build("sklearn.ensemble.StackingClassifier", estimators=models, cv=3).fit(rows, target), ask, CLASSIFIER


@case
def OneVsOneClassifier(random):
    rows, target, ask = classification(random, 3)
    return build("sklearn.multiclass.OneVsOneClassifier", estimator=build("sklearn.svm.LinearSVC", max_iter=3000)).fit(rows, target), ask, CLASSIFIER


@case
def MultiOutputRegressor(random):
    rows, target, ask = regression(random, 2)
    return build("sklearn.multioutput.MultiOutputRegressor", estimator=build("sklearn.linear_model.Ridge")).fit(rows, target), ask, REGRESSOR


@case
def MultiOutputClassifier(random):
    rows, _, ask = classification(random)
    target = np.column_stack([rows[:, 0] > 0, rows[:, 1] > 0]).astype(int)
    return build("sklearn.multioutput.MultiOutputClassifier", estimator=build("sklearn.tree.DecisionTreeClassifier", max_depth=3)).fit(rows, target), ask, ["predict"]


@case
def DummyClassifier(random):
    rows, target, ask = classification(random)
    return build("sklearn.dummy.DummyClassifier", strategy=random_choice(random, ["most_frequent", "prior"])).fit(rows, target), ask, CLASSIFIER


@case
def DummyRegressor(random):
    rows, target, ask = regression(random)
    return build("sklearn.dummy.DummyRegressor", strategy=random_choice(random, ["mean", "median"])).fit(rows, target), ask, REGRESSOR


TEXTS = ["The good film, the best!", "a bad film; worst", "l'été fut très beau", "good bad good", "x yy zzz 123 4", "ÉTÉ GOOD", "not so good_film", "bad bad 12"] * 4


def texts(name, vectorizer, drawn):
    def make(random):
        target = [1, 0, 1, 1, 0, 1, 0, 0] * 4
        chosen = {key: random_choice(random, options) for key, options in drawn.items()}
        pipeline = load("sklearn.pipeline.make_pipeline")(build("sklearn.feature_extraction.text." + vectorizer, **chosen), random_choice(random, [build("sklearn.linear_model.LogisticRegression"), build("sklearn.naive_bayes.MultinomialNB")]))
        return pipeline.fit(TEXTS, target), np.array(TEXTS[:8] + ["something new", "", "GOOD"], dtype=object), CLASSIFIER

    CASES[name] = make


texts("CountVectorizer", "CountVectorizer", {"ngram_range": [(1, 1), (1, 2)], "lowercase": [True, False], "binary": [False, True], "analyzer": ["word", "char", "char_wb"], "strip_accents": [None, "unicode"]})
texts("TfidfVectorizer", "TfidfVectorizer", {"ngram_range": [(1, 1), (1, 2)], "norm": ["l2", "l1", None], "sublinear_tf": [False, True], "use_idf": [True, False], "stop_words": [None, "english"]})


@case
def AccentsVectorizer(random):
    texts = ["İstanbul", "がん を", "é café", "हिन्दी", "שָׁלוֹם", "cafe\u0301", "कुल café", "Ⅷ ﬁne", "plain"]
    chosen = [texts[at] for at in random.permutation(len(texts))[:6]]
    model = build("sklearn.feature_extraction.text.CountVectorizer", strip_accents="unicode", analyzer=random_choice(random, ["word", "char"]))
    return model.fit(chosen), np.array(texts, dtype=object), TRANSFORMER


@case
def RidgeMultilabel(random):
    rows, _, ask = classification(random)
    target = np.column_stack([rows[:, 0] > 0, rows[:, 1] > 0, rows[:, 0] > rows[:, 2]]).astype(int)
    return build("sklearn.linear_model.RidgeClassifier").fit(rows, target), ask, ["predict", "decision_function"]


@case
def BaggingPipeline(random):
    rows, target, ask = classification(random)
    inner = load("sklearn.pipeline.make_pipeline")(build("sklearn.preprocessing.StandardScaler"), build("sklearn.linear_model.LogisticRegression", max_iter=300))
    return based("sklearn.ensemble.BaggingClassifier", inner, n_estimators=3, random_state=3).fit(rows, target), ask, CLASSIFIER


@case
def ClassifierChainPipeline(random):
    rows, _, ask = classification(random)
    target = np.column_stack([rows[:, 0] > 0, rows[:, 1] > 0]).astype(int)
    inner = load("sklearn.pipeline.make_pipeline")(build("sklearn.preprocessing.StandardScaler"), build("sklearn.linear_model.LogisticRegression", max_iter=300))
    return load("sklearn.multioutput.ClassifierChain")(inner).fit(rows, target), ask, ["predict", "predict_proba"]


def boosted(name, library, factory, task, draw):
    def make(random):
        rows, target, ask = classification(random) if task == "c" else regression(random)
        if task == "c" and target.dtype.kind != "i":
            target = np.unique(target, return_inverse=True)[1]
        elif task == "c":
            target = target - target.min() if library == "xgboost" else target
            target = np.unique(target, return_inverse=True)[1]
        rows[random.rand(*rows.shape) < 0.1] = np.nan
        ask[random.rand(*ask.shape) < 0.1] = np.nan
        return build(factory, **draw(random)).fit(rows, target), ask, ["predict", "predict_proba"]

    CASES[name] = make


trees = lambda r: pick(r, n_estimators=[2, 8], max_depth=[2, 4], learning_rate=[0.1, 0.5], min_child_samples=[3], verbose=[-1], verbosity=[0], n_jobs=[1])
boosted("XGBClassifier", "xgboost", "xgboost.XGBClassifier", "c", trees)
boosted("XGBRegressor", "xgboost", "xgboost.XGBRegressor", "r", trees)
boosted("LGBMClassifier", "lightgbm", "lightgbm.LGBMClassifier", "c", trees)
boosted("LGBMRegressor", "lightgbm", "lightgbm.LGBMRegressor", "r", trees)


@case
def XGBForest(random):
    rows, target, ask = regression(random)
    if random.rand() < 0.5:
        return build("xgboost.XGBRFRegressor", n_estimators=5, max_depth=3).fit(rows, target), ask, ["predict"]
    model = build("xgboost.XGBRegressor", n_estimators=4, num_parallel_tree=3, subsample=0.7, max_depth=3)
    return model.fit(rows, target), ask, ["predict"]


@case
def XGBMissing(random):
    rows, target, ask = regression(random)
    missing = random_choice(random, [0, -999])
    rows[random.rand(*rows.shape) < 0.2] = missing
    ask[random.rand(*ask.shape) < 0.3] = missing
    return build("xgboost.XGBRegressor", n_estimators=5, max_depth=3, missing=missing).fit(rows, target), ask, ["predict"]


def boosted_inside(name, factory, task):
    def make(random):
        rows, target, ask = classification(random) if task == "c" else regression(random)
        if task == "c":
            target = np.unique(target, return_inverse=True)[1]
        model = build(factory, **trees(random))
        pipeline = load("sklearn.pipeline.make_pipeline")
        return pipeline(build("sklearn.preprocessing.StandardScaler"), model).fit(rows, target), ask, CLASSIFIER

    CASES[name] = make


boosted_inside("XGBClassifierPipeline", "xgboost.XGBClassifier", "c")
boosted_inside("XGBRegressorPipeline", "xgboost.XGBRegressor", "r")
boosted_inside("LGBMClassifierPipeline", "lightgbm.LGBMClassifier", "c")
boosted_inside("LGBMRegressorPipeline", "lightgbm.LGBMRegressor", "r")
