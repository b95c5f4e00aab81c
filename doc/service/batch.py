"""Score a Parquet file with Dask: ``python batch.py model.skops rows.parquet scored``.

Each row group is a partition, which is read, predicted and written by itself. However long the file
is, no more of them are in memory than there are threads.
"""

import sys

import dask
import dask.dataframe as dd
import pandas as pd

from sklearn_ldl.deploy import load

N_THREADS = 2


def predict(rows, pipeline):
    """Predict distributions of a partition: a column for each label, the index of the rows."""
    D = pipeline.predict(rows)
    return pd.DataFrame(D, index=rows.index, columns=pipeline[-1].label_names_.astype(str))


def score(pipeline, source, target):
    """Write predictions for the rows of a Parquet file to a folder, a file for each partition."""
    columns = list(pipeline.feature_names_in_)
    rows = dd.read_parquet(source, columns=columns, split_row_groups=True)
    rows.map_partitions(predict, pipeline).to_parquet(target)


if __name__ == "__main__":
    model, source, target = sys.argv[1:]
    with dask.config.set(scheduler="threads", num_workers=N_THREADS):
        score(load(model), source, target)
