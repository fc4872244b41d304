"""Scones Unlimited with SageMaker's Python SDK 3: the notebook's steps in its words.

Run in a folder of its own: ``python steps_v3.py ARCHIVE [EPOCHS]``. Nothing in here knows where it
runs. What a reader would look at goes to ``outcome.json``.
"""

# mypy: ignore-errors

import ast
import glob
import json
import os
import pickle
import sys
import tarfile
import time

import boto3
import jsonlines
import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sagemaker.core import image_uris
from sagemaker.core.analytics import TrainingJobAnalytics
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.model_monitor import DataCaptureConfig
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.s3 import S3Downloader, S3Uploader
from sagemaker.core.shapes import OutputDataConfig
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

outcome = {"seconds": {}}
started = time.time()


def cell(name):
    """Note how long the steps up to here took."""
    global started
    outcome["seconds"][name] = round(time.time() - started, 2)
    started = time.time()


# 1. The archive, and the pictures of bicycles and motorcycles in it
with tarfile.open(sys.argv[1], "r:gz") as tar:
    tar.extractall(filter="data")


def unpickle(path):
    with open(path, "rb") as file:
        return pickle.load(file, encoding="bytes")


names = [n.decode() for n in unpickle("./cifar-100-python/meta")[b"fine_label_names"]]
labels = {names.index("bicycle"): 0, names.index("motorcycle"): 1}


def save_images(split, most):
    dataset = unpickle(f"./cifar-100-python/{split}")
    frame = pd.DataFrame(
        {
            "row": range(len(dataset[b"filenames"])),
            "labels": dataset[b"fine_labels"],
            "filenames": [name.decode() for name in dataset[b"filenames"]],
        }
    )
    frame = frame[frame["labels"].isin(labels)].head(most)
    os.makedirs(split, exist_ok=True)
    for _, row in frame.iterrows():
        planes = dataset[b"data"][row["row"]].reshape(3, 32, 32)
        plt.imsave(f"{split}/{row['filenames']}", np.dstack(planes))
    frame["labels"] = frame["labels"].map(labels)
    frame.to_csv(f"{split}.lst", sep="\t", index=False, header=False)
    return frame


df_train, df_test = save_images("train", 1000), save_images("test", 200)
cell("pictures")

# 2.-4. Session, bucket, role; pictures and lists to S3
session = Session()
bucket, region = session.default_bucket(), session.boto_region_name
role = get_execution_role()
for split in ("train", "test"):
    S3Uploader.upload(split, f"s3://{bucket}/{split}", sagemaker_session=session)
    S3Uploader.upload(f"{split}.lst", f"s3://{bucket}/lists", sagemaker_session=session)
outcome |= {"bucket": bucket, "role": role}
cell("upload")

# 5.-8. Training
image = image_uris.retrieve("image-classification", region)
hyperparameters = {
    "image_shape": "3,32,32",
    "num_classes": 2,
    "num_training_samples": len(df_train),
}
if len(sys.argv) > 2:
    hyperparameters |= {"epochs": int(sys.argv[2]), "learning_rate": 0.01}


def channel(name, uri):
    return InputData(channel_name=name, data_source=uri, content_type="application/x-image")


trainer = ModelTrainer(
    training_image=image,
    role=role,
    sagemaker_session=session,
    base_job_name="scones",
    compute=Compute(instance_type="ml.p3.2xlarge", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/models/image_model"),
    hyperparameters=hyperparameters,
)
inputs = [
    channel("train", f"s3://{bucket}/train/"),
    channel("validation", f"s3://{bucket}/test/"),
    channel("train_lst", f"s3://{bucket}/lists/train.lst"),
    channel("validation_lst", f"s3://{bucket}/lists/test.lst"),
]
cell("trainer")
trainer.train(input_data_config=inputs, logs=True)
trained = time.time()
cell("train")
job = TrainingJob.get(trainer._latest_training_job.training_job_name)
outcome["job"] = job.training_job_name
outcome["status"] = job.training_job_status
outcome["train_adds_s"] = trained - job.training_end_time.timestamp()
outcome["model_data"] = job.model_artifacts.s3_model_artifacts
outcome["metrics"] = {m.metric_name: m.value for m in job.final_metric_data_list}
frame = TrainingJobAnalytics(job.training_job_name, ["validation:accuracy"]).dataframe()
outcome["validation"] = list(frame["value"])

# A job that nobody waits for is begun at once
before = time.time()
trainer.train(input_data_config=inputs, wait=False, logs=False)
outcome["unwaited_s"] = time.time() - before
unwaited = trainer._latest_training_job
unwaited.stop()
unwaited.wait()
outcome["stopped"] = unwaited.training_job_status
cell("train_without_waiting")

# 9. The endpoint, with data capture
builder = ModelBuilder(
    image_uri=image,
    s3_model_data_url=outcome["model_data"],
    role_arn=role,
    sagemaker_session=session,
    instance_type="ml.m5.xlarge",
)
builder.build(model_name="scones")
cell("build")
endpoint = builder.deploy(
    endpoint_name="scones",
    initial_instance_count=1,
    instance_type="ml.m5.xlarge",
    data_capture_config=DataCaptureConfig(
        enable_capture=True,
        sampling_percentage=100,
        destination_s3_uri=f"s3://{bucket}/data_capture",
        sagemaker_session=session,
    ),
)
deployed = time.time()
cell("deploy")
endpoint.refresh()
outcome["endpoint"] = [endpoint.endpoint_name, endpoint.endpoint_status]
outcome["deploy_adds_s"] = deployed - endpoint.last_modified_time.timestamp()

# 10. Predictions
correct = 0
for _, row in df_test.iterrows():
    with open(f"test/{row['filenames']}", "rb") as file:
        answer = endpoint.invoke(body=file.read(), content_type="image/png")
    text = answer.body.read().decode()
    correct += int(np.argmax(ast.literal_eval(text)) == row["labels"])
outcome["accuracy"] = correct / len(df_test)
cell("predict")

# 11.-13. Test cases, what was captured, and its plot
objects = boto3.resource("s3").Bucket(bucket).objects.filter(Prefix="test")
outcome["test_keys"] = len(list(objects))
data_path = f"s3://{bucket}/data_capture/scones/AllTraffic"
deadline, captured = time.time() + 60, []
while len(captured) < len(df_test) and time.time() < deadline:
    time.sleep(1)
    S3Downloader.download(data_path, "captured_data", sagemaker_session=session)
    captured = []
    for path in sorted(glob.glob("captured_data/**/*.jsonl", recursive=True)):
        with jsonlines.open(path) as reader:
            captured.extend(reader)
outcome["captured"] = len(captured)
confidences = [max(json.loads(c["captureData"]["endpointOutput"]["data"])) for c in captured]
times = [c["eventMetadata"]["inferenceTime"] for c in captured]
plt.scatter(times, confidences, c=["r" if k < 0.94 else "b" for k in confidences])
plt.axhline(y=0.94, color="g", linestyle="--")
plt.savefig("inferences.png")
cell("capture")

# What is there, and its end
outcome["jobs"] = [j.training_job_name for j in TrainingJob.get_all()]
outcome["models"] = [m.model_name for m in Model.get_all()]
outcome["container"] = Model.get("scones").primary_container.image
config = EndpointConfig.get(endpoint.endpoint_config_name)
outcome["capture"] = config.data_capture_config.destination_s3_uri
endpoint.delete()
endpoint.wait_for_delete()
config.delete()
Model.get("scones").delete()
outcome["endpoints_left"] = [e.endpoint_name for e in Endpoint.get_all()]
cell("cleanup")

with open("outcome.json", "w") as file:
    json.dump(outcome, file, indent=2)
