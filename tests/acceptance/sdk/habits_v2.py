"""What else notebooks do with SageMaker's Python SDK 2.

Run as ``python habits_v2.py FOLDER``, of which ``train/``, ``test/`` and their ``.lst`` files are
used. Nothing in here knows where it runs. What it found goes to ``outcome.json``.
"""

# mypy: ignore-errors

import json
import os
import sys
import time

import sagemaker
from botocore.exceptions import ClientError
from sagemaker import ModelPackage, image_uris
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.serializers import IdentitySerializer

outcome = {}
session = sagemaker.Session()
bucket = session.default_bucket()
role = sagemaker.get_execution_role()
image = image_uris.retrieve("image-classification", session.boto_region_name)
png = IdentitySerializer("image/png")
for name in ("train", "test", "train.lst", "test.lst"):
    prefix = name if os.path.isdir(f"{sys.argv[1]}/{name}") else "lists"
    session.upload_data(f"{sys.argv[1]}/{name}", bucket, prefix)
outcome["uploaded"] = len(session.list_s3_files(bucket, "train/"))
outcome["list"] = session.read_s3_file(bucket, "lists/test.lst").splitlines()[0].split("\t")[:2]
with open(f"{sys.argv[1]}/test/{min(os.listdir(f'{sys.argv[1]}/test'))}", "rb") as file:
    picture = file.read()


def estimator(**hyperparameters):
    made = Estimator(
        image, role, 1, "ml.m5.large", volume_size=50, max_run=3600, sagemaker_session=session
    )
    made.set_hyperparameters(image_shape="3,32,32", num_training_samples=100, **hyperparameters)
    return made


def channel(path):
    return TrainingInput(f"s3://{bucket}/{path}", content_type="application/x-image")


inputs = {
    "train": channel("train/"),
    "validation": channel("test/"),
    "train_lst": channel("lists/train.lst"),
    "validation_lst": channel("lists/test.lst"),
}


def refusal(call):
    """The error that a call ends with, as text."""
    try:
        call()
    except (ClientError, UnexpectedStatusException) as error:
        return str(error)
    return "none"


# A job in the background: begun, looked at, attached to, waited for, read
first = estimator(num_classes=2, epochs=3)
before = time.time()
first.fit(inputs, wait=False)
outcome["begun_s"] = time.time() - before
before = time.time()
outcome["first_status"] = first.latest_training_job.describe()["TrainingJobStatus"]
outcome["looked_s"] = time.time() - before
attached = Estimator.attach(first.latest_training_job.name)
first.latest_training_job.wait(logs=False)
outcome["model_data"] = [first.model_data, attached.model_data]
first.logs()
frame = TrainingJobAnalytics(first.latest_training_job.name).dataframe()
outcome["metrics"] = sorted(set(frame["metric_name"]))

# What goes wrong, and how it is said
outcome["same_name"] = refusal(lambda: first.fit(inputs, job_name=first.latest_training_job.name))
outcome["failed"] = refusal(lambda: estimator(epochs=1).fit(inputs))

# Endpoints in other ways
predictor = first.deploy(1, "ml.m5.large", endpoint_name="ep", wait=False, serializer=png)
outcome["waited_for"] = session.wait_for_endpoint("ep")["EndpointStatus"]
lines = session.boto_session.client("logs").filter_log_events(
    logGroupName="/aws/sagemaker/Endpoints/ep", logStreamNamePrefix="AllTraffic/"
)["events"]
outcome["endpoint_log"] = [line["message"] for line in lines]
outcome["answers"] = [predictor.predict(picture).decode()]
outcome["taken"] = refusal(lambda: first.deploy(1, "ml.m5.large", endpoint_name="ep"))
outcome["no_picture"] = refusal(lambda: predictor.predict(b"text"))
missing = Predictor("nope", session, serializer=png)
outcome["missing"] = refusal(lambda: missing.update_endpoint(1, "ml.m5.large"))
session.endpoint_from_job(
    first.latest_training_job.name, 1, "ml.m5.large", name="from-job", role=role
)
outcome["answers"].append(Predictor("from-job", session, serializer=png).predict(picture).decode())

# The registry
package = first.register(
    content_types=["image/png"],
    response_types=["application/json"],
    inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"],
    model_package_group_name="scones",
    approval_status="Approved",
)
registered = ModelPackage(
    role, model_package_arn=package.model_package_arn, sagemaker_session=session
)
registered.deploy(1, "ml.m5.large", endpoint_name="packaged")
outcome["answers"].append(Predictor("packaged", session, serializer=png).predict(picture).decode())

# The end of a job before its time
long = estimator(num_classes=2, epochs=2000)
long.fit(inputs, wait=False)
session.stop_training_job(long.latest_training_job.name)
long.latest_training_job.wait()
outcome["stopped"] = long.latest_training_job.describe()["TrainingJobStatus"]

with open("outcome.json", "w") as file:
    json.dump(outcome, file, indent=2)
