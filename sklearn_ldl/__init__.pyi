"""Public names, for type checkers; ``python doc/public_names.py`` writes them."""

# ruff: noqa: I001 (in the order of the table)

from sklearn_ldl import (
    compare as compare,
    datasets as datasets,
    decoding as decoding,
    deep as deep,
    deploy as deploy,
    distributors as distributors,
    graphs as graphs,
    inspection as inspection,
    metrics as metrics,
    plotting as plotting,
    testing as testing,
    uncertainty as uncertainty,
    wrappers as wrappers,
)
from sklearn_ldl._core.simplex import (
    check_distribution as check_distribution,
    project_simplex as project_simplex,
)
from sklearn_ldl.base import LabelDistributionMixin as LabelDistributionMixin
from sklearn_ldl.linear import (
    BFGSLDL as BFGSLDL,
    BFGSLDLCV as BFGSLDLCV,
    MultinomialInference as MultinomialInference,
    ProportionalOddsLDL as ProportionalOddsLDL,
    SmoothBFGSLDL as SmoothBFGSLDL,
)
from sklearn_ldl.linear.published import (
    EDLLRL as EDLLRL,
    IISLDL as IISLDL,
    LDL4C as LDL4C,
    LDLHR as LDLHR,
    LDLLCLR as LDLLCLR,
    LDLLDM as LDLLDM,
    LDLSCL as LDLSCL,
    LDLSF as LDLSF,
)
from sklearn_ldl.neighbors import KNeighborsLDL as KNeighborsLDL
from sklearn_ldl.problem_transformation import (
    as_weighted_rows as as_weighted_rows,
    PTBayesLDL as PTBayesLDL,
    PTSVMLDL as PTSVMLDL,
)
from sklearn_ldl.svm import LDSVR as LDSVR
from sklearn_ldl.ensemble import (
    DFLDL as DFLDL,
    GradientBoostingLDL as GradientBoostingLDL,
    StackingLDL as StackingLDL,
)
from sklearn_ldl.wrappers import (
    LDLClassifier as LDLClassifier,
    LDLRegressor as LDLRegressor,
    MultiLabelLDLClassifier as MultiLabelLDLClassifier,
    TemperatureCalibrator as TemperatureCalibrator,
)
from sklearn_ldl.enhancement import (
    FCMEnhancer as FCMEnhancer,
    GLLEEnhancer as GLLEEnhancer,
    KMEnhancer as KMEnhancer,
    LabelEnhancementClassifier as LabelEnhancementClassifier,
    LPEnhancer as LPEnhancer,
    MLEnhancer as MLEnhancer,
    to_logical_labels as to_logical_labels,
)
from sklearn_ldl.shift import LabelShiftCorrector as LabelShiftCorrector
from sklearn_ldl.uncertainty import ConformalLDL as ConformalLDL
from sklearn_ldl.distributors import (
    DecoupledLabelSplitter as DecoupledLabelSplitter,
    expected_vote_error as expected_vote_error,
    gaussian_label_distribution as gaussian_label_distribution,
    GaussianLabelDistributor as GaussianLabelDistributor,
    LabelSmoother as LabelSmoother,
    MultiLabelDistributor as MultiLabelDistributor,
    RaterModel as RaterModel,
    smooth_labels as smooth_labels,
    smooth_mask as smooth_mask,
    split_dominant as split_dominant,
    vote_dispersion as vote_dispersion,
    vote_table_to_distribution as vote_table_to_distribution,
    votes_to_distribution as votes_to_distribution,
)
from sklearn_ldl.graphs import AuxGraphNeighbors as AuxGraphNeighbors
from sklearn_ldl.auto import AutoLDL as AutoLDL
from sklearn_ldl.deep import (
    AuxGraphLDLClassifier as AuxGraphLDLClassifier,
    CPNN as CPNN,
    DeepLDLClassifier as DeepLDLClassifier,
    DeepLDLRegressor as DeepLDLRegressor,
    DeepRegressor as DeepRegressor,
    DILDLRegressor as DILDLRegressor,
    DistillationClassifier as DistillationClassifier,
    KernelDensityRegressor as KernelDensityRegressor,
    NoiseAdaptationClassifier as NoiseAdaptationClassifier,
    OfflineLDLClassifier as OfflineLDLClassifier,
    OFRRegressor as OFRRegressor,
    OGRClassifier as OGRClassifier,
    OnlineLDLClassifier as OnlineLDLClassifier,
    RDARegressor as RDARegressor,
)

__version__: str
