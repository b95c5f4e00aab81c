"""The public names as type checkers see them; at run time they are loaded on first use."""

# ruff: noqa: I001 (sorted by hand: one import per module)

from sklearn_ldl import (
    datasets as datasets,
    decoding as decoding,
    deep as deep,
    distributors as distributors,
    graphs as graphs,
    metrics as metrics,
    plotting as plotting,
    testing as testing,
    wrappers as wrappers,
)
from sklearn_ldl._core.simplex import (
    check_distribution as check_distribution,
    project_simplex as project_simplex,
)
from sklearn_ldl.wrappers.targets import (
    LDLClassifier as LDLClassifier,
    LDLRegressor as LDLRegressor,
)
from sklearn_ldl.base import LabelDistributionMixin as LabelDistributionMixin
from sklearn_ldl.wrappers.calibration import (
    TemperatureCalibrator as TemperatureCalibrator,
)
from sklearn_ldl.deep import (
    AuxGraphLDLClassifier as AuxGraphLDLClassifier,
    CPNN as CPNN,
    DILDLRegressor as DILDLRegressor,
    DeepLDLClassifier as DeepLDLClassifier,
    DeepLDLRegressor as DeepLDLRegressor,
    DeepRegressor as DeepRegressor,
    DistillationClassifier as DistillationClassifier,
    KernelDensityRegressor as KernelDensityRegressor,
    OFRRegressor as OFRRegressor,
    OGRClassifier as OGRClassifier,
    OfflineLDLClassifier as OfflineLDLClassifier,
    OnlineLDLClassifier as OnlineLDLClassifier,
    RDARegressor as RDARegressor,
)
from sklearn_ldl.distributors import (
    DecoupledLabelSplitter as DecoupledLabelSplitter,
    GaussianLabelDistributor as GaussianLabelDistributor,
    LabelSmoother as LabelSmoother,
    MultiLabelDistributor as MultiLabelDistributor,
    gaussian_label_distribution as gaussian_label_distribution,
    smooth_labels as smooth_labels,
    smooth_mask as smooth_mask,
    split_dominant as split_dominant,
    vote_table_to_distribution as vote_table_to_distribution,
    votes_to_distribution as votes_to_distribution,
)
from sklearn_ldl.enhancement import (
    FCMEnhancer as FCMEnhancer,
    GLLEEnhancer as GLLEEnhancer,
    KMEnhancer as KMEnhancer,
    LPEnhancer as LPEnhancer,
    LabelEnhancementClassifier as LabelEnhancementClassifier,
    MLEnhancer as MLEnhancer,
    to_logical_labels as to_logical_labels,
)
from sklearn_ldl.ensemble import GradientBoostingLDL as GradientBoostingLDL
from sklearn_ldl.graphs import AuxGraphNeighbors as AuxGraphNeighbors
from sklearn_ldl.linear import BFGSLDL as BFGSLDL, BFGSLDLCV as BFGSLDLCV
from sklearn_ldl.published import (
    EDLLRL as EDLLRL,
    IISLDL as IISLDL,
    LDLLCLR as LDLLCLR,
    LDLLDM as LDLLDM,
    LDLSCL as LDLSCL,
    LDLSF as LDLSF,
)
from sklearn_ldl.neighbors import KNeighborsLDL as KNeighborsLDL
from sklearn_ldl.problem_transformation import (
    PTBayesLDL as PTBayesLDL,
    PTSVMLDL as PTSVMLDL,
    as_weighted_rows as as_weighted_rows,
)
from sklearn_ldl.shift import LabelShiftCorrector as LabelShiftCorrector
from sklearn_ldl.ensemble.stacking import StackingLDL as StackingLDL
from sklearn_ldl.svm import LDSVR as LDSVR

__version__: str
