"""Deep label distribution learning: networks behind scikit-learn estimators, on CPU or CUDA.

Every estimator here *holds* a skorch net, built in one place (`_net.py`), and otherwise is a plain
scikit-learn estimator. Modules return logits, losses take logits, and probabilities exist only in
what `predict` and `predict_proba` return.
"""

try:
    import skorch  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"sklearn_ldl.deep needs torch and skorch ({error}). Install them with: "
        'pip install "sklearn-ldl[deep]"'
    ) from error

from sklearn_ldl.deep._presets import PRESETS
from sklearn_ldl.deep.alsg import AuxGraphLDLClassifier
from sklearn_ldl.deep.augment import RICAP, CutMix, MixUp
from sklearn_ldl.deep.backbones import backbone
from sklearn_ldl.deep.classifier import DeepLDLClassifier
from sklearn_ldl.deep.cpnn import CPNN
from sklearn_ldl.deep.dildl import DILDLRegressor
from sklearn_ldl.deep.distillation import DistillationClassifier
from sklearn_ldl.deep.kdn import KernelDensityRegressor
from sklearn_ldl.deep.landmarks import from_heatmap_coordinates, to_heatmap_coordinates
from sklearn_ldl.deep.offline import OfflineLDLClassifier
from sklearn_ldl.deep.ofr import OFRRegressor
from sklearn_ldl.deep.ogr import OGRClassifier
from sklearn_ldl.deep.online import OnlineLDLClassifier
from sklearn_ldl.deep.rda import RDARegressor
from sklearn_ldl.deep.regressor import DeepLDLRegressor
from sklearn_ldl.deep.segmentation import pixel_loss
from sklearn_ldl.deep.values import DeepRegressor

__all__ = [
    "CPNN",
    "PRESETS",
    "RICAP",
    "AuxGraphLDLClassifier",
    "CutMix",
    "DILDLRegressor",
    "DeepLDLClassifier",
    "DeepLDLRegressor",
    "DeepRegressor",
    "DistillationClassifier",
    "KernelDensityRegressor",
    "MixUp",
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
