"""Deep label distribution learning: networks behind scikit-learn estimators, on CPU or CUDA.

Every estimator here *holds* a skorch net, built and trained in one place (`training/`), and
otherwise is a plain scikit-learn estimator. Modules return logits, losses take logits, and
probabilities exist only in what `predict` and `predict_proba` return.
"""

from sklearn_ldl._core.extras import MissingExtraError

try:
    import skorch  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise MissingExtraError(f"sklearn_ldl.deep ({error})", "torch and skorch", "deep") from error

from sklearn_ldl.deep.classifiers.aux_graph import AuxGraphLDLClassifier
from sklearn_ldl.deep.classifiers.base import DeepClassifier
from sklearn_ldl.deep.classifiers.deep_ldl import DeepLDLClassifier
from sklearn_ldl.deep.classifiers.distillation import DistillationClassifier
from sklearn_ldl.deep.classifiers.noise_adaptation import NoiseAdaptationClassifier
from sklearn_ldl.deep.classifiers.offline import OfflineLDLClassifier
from sklearn_ldl.deep.classifiers.online import OnlineLDLClassifier
from sklearn_ldl.deep.classifiers.overfitting_ratio import OGRClassifier
from sklearn_ldl.deep.distributions.base import DeepDistributionRegressor
from sklearn_ldl.deep.distributions.cpnn import CPNN
from sklearn_ldl.deep.distributions.deep_ldl import DeepLDLRegressor
from sklearn_ldl.deep.distributions.dildl import DILDLRegressor
from sklearn_ldl.deep.distributions.rda import RDARegressor
from sklearn_ldl.deep.distributions.reshaped import OFRRegressor
from sklearn_ldl.deep.losses.pixels import pixel_loss
from sklearn_ldl.deep.mixing.mixup import MixUp
from sklearn_ldl.deep.mixing.patches import RICAP, CutMix
from sklearn_ldl.deep.networks.backbones import backbone
from sklearn_ldl.deep.presets import PRESETS
from sklearn_ldl.deep.training.checkpoint_file import CheckpointError
from sklearn_ldl.deep.values.base import DeepValueRegressor
from sklearn_ldl.deep.values.deep_regressor import DeepRegressor
from sklearn_ldl.deep.values.kdn import KernelDensityRegressor
from sklearn_ldl.deep.values.landmarks import from_heatmap_coordinates, to_heatmap_coordinates

__all__ = [
    "CPNN",
    "PRESETS",
    "RICAP",
    "AuxGraphLDLClassifier",
    "CheckpointError",
    "CutMix",
    "DILDLRegressor",
    "DeepClassifier",
    "DeepDistributionRegressor",
    "DeepLDLClassifier",
    "DeepLDLRegressor",
    "DeepRegressor",
    "DeepValueRegressor",
    "DistillationClassifier",
    "KernelDensityRegressor",
    "MixUp",
    "NoiseAdaptationClassifier",
    "OFRRegressor",
    "OGRClassifier",
    "OfflineLDLClassifier",
    "OnlineLDLClassifier",
    "RDARegressor",
    "backbone",
    "from_heatmap_coordinates",
    "pixel_loss",
    "to_heatmap_coordinates",
]
