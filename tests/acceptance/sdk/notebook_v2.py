"""Scones Unlimited with SageMaker's Python SDK 2, cell by cell, as a notebook on AWS has it.

Run in a folder of its own: ``python notebook_v2.py ARCHIVE [EPOCHS]``. Nothing in here knows where
it runs. What a reader would look at goes to ``outcome.json``.
"""

# mypy: ignore-errors

import ast
import glob
import json
import os
import pickle
import random
import subprocess
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
import sagemaker
from sagemaker import image_uris
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import IdentitySerializer
from sagemaker.session import get_execution_role

outcome = {"seconds": {}}
started = time.time()


def cell(name):
    """Note how long the cells up to here took."""
    global started
    outcome["seconds"][name] = round(time.time() - started, 2)
    started = time.time()


# 1. The archive, and the pictures of bicycles and motorcycles in it
with tarfile.open(sys.argv[1], "r:gz") as tar:
    tar.extractall(filter="data")


def unpickle(path):
    with open(path, "rb") as file:
        return pickle.load(file, encoding="bytes")


dataset_meta = unpickle("./cifar-100-python/meta")
names = [name.decode() for name in dataset_meta[b"fine_label_names"]]
labels = {names.index("bicycle"): 0, names.index("motorcycle"): 1}


def save_images(split, most):
    dataset = unpickle(f"./cifar-100-python/{split}")
    frame = pd.DataFrame(
        {
            "filenames": dataset[b"filenames"],
            "labels": dataset[b"fine_labels"],
            "row": range(len(dataset[b"filenames"])),
        }
    )
    frame = frame[frame["labels"].isin(labels)].head(most)
    frame["filenames"] = frame["filenames"].apply(lambda name: name.decode())
    os.makedirs(f"./{split}", exist_ok=True)
    for _, row in frame.iterrows():
        planes = dataset[b"data"][row["row"]].reshape(3, 32, 32)
        plt.imsave(f"./{split}/{row['filenames']}", np.dstack(planes))
    return frame


df_train, df_test = save_images("train", 1000), save_images("test", 200)
cell("pictures")

# 2. Session, bucket, region, role
session = sagemaker.Session()
bucket = session.default_bucket()
region = session.boto_region_name
role = get_execution_role()
outcome |= {"bucket": bucket, "region": region, "role": role, "account": session.account_id()}
cell("session")

# 3. Pictures to S3, with the aws CLI
os.environ["DEFAULT_S3_BUCKET"] = bucket
subprocess.run("aws s3 sync ./train s3://${DEFAULT_S3_BUCKET}/train/", shell=True, check=True)
subprocess.run("aws s3 sync ./test s3://${DEFAULT_S3_BUCKET}/test/", shell=True, check=True)
cell("sync")


# 4. The lists
def to_metadata_file(df, prefix):
    df = df.copy()
    df["s3_path"] = df["filenames"]
    df["labels"] = df["labels"].map(labels)
    df[["row", "labels", "s3_path"]].to_csv(f"{prefix}.lst", sep="\t", index=False, header=False)


to_metadata_file(df_train, "train")
to_metadata_file(df_test, "test")
for name in ("train", "test"):
    boto3.Session().resource("s3").Bucket(bucket).Object(f"{name}.lst").upload_file(f"./{name}.lst")
cell("lists")

# 5.-7. The estimator
algo_image = image_uris.retrieve("image-classification", region, version="latest")
s3_output_location = f"s3://{bucket}/models/image_model"
img_classifier_model = Estimator(
    image_uri=algo_image,
    role=role,
    instance_count=1,
    instance_type="ml.p3.2xlarge",
    output_path=s3_output_location,
    sagemaker_session=session,
)
img_classifier_model.set_hyperparameters(
    image_shape="3,32,32", num_classes=2, num_training_samples=len(df_train)
)
if len(sys.argv) > 2:
    img_classifier_model.set_hyperparameters(epochs=int(sys.argv[2]), learning_rate=0.01)

# 8. Training
model_inputs = {
    "train": TrainingInput(s3_data=f"s3://{bucket}/train/", content_type="application/x-image"),
    "validation": TrainingInput(s3_data=f"s3://{bucket}/test/", content_type="application/x-image"),
    "train_lst": TrainingInput(
        s3_data=f"s3://{bucket}/train.lst", content_type="application/x-image"
    ),
    "validation_lst": TrainingInput(
        s3_data=f"s3://{bucket}/test.lst", content_type="application/x-image"
    ),
}
cell("estimator")
img_classifier_model.fit(inputs=model_inputs)
fitted = time.time()
cell("fit")

job = img_classifier_model.latest_training_job.describe()
outcome["job"] = job["TrainingJobName"]
outcome["fit_adds_s"] = fitted - job["TrainingEndTime"].timestamp()
outcome["model_data"] = img_classifier_model.model_data
metrics = TrainingJobAnalytics(
    img_classifier_model.latest_training_job.name, ["train:accuracy", "validation:accuracy"]
).dataframe()
outcome["metrics"] = metrics.groupby("metric_name")["value"].agg(list).to_dict()
attached = Estimator.attach(img_classifier_model.latest_training_job.name)
outcome["attached"] = [attached.model_data, attached.hyperparameters()]
cell("attach")

# 9. The endpoint, with data capture
data_capture_config = DataCaptureConfig(
    enable_capture=True,
    sampling_percentage=100,
    destination_s3_uri=f"s3://{bucket}/data_capture",
    capture_options=["REQUEST", "RESPONSE"],
)
deployment = img_classifier_model.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.xlarge",
    data_capture_config=data_capture_config,
)
endpoint = deployment.endpoint_name
deployed = time.time()
cell("deploy")
described = boto3.client("sagemaker").describe_endpoint(EndpointName=endpoint)
outcome["deploy_adds_s"] = deployed - described["LastModifiedTime"].timestamp()
outcome["endpoint"] = [endpoint, described["EndpointStatus"]]

# 10. Predictions
predictor = Predictor(endpoint)
predictor.serializer = IdentitySerializer("image/png")
correct = 0
for _, row in df_test.iterrows():
    with open(f"./test/{row['filenames']}", "rb") as file:
        inference = predictor.predict(file.read())
    probabilities = ast.literal_eval(inference.decode())
    correct += int(np.argmax(probabilities) == labels[row["labels"]])
outcome["accuracy"] = correct / len(df_test)
outcome["last_inference"] = inference.decode()
cell("predict")


# 11. A random test picture, found by a prefix without a slash
objects = boto3.resource("s3").Bucket(bucket).objects.filter(Prefix="test")
keys = [thing.key for thing in objects]
outcome["test_keys"] = len(keys)
outcome["test_case"] = random.choice([key for key in keys if key.endswith(".png")])

# 12. What was captured
data_path = f"s3://{bucket}/data_capture/{endpoint}/AllTraffic"
deadline = time.time() + 60
json_data = []
while len(json_data) < len(df_test) and time.time() < deadline:
    time.sleep(1)
    S3Downloader.download(data_path, "captured_data")
    json_data = []
    for path in sorted(glob.glob("captured_data/**/*.jsonl", recursive=True)):
        with jsonlines.open(path) as reader:
            json_data.extend(reader)
outcome["captured"] = len(json_data)
outcome["capture_keys"] = S3Downloader.list(data_path)[:3]
cell("capture")


# 13. The plot
def simple_getter(obj):
    inferences = obj["captureData"]["endpointOutput"]["data"]
    return json.loads(inferences), obj["eventMetadata"]["inferenceTime"]


y, x = zip(*[(max(found), stamp) for found, stamp in map(simple_getter, json_data)], strict=True)
plt.figure()
plt.scatter(x, y, c=["r" if k < 0.94 else "b" for k in y])
plt.axhline(y=0.94, color="g", linestyle="--")
plt.ylim(bottom=0.3)
plt.ylabel("Confidence")
plt.suptitle("Observed Recent Inferences", size=14)
plt.title("Pictured with confidence threshold for production use", size=10)
plt.savefig("inferences.png")
outcome["plotted"] = len(y)
cell("plot")

# What some notebooks do besides
predictor.update_data_capture_config(
    DataCaptureConfig(
        enable_capture=True,
        sampling_percentage=50,
        destination_s3_uri=f"s3://{bucket}/data_capture_2",
    )
)
described = session.sagemaker_client.describe_endpoint(EndpointName=endpoint)
outcome["updated_capture"] = described["DataCaptureConfig"]["DestinationS3Uri"]
predictor.disable_data_capture()
predictor.enable_data_capture()
cell("update_data_capture_config")
predictor.update_endpoint(initial_instance_count=2, instance_type="ml.m5.large")
described = session.sagemaker_client.describe_endpoint(EndpointName=endpoint)
outcome["instances"] = described["ProductionVariants"][0]["CurrentInstanceCount"]
cell("update_endpoint")
predictor.delete_endpoint()
remaining = session.sagemaker_client.list_endpoints(NameContains=endpoint)["Endpoints"]
outcome["endpoints_left"] = len(remaining)

rebuilt = Model(
    image_uri=algo_image,
    model_data=img_classifier_model.model_data,
    role=role,
    sagemaker_session=session,
    predictor_cls=Predictor,
)
again = rebuilt.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=IdentitySerializer("image/png"),
    endpoint_logging=True,
)
with open(f"./test/{df_test.iloc[-1]['filenames']}", "rb") as file:
    outcome["same_inference"] = again.predict(file.read()).decode()
again.delete_model()
again.delete_endpoint()
uploaded = S3Uploader.upload("inferences.png", f"s3://{bucket}/plots")
outcome["uploaded"] = [uploaded, S3Downloader.list(f"s3://{bucket}/plots")]
cell("model_deploy")

with open("outcome.json", "w") as file:
    json.dump(outcome, file, indent=2)
