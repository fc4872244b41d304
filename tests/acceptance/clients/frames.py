"""What a notebook does with pandas and s3fs: prints one JSON object."""

import json
import sys
from typing import Any

import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]
import s3fs  # type: ignore[import-not-found, import-untyped, unused-ignore]

seen: dict[str, Any] = {}
bucket = sys.argv[1]
files = s3fs.S3FileSystem()
files.mkdir(bucket)

frame = pd.DataFrame({"row": range(1000), "label": [0, 1] * 500, "name": ["ä b+c"] * 1000})
frame.to_csv(f"s3://{bucket}/data/train.lst", sep="\t", header=False, index=False)
read = pd.read_csv(f"s3://{bucket}/data/train.lst", sep="\t", header=None, names=list(frame))
seen["csv"] = bool(read.equals(frame))
frame.to_parquet(f"s3://{bucket}/data/frame.parquet")
seen["parquet"] = bool(pd.read_parquet(f"s3://{bucket}/data/frame.parquet").equals(frame))
columns = pd.read_parquet(f"s3://{bucket}/data/frame.parquet", columns=["label"])
seen["column"] = int(columns["label"].sum())
frame.to_parquet(f"s3://{bucket}/parts", partition_cols=["label"])
seen["parts"] = len(pd.read_parquet(f"s3://{bucket}/parts"))

seen["ls"] = sorted(files.ls(f"{bucket}/data"))
seen["glob"] = files.glob(f"{bucket}/**/*.lst")
with files.open(f"{bucket}/big", "wb", block_size=5 * 2**20) as opened:
    for number in range(12):
        opened.write(bytes([number]) * 2**20)
with files.open(f"{bucket}/big", "rb") as opened:
    opened.seek(11 * 2**20)
    seen["seek"] = opened.read(3).hex()
seen["size"] = files.du(f"{bucket}/big")
files.copy(f"{bucket}/big", f"{bucket}/dir/copied")
files.mv(f"{bucket}/dir/copied", f"{bucket}/moved")
seen["exists"] = [files.exists(f"{bucket}/{key}") for key in ("moved", "dir/copied", "big")]
try:
    files.open(f"{bucket}/none", "rb")
except FileNotFoundError:
    seen["missing"] = "FileNotFoundError"
files.rm(bucket, recursive=True)
seen["gone"] = not files.exists(bucket)
print(json.dumps(seen))  # noqa: T201  # the test reads it
