"""Reads one column of an encrypted Parquet file in an object store.

    python read_column_s3.py s3://bucket/trips.parquet fare id.txt

Only the frames that hold the column are fetched. AWS_ENDPOINT_URL, AWS_PROFILE and the rest are
what s3fs and boto3 know; any other store that fsspec has works the same.
"""

import sys

import pandas as pd


def main(url: str, column: str, identity: str) -> None:
    options = {"sv2": {"identity_file": identity}}
    frame = pd.read_parquet(f"sv2::{url}", columns=[column], storage_options=options)
    print(f"{len(frame)} values of {column}, mean {frame[column].mean():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
