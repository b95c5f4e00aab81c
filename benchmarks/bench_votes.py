"""Compare distributions made of a few votes with those that the votes were drawn from."""

import numpy as np
import pandas as pd
from _common import ARTIFICIAL, load, run

from sklearn_ldl import expected_vote_error, vote_dispersion, votes_to_distribution
from sklearn_ldl.metrics import kl_divergence

FILES = [
    "SJAFFE", "M2B", "SCUT_FBP", "Natural_Scene", "emotion6", "Movie", "FG-Net",
    "Yeast_alpha", "Yeast_cold", "Yeast_heat", "Yeast_spo",
]  # fmt: skip
PRIORS = {"shares": 0.0, "one more each": 1.0, "empirical": "empirical"}


def total_variation(D, P):
    return np.abs(D - P).sum(axis=1).mean() / 2


def one_draw(D, n_votes, rng):
    """Errors of each prior after one draw of votes."""
    counts = rng.multinomial(n_votes, D)
    made = {name: votes_to_distribution(counts, prior=prior) for name, prior in PRIORS.items()}
    found = {f"TV, {name}": total_variation(D, P) for name, P in made.items()}
    for name in list(PRIORS)[1:]:  # shares of 0 have no finite divergence
        found[f"KL, {name}"] = kl_divergence(D, made[name])
    found["TV expected"] = expected_vote_error(counts, prior="empirical").total_variation.mean()
    return found | {"dispersion": vote_dispersion(counts).dispersion}


def main(report, options):
    n_draws, names = (1, [ARTIFICIAL]) if options.quick else (100, [ARTIFICIAL, *FILES])
    rng = np.random.default_rng(0)
    table = None
    for name in names:
        D = load(name)[1].astype(np.float64)
        D /= D.sum(axis=1, keepdims=True)
        for n_votes in (3,) if options.quick else (3, 10):
            means = pd.DataFrame([one_draw(D, n_votes, rng) for _ in range(n_draws)]).mean()
            table = table or report.table(data="", votes="d", **dict.fromkeys(means.index, ".4f"))
            table.row(data=name, votes=n_votes, **means)


if __name__ == "__main__":
    run(__doc__, main)
