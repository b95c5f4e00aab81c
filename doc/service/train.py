"""Make what the service and the batch need, a model and a file of rows: ``python train.py``."""

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ldl import ConformalLDL, SmoothBFGSLDL, votes_to_distribution
from sklearn_ldl.datasets import make_reviews
from sklearn_ldl.deploy import save

PRAISE = "solid|handsome|well made|easy to clean|quiet"
BLAME = "wobbly|hard to assemble|noisy|flimsy|smells"


def main():
    """Fit a pipeline to the stars that buyers gave; names of columns and labels are kept in it."""
    table = make_reviews(2000, random_state=0).dropna().set_index("sku")
    text = table["description"].str
    X = table[["price", "weight"]].assign(praise=text.count(PRAISE), blame=text.count(BLAME))
    votes = table.filter(like="stars").rename(columns=lambda name: name.removeprefix("stars_"))
    D = votes_to_distribution(votes, prior="empirical")
    # Sets of stars that nine of ten buyers stay within.
    sets = ConformalLDL(SmoothBFGSLDL(), method="ordinal", alpha=0.1, cv=0.3)
    save(make_pipeline(StandardScaler(), sets).fit(X, D), "model.skops")
    X.to_parquet("rows.parquet", row_group_size=500)


if __name__ == "__main__":
    main()
