"""The how-to of the model registry does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.sagemaker_parts import ROLE, Workshop, arn, train

PAGE = Path(__file__).parents[2] / "docs/howto/register-a-model.md"


def test_the_boto3_part_registers_finds_and_deploys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its blocks, run one after the other as they stand, end with a model of version 1."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with Workshop(tmp_path).open() as asking:
        train(asking, "scones-1", HyperParameters={"epochs": "2"})
        for name, value in {
            "AWS_ENDPOINT_URL": asking.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        told = {"role": ROLE}
        exec("import boto3\n" + "\n".join(blocks[1:]), told)
        told["sagemaker"].close()  # type: ignore[attr-defined]  # what the page called it
        model = asking.describe_model(ModelName="scones")["PrimaryContainer"]
    assert model["ModelPackageName"] == arn("model-package/scones/1")
    assert model["ModelDataUrl"] == "s3://results/models/scones-1/output/model.tar.gz"
