"""SageMaker's whole door over real parts: jobs that are scripts, models that are text files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakehouse.hosting import Hosting
from bakehouse.registry import ModelPackages, Tags
from bakehouse.runtime import sagemaker_shape
from bakehouse.services import sagemaker
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.logs import LogStore
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Records
from bakehouse.transform import TransformJobs
from bakehouse.tuning import TuningJobs
from support.doors import client, served
from support.hosting_parts import IMAGE, load_teller, tar_gz
from support.training_parts import TRAIN, parts

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AmazonSageMaker-ExecutionRole-local"
MODEL_URL = "s3://data/model.tar.gz"


def arn(path: str) -> str:
    """The ARN of ``kind/name``."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{path}"


@dataclass
class Workshop:
    """What survives a restart of the door: its records."""

    folder: Path
    records: Records = field(default_factory=MemoryRecords)
    script: str = TRAIN
    """What every training job runs."""

    def __post_init__(self) -> None:
        self.objects = ObjectStore(self.records, MemoryBlobs())
        for bucket in ("data", "results"):
            self.objects.create_bucket(bucket)
        self.objects.put("data", "model.tar.gz", tar_gz({"answer.txt": b"[0.9, 0.1]"}))

    @contextmanager
    def open(self) -> Iterator[Any]:
        """A boto3 client before the door, for as long as the parts live."""
        house = parts(self.folder, self.script, records=self.records)
        hosting = Hosting(
            self.records,
            self.objects,
            MetricStore(self.records),
            LogStore(self.records),
            self.folder / "models",
            load_model=load_teller,
            account_id=ACCOUNT,
            region=REGION,
            capture_window_s=60,
            capture_idle_s=30,
            archive_bytes=1 << 20,
        )
        packages = ModelPackages(self.records, account_id=ACCOUNT, region=REGION)
        logs = LogStore(self.records)
        transform = TransformJobs(
            self.records,
            self.objects,
            logs,
            open_model=hosting.open_model,
            account_id=ACCOUNT,
            region=REGION,
        )
        tuning = TuningJobs(
            self.records,
            sagemaker.Trials(house.jobs, house.metrics),
            account_id=ACCOUNT,
            region=REGION,
        )
        door = sagemaker.service(
            house.jobs,
            hosting,
            packages,
            Tags(self.records),
            transform,
            tuning,
            shape_of=sagemaker_shape,
        )
        with served([door], [house.jobs, tuning, hosting, transform]) as url:
            asking = client("sagemaker", url)
            try:
                yield asking
            finally:
                asking.close()


def job_request(name: str, **changed: Any) -> dict[str, Any]:
    """CreateTrainingJob's parameters for a job that ends within a second."""
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "script:1"},
        "RoleArn": ROLE,
        "InputDataConfig": [channel],
        "OutputDataConfig": {"S3OutputPath": "s3://results/models"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changed,
    }


def train(asking: Any, name: str, **changed: Any) -> None:
    """Run a job to its end."""
    asking.create_training_job(**job_request(name, **changed))
    waiter = asking.get_waiter("training_job_completed_or_stopped")
    waiter.config.delay = 0.05
    waiter.wait(TrainingJobName=name)


def create_model(asking: Any, name: str, **more: Any) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": MODEL_URL}
    asking.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE, **more)


def create_config(asking: Any, name: str, model: str, **more: Any) -> None:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    asking.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)


def create_endpoint(asking: Any, name: str, config: str, **more: Any) -> None:
    """An endpoint in service."""
    asking.create_endpoint(EndpointName=name, EndpointConfigName=config, **more)
    waiter = asking.get_waiter("endpoint_in_service")
    waiter.config.delay = 0.05
    waiter.wait(EndpointName=name)
