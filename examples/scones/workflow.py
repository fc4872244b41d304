"""Scones Unlimited: tell bicycles from motorcycles, from a folder of images to a judged gate.

Read it from top to bottom: each step of the workflow is a section. It speaks to AWS, with boto3 and
nothing else, so boto3's own settings (AWS_ENDPOINT_URL, keys, region) decide where it runs.

    python workflow.py --data DIR --out DIR

DIR of --data holds train/*.png, test/*.png, train.lst, test.lst (tab-separated: index, label, file
name) and labels.json (the names of the classes, in the order of their labels).

Ends with 0 when everything worked, 1 when a step failed, 2 for wrong arguments, and 3 when the gate
did not do its work.
"""

from __future__ import annotations

import argparse
import io
import json
import secrets
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import numpy as np
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from evaluation import (
    Captured,
    Outcome,
    Sent,
    Share,
    Verdict,
    join,
    judge_gate,
    latency_of,
    probabilities_of,
    read_captured,
    tested_from,
)
from PIL import Image
from probes import make_probes
from training_log import JobLog, TrainingProgress

HERE = Path(__file__).resolve().parent
STEPS = (
    "identity", "upload", "train", "deploy", "functions", "state-machine", "executions", "test-set",
    "evaluation",
)  # fmt: skip

ROLE_NAME = "scones-workflow"
TRAINING_INSTANCE, SERVING_INSTANCE = "ml.g4dn.xlarge", "ml.m5.large"
RUNTIME = "python3.12"
# Where AWS keeps the built-in image-classification algorithm: one registry for each region.
REGISTRIES = {
    "us-east-1": "811284229777", "us-east-2": "825641698319", "us-west-1": "632365934929",
    "us-west-2": "433757028032", "eu-west-1": "685385470294", "eu-central-1": "813361260812",
    "ap-northeast-1": "501404015308", "ap-southeast-2": "544295431143",
}  # fmt: skip

FUNCTIONS = ("serialize", "classify", "filter")
UPLOADS_AT_ONCE = 16
EXECUTIONS_AT_ONCE = 8
EXECUTIONS_ALONE = 15  # the last ones run one by one, to see how long one takes by itself
CAPTURE_WAIT_S = 600  # AWS says that captured data can take a couple of minutes


class WorkflowFailed(Exception):
    """A step did not come to a good end; the text says which and why."""


# --- Telling what happens -------------------------------------------------------------------------


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def show_progress(share: float, text: str) -> None:
    print(f"progress {share:.2f} {text}", flush=True)


class Steps:
    """Announces each step and remembers how long it took."""

    def __init__(self) -> None:
        self.taken: list[dict] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        print(f"step {STEPS.index(name) + 1}/{len(STEPS)} {name}", flush=True)
        started = time.monotonic()
        yield
        self.taken.append({"name": name, "seconds": round(time.monotonic() - started, 2)})


def wait_for(
    describe: Callable[[], dict],
    is_over: Callable[[dict], bool],
    *,
    timeout_s: float,
    first_s: float = 0.05,
    longest_s: float = 5.0,
) -> dict:
    """Ask until it is over, a little less often each time; return the last answer."""
    give_up, pause = time.monotonic() + timeout_s, first_s
    while not is_over(answer := describe()):
        if time.monotonic() > give_up:
            raise WorkflowFailed(f"It was not over after {timeout_s:.0f} s: {answer}")
        time.sleep(pause)
        pause = min(longest_s, pause * 1.3)
    return answer


# --- What this run works with ---------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One run of the workflow: its name, where its things lie, and a client of each service."""

    name: str
    options: argparse.Namespace
    region: str
    bucket: str
    role: str
    s3: BaseClient
    sagemaker: BaseClient
    runtime: BaseClient
    logs: BaseClient
    cloudwatch: BaseClient
    functions: BaseClient
    machines: BaseClient

    def key(self, name: str) -> str:
        """Return the key of something of this run: runs share a bucket but not a folder."""
        return f"{self.name}/{name}"

    def uri(self, name: str = "") -> str:
        return f"s3://{self.bucket}/{self.key(name)}"


@dataclass(frozen=True)
class Listed:
    """One line of a .lst file, and the image that it names."""

    label: int
    name: str
    content: bytes = field(repr=False)


def read_listed(folder: Path, split: str) -> list[Listed]:
    path = folder / f"{split}.lst"
    return [
        listed_from_line(line, folder / split, f"{path}, line {number}")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    ]


def listed_from_line(line: str, images: Path, place: str) -> Listed:
    try:
        _, label, name = line.split("\t")
        return Listed(int(float(label)), name, (images / name).read_bytes())
    except ValueError:
        raise WorkflowFailed(
            f"{place}: expected index, label and file name, separated by tabs, not {line!r}."
        ) from None


# --- Step 1: who am I, and what may I do? ---------------------------------------------------------


def identify(options: argparse.Namespace) -> Run:
    session = boto3.Session()
    region = session.region_name or "us-east-1"
    config = Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 6})

    def client(service: str) -> BaseClient:
        return session.client(service, region_name=region, config=config)

    caller = client("sts").get_caller_identity()
    run = Run(
        name=f"scones-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        options=options,
        region=region,
        bucket=options.bucket or f"scones-{caller['Account']}-{region}",
        role=options.role or find_role(client("iam")),
        s3=client("s3"),
        sagemaker=client("sagemaker"),
        runtime=client("sagemaker-runtime"),
        logs=client("logs"),
        cloudwatch=client("cloudwatch"),
        functions=client("lambda"),
        machines=client("stepfunctions"),
    )
    say(f"account {caller['Account']} in {region}, as {caller['Arn']}")
    say(f"role {run.role}")
    say(f"run {run.name}, everything of it under {run.uri()}")
    return run


def find_role(iam: BaseClient) -> str:
    """Return the role that the jobs and functions run as; make one where there is none."""
    try:
        return iam.get_role(RoleName=ROLE_NAME)["Role"]["Arn"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
    services = ("sagemaker", "lambda", "states")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": [f"{name}.amazonaws.com" for name in services]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    created = iam.create_role(
        RoleName=ROLE_NAME,
        AssumeRolePolicyDocument=json.dumps(trust),
        Description="For the Scones workflow: trains, serves, runs its functions and machine.",
    )
    say(f"role {ROLE_NAME} created; on AWS it also needs policies for SageMaker, S3, Lambda, Logs")
    return created["Role"]["Arn"]


# --- Step 2: the images go to S3 ------------------------------------------------------------------


def upload(run: Run, train: Sequence[Listed], test: Sequence[Listed]) -> None:
    make_bucket(run)
    data = run.options.data
    objects = {
        f"{split}/{image.name}": (image.content, "image/png")
        for split, images in (("train", train), ("test", test))
        for image in images
    }
    for name in ("train.lst", "test.lst"):
        objects[name] = ((data / name).read_bytes(), "text/tab-separated-values")
    put_all(run, objects)
    size = sum(len(content) for content, _ in objects.values())
    say(f"{len(objects):,} objects, {size / 1e6:.1f} MB, to {run.uri()}")


def make_bucket(run: Run) -> None:
    try:
        run.s3.head_bucket(Bucket=run.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
    else:
        return
    # us-east-1 is where a bucket goes if nothing is said, and it may not be said.
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": run.region}}
    run.s3.create_bucket(Bucket=run.bucket, **({} if run.region == "us-east-1" else elsewhere))
    say(f"bucket {run.bucket} created")


def put_all(run: Run, objects: dict[str, tuple[bytes, str]]) -> None:
    def put(name: str) -> None:
        content, content_type = objects[name]
        run.s3.put_object(
            Bucket=run.bucket, Key=run.key(name), Body=content, ContentType=content_type
        )

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
        for done, waiting in enumerate(as_completed([threads.submit(put, n) for n in objects]), 1):
            waiting.result()
            if done % 200 == 0:
                show_progress(done / len(objects), f"{done} of {len(objects)} objects")


# --- Step 3: training -----------------------------------------------------------------------------


def train(run: Run, images: Sequence[Listed], classes: Sequence[str]) -> dict:
    job = run.name
    run.sagemaker.create_training_job(
        TrainingJobName=job,
        RoleArn=run.role,
        AlgorithmSpecification={"TrainingImage": image_uri(run), "TrainingInputMode": "File"},
        HyperParameters={
            "image_shape": shape_of(images[0].content),
            "num_classes": str(len(classes)),
            "num_training_samples": str(len(images)),
        },
        InputDataConfig=[
            channel("train", run.uri("train/")),
            channel("validation", run.uri("test/")),
            channel("train_lst", run.uri("train.lst")),
            channel("validation_lst", run.uri("test.lst")),
        ],
        OutputDataConfig={"S3OutputPath": run.uri("models")},
        ResourceConfig={
            "InstanceType": TRAINING_INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 10,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )  # fmt: skip
    say(f"training job {job}")
    ended = follow_training(run, job)
    if ended["TrainingJobStatus"] != "Completed":
        raise WorkflowFailed(
            f"The training job ended as {ended['TrainingJobStatus']}:"
            f" {ended.get('FailureReason', 'no reason was given')}"
        )
    return what_was_trained(run, ended)


def image_uri(run: Run) -> str:
    if run.region not in REGISTRIES:
        raise WorkflowFailed(
            f"The registry of region {run.region} is not in this file's table REGISTRIES"
            f" ({', '.join(sorted(REGISTRIES))}); add it from AWS's documentation."
        )
    registry = REGISTRIES[run.region]
    return f"{registry}.dkr.ecr.{run.region}.amazonaws.com/image-classification:1"


def shape_of(content: bytes) -> str:
    """Return the network's input as the algorithm wants it said: channels, height, width."""
    width, height = Image.open(io.BytesIO(content)).size
    return f"3,{height},{width}"


def channel(name: str, uri: str) -> dict:
    return {
        "ChannelName": name,
        "ContentType": "application/x-image",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }


def follow_training(run: Run, job: str) -> dict:
    """Show the job's log while it runs; return its last description."""
    log, progress = JobLog(run.logs, job), TrainingProgress()

    def describe() -> dict:
        answer = run.sagemaker.describe_training_job(TrainingJobName=job)
        for line in map(JobLog.bare, log.read()):
            say(f"| {line}")
            if news := progress.see(line):
                show_progress(*news)
        return answer

    def is_over(answer: dict) -> bool:
        return answer["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")

    return wait_for(describe, is_over, timeout_s=2 * 3600, first_s=0.2, longest_s=0.5)


def what_was_trained(run: Run, job: dict) -> dict:
    seconds = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    final = {m["MetricName"]: m["Value"] for m in job.get("FinalMetricDataList", [])}
    say(f"completed after {seconds:.0f} s: {job['ModelArtifacts']['S3ModelArtifacts']}")
    points = metric_points(run, job, "validation:accuracy")
    if points:
        text = ", ".join(f"{value:.3f}" for value in points[-8:])
        say(f"validation accuracy, CloudWatch's last {min(8, len(points))} points: {text}")
    return {
        "job": job["TrainingJobName"],
        "seconds": round(seconds, 1),
        "validation_accuracy": final.get("validation:accuracy"),
        "artifact": job["ModelArtifacts"]["S3ModelArtifacts"],
    }


def metric_points(run: Run, job: dict, name: str) -> list[float]:
    answer = run.cloudwatch.get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName=name,
        Dimensions=[{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}],
        StartTime=job["TrainingStartTime"] - timedelta(minutes=1),
        EndTime=job["TrainingEndTime"] + timedelta(minutes=1),
        Period=60,
        Statistics=["Average"],
    )
    return [p["Average"] for p in sorted(answer["Datapoints"], key=lambda p: p["Timestamp"])]


# --- Step 4: an endpoint that records its traffic -------------------------------------------------


def deploy(run: Run, artifact: str) -> str:
    """Create model, configuration and endpoint, all named like the run; wait until it answers."""
    run.sagemaker.create_model(
        ModelName=run.name,
        ExecutionRoleArn=run.role,
        PrimaryContainer={"Image": image_uri(run), "ModelDataUrl": artifact},
    )
    run.sagemaker.create_endpoint_config(
        EndpointConfigName=run.name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": run.name,
                "InstanceType": SERVING_INSTANCE,
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0,
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": run.uri("capture"),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        },
    )
    run.sagemaker.create_endpoint(EndpointName=run.name, EndpointConfigName=run.name)
    wait_in_service(run, run.name)
    return run.name


def wait_in_service(run: Run, endpoint: str) -> None:
    described = wait_for(
        lambda: run.sagemaker.describe_endpoint(EndpointName=endpoint),
        lambda answer: answer["EndpointStatus"] not in ("Creating", "Updating", "SystemUpdating"),
        timeout_s=1800,
    )
    if described["EndpointStatus"] != "InService":
        raise WorkflowFailed(
            f"The endpoint is {described['EndpointStatus']}:"
            f" {described.get('FailureReason', 'no reason was given')}"
        )
    say(f"endpoint {endpoint} is in service and captures all of its traffic")


def remove_endpoint(run: Run) -> None:
    if run.options.keep:
        say(f"endpoint {run.name} is kept, as you asked")
        return
    try:
        run.sagemaker.delete_endpoint(EndpointName=run.name)
        say(f"endpoint {run.name} deleted")
    except ClientError as error:
        say(f"endpoint {run.name} was not deleted: {error}")


def ask(run: Run, endpoint: str, picture: bytes, inference_id: str) -> tuple[float, ...]:
    """Return the endpoint's probabilities for one picture."""
    answer = run.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="image/png", Body=picture, InferenceId=inference_id
    )
    text = answer["Body"].read().decode()
    return probabilities_of({"data": text, "encoding": "JSON"})


# --- Step 5: three functions ----------------------------------------------------------------------


def create_functions(run: Run, packages: dict[str, bytes], endpoint: str) -> dict[str, str]:
    """Create serialize, classify and filter; return their ARNs by name."""
    environments = {
        "serialize": {},
        "classify": {"ENDPOINT_NAME": endpoint},
        "filter": {"THRESHOLD": str(run.options.threshold)},
    }
    return {
        name: create_function(run, name, packages[name], environment)
        for name, environment in environments.items()
    }


def create_function(run: Run, name: str, package: bytes, environment: dict[str, str]) -> str:
    full_name = f"scones-{name}"
    try:
        run.functions.delete_function(FunctionName=full_name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    created = run.functions.create_function(
        FunctionName=full_name,
        Runtime=RUNTIME,
        Role=run.role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package},
        Timeout=30,
        MemorySize=256,
        Environment={"Variables": environment},
    )
    run.functions.get_waiter("function_active_v2").wait(FunctionName=full_name)
    say(f"{full_name}, {len(package):,} bytes, {environment or 'no environment'}")
    return created["FunctionArn"]


def package_of(packages: Path | None, name: str) -> bytes:
    """Return the function's zip: from --packages, or of the folder's files as they are."""
    if packages:
        return (packages / f"{name}.zip").read_bytes()
    folder = HERE / "functions" / name
    if (folder / "requirements.txt").exists():
        raise WorkflowFailed(
            f"{folder} names dependencies: package it with them and give the folder of the"
            " packages as --packages."
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    return content.getvalue()


# --- Step 6: the state machine --------------------------------------------------------------------


def create_machine(run: Run, functions: dict[str, str]) -> str:
    definition = (HERE / "state_machine.asl.json").read_text("utf-8")
    for name, arn in functions.items():
        definition = definition.replace(f"${{{name.capitalize()}FunctionArn}}", arn)
    wanted = {"name": "scones", "definition": definition, "roleArn": run.role}
    try:
        arn = run.machines.create_state_machine(**wanted)["stateMachineArn"]
    except run.machines.exceptions.StateMachineAlreadyExists:
        arn = replace_machine(run, wanted)
    say(f"state machine {arn}")
    return arn


def replace_machine(run: Run, wanted: dict) -> str:
    """Delete the machine of that name, which has another definition, and create it anew."""
    pages = run.machines.get_paginator("list_state_machines").paginate()
    found = [m for page in pages for m in page["stateMachines"] if m["name"] == wanted["name"]]
    for machine in found:
        run.machines.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
        say(f"state machine {wanted['name']} had another definition and is replaced")

    def create() -> dict:
        try:
            return run.machines.create_state_machine(**wanted)
        except (
            run.machines.exceptions.StateMachineAlreadyExists,
            run.machines.exceptions.StateMachineDeleting,
        ):
            return {}  # deleting takes a while

    return wait_for(create, bool, timeout_s=300)["stateMachineArn"]


# --- Step 7: test images and probes go through the state machine ----------------------------------


def choose_images(test: Sequence[Listed], count: int, seed: int) -> list[Sent]:
    chosen = np.random.default_rng(seed).permutation(len(test))[:count]
    images = [test[i] for i in chosen]
    return [Sent(f"image-{n:04}", i.name, i.content, i.label) for n, i in enumerate(images)]


def mixed(images: Sequence[Sent], probes: Sequence[Sent], seed: int) -> list[Sent]:
    """Return both in one random order, so that neither has the warm or the cold functions."""
    both = [*images, *probes]
    return [both[i] for i in np.random.default_rng(seed).permutation(len(both))]


def send_probes(run: Run, endpoint: str, test: Sequence[Listed]) -> list[Sent]:
    probes = make_probes(
        lambda picture, inference_id: ask(run, endpoint, picture, inference_id),
        [image.content for image in test],
        run.options.threshold,
        run.options.seed,
    )
    put_all(run, {f"probes/{p.name}": (p.picture, "image/png") for p in probes})
    return probes


def execute_all(run: Run, machine: str, sent: Sequence[Sent]) -> dict[str, Outcome]:
    """Send each picture through the state machine: most at once, the last ones one by one."""
    together, alone = sent[:-EXECUTIONS_ALONE], sent[-EXECUTIONS_ALONE:]
    outcomes = []
    with ThreadPoolExecutor(EXECUTIONS_AT_ONCE) as threads:
        started = [threads.submit(execute, run, machine, s) for s in together]
        for waiting in as_completed(started):
            outcomes.append(waiting.result())
            if len(outcomes) % 10 == 0:
                show_progress(len(outcomes) / len(sent), f"{len(outcomes)} of {len(sent)}")
    outcomes.extend(execute(run, machine, s) for s in alone)
    return {outcome.inference_id: outcome for outcome in outcomes}


def execute(run: Run, machine: str, sent: Sent) -> Outcome:
    folder = "probes" if sent.is_probe else "test"
    event = {
        "s3_bucket": run.bucket,
        "s3_key": run.key(f"{folder}/{sent.name}"),
        "inference_id": sent.inference_id,
    }
    arn = run.machines.start_execution(
        stateMachineArn=machine, name=f"{run.name}-{sent.inference_id}", input=json.dumps(event)
    )["executionArn"]
    ended = wait_for(
        lambda: run.machines.describe_execution(executionArn=arn),
        lambda answer: answer["status"] != "RUNNING",
        timeout_s=300,
        first_s=0.03,
        longest_s=1.0,
    )
    output = json.loads(ended.get("output", "{}"))
    return Outcome(
        inference_id=sent.inference_id,
        arn=arn,
        started=ended["startDate"],
        duration_ms=(ended["stopDate"] - ended["startDate"]).total_seconds() * 1000,
        decision=output.get("decision"),
        error="" if output else f"{ended.get('error')}: {ended.get('cause')}",
    )


def tell_executions(run: Run, sent: Sequence[Sent], outcomes: dict[str, Outcome]) -> dict:
    failed = [o for o in outcomes.values() if o.decision is None]
    for outcome in failed[:3]:
        say(f"FAILED {outcome.inference_id}: {outcome.error[:300]}")
    if len(failed) == len(outcomes):
        raise WorkflowFailed("Every execution failed; the first errors are above.")
    alone = [outcomes[s.inference_id] for s in sent[-EXECUTIONS_ALONE:]]
    executions = {
        "count": len(outcomes),
        "failed": len(failed),
        "concurrency": EXECUTIONS_AT_ONCE,
        **latency_of(outcomes.values()),
        "alone_median_ms": latency_of(alone)["median_ms"],
        "sample_arn": sample_of(outcomes.values()).arn,
    }
    say(
        f"{len(outcomes)} executions, median {executions['median_ms']:.0f} ms,"
        f" 95% within {executions['p95_ms']:.0f} ms;"
        f" one at a time {executions['alone_median_ms']:.0f} ms"
    )
    tell_history(run, alone[-1].arn)
    return executions


def sample_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the execution that has most to show: a rejected one, if there is any."""
    return min(outcomes, key=lambda o: {"rejected": 0, "accepted": 1}.get(o.decision, 2))


def tell_history(run: Run, arn: str) -> None:
    """Say how long each state of one execution took."""
    pages = run.machines.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    entered: dict[str, datetime] = {}
    parts = []
    for event in events:
        if "stateEnteredEventDetails" in event:
            entered[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
        elif "stateExitedEventDetails" in event:
            name = event["stateExitedEventDetails"]["name"]
            took = (event["timestamp"] - entered[name]).total_seconds() * 1000
            parts.append(f"{name} {took:.0f} ms")
    say(f"history of one, {len(events)} events: {', '.join(parts)}")


# --- Step 8: the whole test set, straight through the endpoint ------------------------------------


def ask_all(run: Run, endpoint: str, test: Sequence[Listed]) -> list[Sent]:
    sent = [Sent(f"test-{n:05}", i.name, i.content, i.label) for n, i in enumerate(test)]
    with ThreadPoolExecutor(EXECUTIONS_AT_ONCE) as threads:
        answers = list(threads.map(lambda s: ask(run, endpoint, s.picture, s.inference_id), sent))
    right = sum(int(np.argmax(p)) == s.label for p, s in zip(answers, sent, strict=True))
    say(f"{right} of {len(sent)} test images are classified right")
    return sent


# --- Step 9: what was captured, and what it means -------------------------------------------------


def read_capture(run: Run, endpoint: str, wanted: set[str]) -> dict[str, Captured]:
    """Read the captured records back from S3 until all that are wanted are there, or time is up."""
    seen: set[str] = set()
    captured: dict[str, Captured] = {}

    def read_new() -> dict:
        pages = run.s3.get_paginator("list_objects_v2").paginate(
            Bucket=run.bucket, Prefix=run.key(f"capture/{endpoint}/")
        )
        for key in [o["Key"] for page in pages for o in page.get("Contents", [])]:
            if key not in seen:
                body = run.s3.get_object(Bucket=run.bucket, Key=key)["Body"].read()
                records = read_captured(body.decode().splitlines())
                captured.update({record.inference_id: record for record in records})
                seen.add(key)
        return {"missing": len(wanted - captured.keys())}

    try:
        wait_for(
            read_new, lambda a: not a["missing"], timeout_s=CAPTURE_WAIT_S, first_s=0.2, longest_s=2
        )
    except WorkflowFailed:
        say(f"{len(wanted - captured.keys())} records are not there after {CAPTURE_WAIT_S} s")
    say(f"{len(wanted & captured.keys())} of {len(wanted)} captured records in {len(seen)} objects")
    return captured


@dataclass(frozen=True)
class Evidence:
    """Everything that the evaluation looks at."""

    classes: Sequence[str]
    training: dict
    executions: dict
    sent: Sequence[Sent]
    outcomes: dict[str, Outcome]
    whole_test_set: Sequence[Sent]
    captured: dict[str, Captured]


@dataclass(frozen=True)
class Finding:
    """What came of it."""

    verdict: Verdict
    accuracy: Share
    report: Path
    plots: list[Path]


def evaluate(run: Run, steps: Steps, evidence: Evidence) -> Finding:
    """Judge the gate, measure the model, and write the report with its plots."""
    # Drawing needs matplotlib, which takes a second to import: not before the work is under way.
    import figures  # noqa: PLC0415 (as said above)
    import report  # noqa: PLC0415 (as said above)

    options, out = run.options, run.options.out
    seen = (evidence.sent, evidence.outcomes, evidence.captured)
    verdict, judged = judge_gate(*seen, options.threshold), join(*seen)
    tested = tested_from(evidence.whole_test_set, evidence.captured)
    plots = figures.draw_all(out, judged, tested, evidence.classes, options.threshold)
    facts = report.Facts(
        title=f"Scones Unlimited: {' or '.join(evidence.classes)}?",
        run=run.name,
        source=source_of(options.data),
        classes=evidence.classes,
        training=evidence.training,
        executions=evidence.executions,
        steps=steps.taken,
        machine_picture=options.picture,
    )
    path = out / "report.html"
    report.write_report(path, facts, verdict, judged, tested, plots)
    return Finding(verdict, tested.accuracy, path, [files["light"] for files in plots.values()])


def source_of(data: Path) -> str:
    """Return where the images are from: what source.json calls it, or else the folder."""
    try:
        source = json.loads((data / "source.json").read_text("utf-8"))
    except FileNotFoundError:
        return str(data)
    known = {"cifar-100": "images of CIFAR-100", "drawn": "images drawn by code"}
    return known.get(source.get("data"), str(data))


def write_summary(run: Run, steps: Steps, evidence: Evidence, finding: Finding) -> None:
    """Write what a program may want to know to summary.json."""
    verdict, accuracy = finding.verdict, finding.accuracy
    summary = {
        "run": run.name,
        "accuracy": {
            "value": accuracy.value,
            "n": accuracy.n,
            "low": accuracy.low,
            "high": accuracy.high,
        },
        "gate": {
            "threshold": verdict.threshold,
            "accepted": verdict.accepted,
            "rejected": verdict.rejected,
            "probes_accepted": verdict.probes_accepted,
            "probes_rejected": verdict.probes_rejected,
            "wrongly_accepted": len(verdict.wrongly_accepted),
            "wrongly_rejected": len(verdict.wrongly_rejected),
            "unknown": len(verdict.unknown),
            "verdict": verdict.kind,
        },
        "executions": evidence.executions,
        "steps": steps.taken,
        "training": evidence.training,
        "report": str(finding.report),
        "plots": [str(path) for path in finding.plots],
        "exit": exit_code(verdict),
    }
    text = json.dumps(summary, indent=2) + "\n"
    (run.options.out / "summary.json").write_text(text, "utf-8")


def exit_code(verdict: Verdict) -> int:
    return 0 if verdict.is_ok else 3


def tell(finding: Finding) -> None:
    """Say what came of it; in a box if the gate is not worth much."""
    verdict, accuracy = finding.verdict, finding.accuracy
    say(
        f"accuracy {accuracy.value:.3f} ({accuracy.hits}/{accuracy.n},"
        f" 95% {accuracy.low:.3f} to {accuracy.high:.3f})"
    )
    say(
        f"gate at {verdict.threshold:g}: {verdict.accepted} test images accepted,"
        f" {verdict.rejected} rejected; {verdict.probes_accepted} probes accepted,"
        f" {verdict.probes_rejected} rejected"
    )
    say(f"report {finding.report}")
    if verdict.is_ok:
        say(verdict.headline)
        return
    lines = [*textwrap.wrap(verdict.headline, 72), "", *textwrap.wrap(verdict.advice, 72)]
    lines.insert(0, f"GATE: {verdict.kind.upper()}")
    bar = "!" * 78
    print("\n".join([bar, *(f"!! {line:<72} !!" for line in lines), bar]), flush=True)


# --- All of it ------------------------------------------------------------------------------------


def run_workflow(options: argparse.Namespace) -> int:
    steps = Steps()
    classes = json.loads((options.data / "labels.json").read_text("utf-8"))
    train_images, test_images = (read_listed(options.data, s) for s in ("train", "test"))
    # What is missing on this side should come to light now, and not after the training.
    packages = {name: package_of(options.packages, name) for name in FUNCTIONS}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "summary.json").unlink(missing_ok=True)  # an earlier run's is not this one's
    with steps.step("identity"):
        run = identify(options)
    with steps.step("upload"):
        upload(run, train_images, test_images)
    with steps.step("train"):
        training = train(run, train_images, classes)
    with deployed(run, training["artifact"], steps) as endpoint:
        with steps.step("functions"):
            functions = create_functions(run, packages, endpoint)
        with steps.step("state-machine"):
            machine = create_machine(run, functions)
        with steps.step("executions"):
            images = choose_images(test_images, options.images, options.seed)
            probes = send_probes(run, endpoint, test_images)
            say(f"{len(images)} random test images and {len(probes)} probes")
            sent = mixed(images, probes, options.seed)
            outcomes = execute_all(run, machine, sent)
            executions = tell_executions(run, sent, outcomes)
        with steps.step("test-set"):
            whole = ask_all(run, endpoint, test_images)
        with steps.step("evaluation"):
            captured = read_capture(run, endpoint, {s.inference_id for s in (*sent, *whole)})
            evidence = Evidence(classes, training, executions, sent, outcomes, whole, captured)
            finding = evaluate(run, steps, evidence)
    write_summary(run, steps, evidence, finding)
    tell(finding)
    return exit_code(finding.verdict)


@contextmanager
def deployed(run: Run, artifact: str, steps: Steps) -> Iterator[str]:
    """Hold an endpoint, and delete it however the work ends: on AWS it costs money by the hour."""
    try:
        with steps.step("deploy"):
            endpoint = deploy(run, artifact)
        yield endpoint
    finally:
        remove_endpoint(run)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Scones Unlimited, from images to a judged gate.")
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="the labelled images")
    add("--out", type=Path, required=True, metavar="DIR", help="where the report goes")
    add("--packages", type=Path, metavar="DIR", help="NAME.zip of each function")
    add("--bucket", help="bucket (default: scones-ACCOUNT-REGION)")
    add("--role", metavar="ARN", help=f"role (default: {ROLE_NAME}, made if there is none)")
    add("--images", type=count, default=120, help="test images for the state machine (%(default)s)")
    add("--threshold", type=threshold, default=0.93, help="the gate's threshold (%(default)s)")
    add("--seed", type=int, default=0, help="chooses images and probes (%(default)s)")
    add(
        "--picture",
        type=existing_file,
        metavar="FILE",
        help="picture of the state machine, PNG or SVG",
    )
    add("--keep", action="store_true", help="do not delete the endpoint at the end")
    return parser.parse_args(arguments)


def existing_file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return Path(text)


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def threshold(text: str) -> float:
    value = float(text)
    if not 0.5 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 0.5 and below 1")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        return run_workflow(options)
    except (WorkflowFailed, ClientError, BotoCoreError, OSError) as error:
        print(f"failed: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
