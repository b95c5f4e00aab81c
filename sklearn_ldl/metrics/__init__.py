"""Metrics and scorers for label distributions."""

from sklearn_ldl.metrics.calibration import (
    brier_score_loss,
    expected_calibration_error,
    log_loss,
    uncertainty_calibration_error,
)
from sklearn_ldl.metrics.disagreement import entropy_calibration_error, rank_calibration_score
from sklearn_ldl.metrics.distances import (
    canberra_distance,
    chebyshev_distance,
    clark_distance,
    cosine_similarity,
    euclidean_distance,
    fidelity_similarity,
    intersection_similarity,
    sorensen_distance,
    squared_chi2_distance,
    zero_one_loss,
)
from sklearn_ldl.metrics.divergences import (
    d2_kl_score,
    jeffreys_divergence,
    jensen_shannon_divergence,
    kl_divergence,
)
from sklearn_ldl.metrics.head_tail import (
    head_euclidean_distance,
    head_labels,
    tail_euclidean_distance,
)
from sklearn_ldl.metrics.landmarks import (
    cumulative_error_auc_score,
    failure_rate_loss,
    normalized_mean_error,
)
from sklearn_ldl.metrics.multilabel import average_precision_score
from sklearn_ldl.metrics.ordinal import (
    cumulative_absolute_distance,
    quadratic_form_distance,
    ranked_probability_score_loss,
    wasserstein_distance,
)
from sklearn_ldl.metrics.scorers import get_ldl_scorer, get_ldl_scorer_names
from sklearn_ldl.metrics.segmentation import mean_iou_score
from sklearn_ldl.metrics.values import (
    accuracy_within_score,
    cumulative_score,
    cumulative_score_curve,
    epsilon_error,
    mean_euclidean_error,
)

__all__ = [
    "accuracy_within_score",
    "average_precision_score",
    "brier_score_loss",
    "canberra_distance",
    "chebyshev_distance",
    "clark_distance",
    "cosine_similarity",
    "cumulative_absolute_distance",
    "cumulative_error_auc_score",
    "cumulative_score",
    "cumulative_score_curve",
    "d2_kl_score",
    "entropy_calibration_error",
    "epsilon_error",
    "euclidean_distance",
    "expected_calibration_error",
    "failure_rate_loss",
    "fidelity_similarity",
    "get_ldl_scorer",
    "get_ldl_scorer_names",
    "head_euclidean_distance",
    "head_labels",
    "intersection_similarity",
    "jeffreys_divergence",
    "jensen_shannon_divergence",
    "kl_divergence",
    "log_loss",
    "mean_euclidean_error",
    "mean_iou_score",
    "normalized_mean_error",
    "quadratic_form_distance",
    "rank_calibration_score",
    "ranked_probability_score_loss",
    "sorensen_distance",
    "squared_chi2_distance",
    "tail_euclidean_distance",
    "uncertainty_calibration_error",
    "wasserstein_distance",
    "zero_one_loss",
]
