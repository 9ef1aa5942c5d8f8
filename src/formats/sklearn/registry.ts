import { FormatError } from "../error.ts";
import type { Attributes } from "./attributes.ts";
import * as bagging from "./bagging.ts";
import * as bayes from "./bayes.ts";
import { lowerLightgbm, lowerXgboost } from "./boosters.ts";
import * as boosting from "./boosting.ts";
import * as calibration from "./calibration.ts";
import * as chains from "./chains.ts";
import * as compose from "./compose.ts";
import * as decomposition from "./decomposition.ts";
import * as dummy from "./dummy.ts";
import * as encoders from "./encoders.ts";
import * as ensembles from "./ensembles.ts";
import type { Lowering } from "./fitted.ts";
import * as imputers from "./imputers.ts";
import * as latent from "./latent.ts";
import * as linear from "./linear.ts";
import * as multiple from "./multiple.ts";
import * as neighbors from "./neighbors.ts";
import * as network from "./network.ts";
import * as scalers from "./scalers.ts";
import * as selection from "./selection.ts";
import * as svm from "./svm.ts";
import * as text from "./text.ts";
import * as trees from "./trees.ts";

/** By class: modules have moved from release to release, classes have kept their names. */
const lowerings: Readonly<Record<string, Lowering>> = {
  LinearRegression: linear.lowerLinearRegressor,
  Ridge: linear.lowerLinearRegressor,
  RidgeCV: linear.lowerLinearRegressor,
  Lasso: linear.lowerLinearRegressor,
  LassoCV: linear.lowerLinearRegressor,
  ElasticNet: linear.lowerLinearRegressor,
  ElasticNetCV: linear.lowerLinearRegressor,
  MultiTaskLasso: linear.lowerLinearRegressor,
  MultiTaskLassoCV: linear.lowerLinearRegressor,
  MultiTaskElasticNet: linear.lowerLinearRegressor,
  MultiTaskElasticNetCV: linear.lowerLinearRegressor,
  Lars: linear.lowerLinearRegressor,
  LarsCV: linear.lowerLinearRegressor,
  LassoLars: linear.lowerLinearRegressor,
  LassoLarsCV: linear.lowerLinearRegressor,
  LassoLarsIC: linear.lowerLinearRegressor,
  OrthogonalMatchingPursuit: linear.lowerLinearRegressor,
  OrthogonalMatchingPursuitCV: linear.lowerLinearRegressor,
  BayesianRidge: linear.lowerLinearRegressor,
  ARDRegression: linear.lowerLinearRegressor,
  HuberRegressor: linear.lowerLinearRegressor,
  TheilSenRegressor: linear.lowerLinearRegressor,
  QuantileRegressor: linear.lowerLinearRegressor,
  LinearSVR: linear.lowerLinearSingle,
  SGDRegressor: linear.lowerLinearSingle,
  PassiveAggressiveRegressor: linear.lowerLinearSingle,
  PoissonRegressor: linear.lowerGeneralized,
  GammaRegressor: linear.lowerGeneralized,
  TweedieRegressor: linear.lowerGeneralized,
  RANSACRegressor: compose.lowerInner("estimator_"),
  LogisticRegression: linear.lowerLogistic,
  LogisticRegressionCV: linear.lowerLogistic,
  SGDClassifier: linear.lowerSgdClassifier,
  Perceptron: linear.lowerLinearClassifier,
  PassiveAggressiveClassifier: linear.lowerLinearClassifier,
  RidgeClassifier: linear.lowerRidgeClassifier,
  RidgeClassifierCV: linear.lowerRidgeClassifier,
  LinearSVC: linear.lowerLinearClassifier,
  LinearDiscriminantAnalysis: linear.lowerDiscriminant,
  QuadraticDiscriminantAnalysis: bayes.lowerQuadratic,
  DecisionTreeClassifier: trees.lowerTreeClassifier,
  ExtraTreeClassifier: trees.lowerTreeClassifier,
  DecisionTreeRegressor: trees.lowerTreeRegressor,
  ExtraTreeRegressor: trees.lowerTreeRegressor,
  RandomForestClassifier: trees.lowerForestClassifier,
  ExtraTreesClassifier: trees.lowerForestClassifier,
  RandomForestRegressor: trees.lowerForestRegressor,
  ExtraTreesRegressor: trees.lowerForestRegressor,
  GradientBoostingClassifier: boosting.lowerGradientBoosting,
  GradientBoostingRegressor: boosting.lowerGradientBoosting,
  HistGradientBoostingClassifier: boosting.lowerHistogramBoosting,
  HistGradientBoostingRegressor: boosting.lowerHistogramBoosting,
  AdaBoostClassifier: bagging.lowerAdaBoostClassifier,
  AdaBoostRegressor: bagging.lowerAdaBoostRegressor,
  BaggingClassifier: bagging.lowerBaggingClassifier,
  BaggingRegressor: bagging.lowerBaggingRegressor,
  IsolationForest: bagging.lowerIsolationForest,
  VotingClassifier: ensembles.lowerVotingClassifier,
  VotingRegressor: ensembles.lowerVotingRegressor,
  StackingClassifier: ensembles.lowerStacking,
  StackingRegressor: ensembles.lowerStacking,
  CalibratedClassifierCV: calibration.lowerCalibrated,
  IsotonicRegression: calibration.lowerIsotonic,
  OneVsRestClassifier: multiple.lowerOneVsRest,
  OneVsOneClassifier: multiple.lowerOneVsOne,
  ClassifierChain: chains.lowerClassifierChain,
  RegressorChain: chains.lowerRegressorChain,
  MultiOutputRegressor: multiple.lowerMultiOutputRegressor,
  MultiOutputClassifier: multiple.lowerMultiOutputClassifier,
  SVC: svm.lowerSvc,
  NuSVC: svm.lowerSvc,
  SVR: svm.lowerSvr,
  NuSVR: svm.lowerSvr,
  KernelRidge: svm.lowerKernelRidge,
  SGDOneClassSVM: svm.lowerSgdOneClass,
  OneClassSVM: svm.lowerOneClassSvm,
  KNeighborsClassifier: neighbors.lowerNeighborsClassifier,
  KNeighborsRegressor: neighbors.lowerNeighborsRegressor,
  NearestCentroid: neighbors.lowerNearestCentroid,
  GaussianNB: bayes.lowerGaussianNb,
  MultinomialNB: bayes.lowerMultinomialNb,
  ComplementNB: bayes.lowerComplementNb,
  BernoulliNB: bayes.lowerBernoulliNb,
  CategoricalNB: bayes.lowerCategoricalNb,
  MLPClassifier: network.lowerMlpClassifier,
  MLPRegressor: network.lowerMlpRegressor,
  KMeans: decomposition.lowerKMeans,
  MiniBatchKMeans: decomposition.lowerKMeans,
  GaussianMixture: decomposition.lowerGaussianMixture,
  PCA: decomposition.lowerPca,
  IncrementalPCA: decomposition.lowerPca,
  TruncatedSVD: decomposition.lowerTruncatedSvd,
  EllipticEnvelope: decomposition.lowerEllipticEnvelope,
  GaussianRandomProjection: decomposition.lowerRandomProjection,
  SparseRandomProjection: decomposition.lowerRandomProjection,
  PLSRegression: latent.lowerPls,
  PLSCanonical: latent.lowerPls,
  CCA: latent.lowerPls,
  RBFSampler: svm.lowerRbfSampler,
  Nystroem: svm.lowerNystroem,
  FastICA: decomposition.lowerFastIca,
  StandardScaler: scalers.lowerStandardScaler,
  MinMaxScaler: scalers.lowerMinMaxScaler,
  MaxAbsScaler: scalers.lowerMaxAbsScaler,
  RobustScaler: scalers.lowerRobustScaler,
  Normalizer: scalers.lowerNormalizer,
  Binarizer: scalers.lowerBinarizer,
  PolynomialFeatures: scalers.lowerPolynomial,
  PowerTransformer: scalers.lowerPowerTransformer,
  KBinsDiscretizer: scalers.lowerBins,
  QuantileTransformer: scalers.lowerQuantiles,
  OneHotEncoder: encoders.lowerOneHot,
  LabelEncoder: encoders.lowerLabelEncoder,
  OrdinalEncoder: encoders.lowerOrdinal,
  TargetEncoder: encoders.lowerTargetEncoder,
  SimpleImputer: imputers.lowerSimpleImputer,
  MissingIndicator: imputers.lowerMissingIndicator,
  FunctionTransformer: compose.lowerFunctionTransformer,
  SelectKBest: selection.lowerSelectKBest,
  SelectFpr: selection.lowerSelectFpr,
  VarianceThreshold: selection.lowerVarianceThreshold,
  SelectFromModel: selection.lowerSelectFromModel,
  SelectFdr: selection.lowerSelectFdr,
  SelectFwe: selection.lowerSelectFwe,
  SelectPercentile: selection.lowerSelectPercentile,
  SequentialFeatureSelector: selection.lowerSequentialSelector,
  RFE: selection.lowerRfe,
  RFECV: selection.lowerRfe,
  Pipeline: compose.lowerPipeline,
  FeatureUnion: compose.lowerFeatureUnion,
  ColumnTransformer: compose.lowerColumnTransformer,
  FrozenEstimator: compose.lowerFrozen,
  SelfTrainingClassifier: compose.lowerSelfTraining,
  GridSearchCV: compose.lowerSearch,
  RandomizedSearchCV: compose.lowerSearch,
  HalvingGridSearchCV: compose.lowerSearch,
  HalvingRandomSearchCV: compose.lowerSearch,
  TransformedTargetRegressor: compose.lowerTransformedTarget,
  DummyClassifier: dummy.lowerDummyClassifier,
  DummyRegressor: dummy.lowerDummyRegressor,
  CountVectorizer: text.lowerCounts,
  TfidfVectorizer: text.lowerTfidf,
  TfidfTransformer: text.lowerTfidfTransformer,
};

/** How a class is lowered. Throws FormatError for one that is not supported. */
export function loweringOf({ name, module }: Attributes): Lowering {
  const lowering = Object.hasOwn(lowerings, name) ? lowerings[name] : undefined;
  if (lowering !== undefined && module.startsWith("sklearn")) return lowering;
  if (module.startsWith("xgboost.")) return lowerXgboost;
  if (module.startsWith("lightgbm.")) return lowerLightgbm;
  throw new FormatError(`${module}.${name} is not supported; export the model to ONNX`);
}
