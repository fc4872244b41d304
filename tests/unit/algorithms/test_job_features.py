"""What a training job does beside the plain way: labels, first weights, ends and restarts."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakehouse.algorithms.image_classification.bases import read_base, shipped_base
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.fit import Outcome
from bakehouse.algorithms.image_classification.hardware import Machine
from bakehouse.algorithms.image_classification.job import train
from bakehouse.algorithms.image_classification.options import Options
from bakehouse.algorithms.image_classification.serving import load
from support.striped_pictures import CHANNELS, REQUIRED, encoded, striped, write_job

OPTIONS = Options(seed=0, strict_defaults=False, machine=Machine(1))
AWS_WAY = {"epochs": "4", "mini_batch_size": "8", "learning_rate": "0.05"}
COMMAND = [sys.executable, "-m", "bakehouse.algorithms.image_classification"]


def run(root: Path, options: Options = OPTIONS) -> tuple[Outcome, list[str]]:
    """Train in this process; what came out, and the log's lines without their prefixes."""
    stream = io.StringIO()
    outcome = train(root, options, Console(stream))
    return outcome, [line.split("] ", 1)[1] for line in stream.getvalue().splitlines()]


def metadata(job: Path) -> dict[str, Any]:
    """The document of the artifact."""
    found: dict[str, Any] = json.loads((job / "model/metadata.json").read_text())
    return found


def configure(job: Path, name: str, document: Any) -> None:
    """Write one of the job's configuration files anew."""
    (job / f"input/config/{name}.json").write_text(json.dumps(document))


def relabel(job: Path, channel: str, labels: Any) -> None:
    """Give the list of a channel other labels, one text for each line."""
    path = job / f"input/data/{channel}_lst/{channel}.lst"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    texts = [f"{line[0]}\t{labels(i)}\t{line[-1]}\n" for i, line in enumerate(lines)]
    path.write_text("".join(texts))


def test_the_artifact_holds_weights_shapes_and_sums(tmp_path: Path) -> None:
    """Every member has its sum; MXNet's names are kept; the weights are of the stored epoch."""
    job = write_job(tmp_path, REQUIRED | AWS_WAY)
    outcome, log = run(job)
    names = {path.name for path in (job / "model").iterdir()}
    weights = f"image-classification-{outcome.stored_epoch + 1:04d}.params"
    assert names == {"metadata.json", "model.onnx", "model-shapes.json", weights}
    assert f'Saved checkpoint to "{job / "model" / weights}"' in log
    shapes = json.loads((job / "model/model-shapes.json").read_text())
    assert shapes == [{"name": "data", "shape": [1, 3, 16, 16]}]
    members = metadata(job)["members"]
    assert members.keys() == names - {"metadata.json"}
    for name, said in members.items():
        content = (job / "model" / name).read_bytes()
        assert said == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_checkpoints_of_every_second_epoch_are_all_kept(tmp_path: Path) -> None:
    """With AWS's table the last of them is served; the log names each."""
    job = write_job(tmp_path, REQUIRED | AWS_WAY | {"checkpoint_frequency": "2", "epochs": "5"})
    outcome, log = run(job)
    kept = sorted(path.name for path in (job / "model").glob("*.params"))
    assert kept == ["image-classification-0002.params", "image-classification-0004.params"]
    assert outcome.stored_epoch == 3
    assert "checkpoint_frequency: 2" in log
    assert sum(line.startswith("Saved checkpoint") for line in log) == 2


@pytest.mark.parametrize("weighted", ["0", "1"])
def test_several_labels_are_learned_each_for_itself(tmp_path: Path, weighted: str) -> None:
    """The second label is the picture's direction, the first is on all, the third on none."""
    given = {"num_classes": "3", "multi_label": "1", "use_weighted_loss": weighted}
    job = write_job(tmp_path, REQUIRED | given)
    for channel in ("train", "validation"):
        relabel(job, channel, lambda i: f"1\t{i % 2}\t0")
    outcome, log = run(job)
    assert "multi_label: 1" in log
    assert "label-format is multi-hot" not in log  # a list has no format
    assert outcome.validation.of == 20 * 3
    assert outcome.validation.value > 0.9
    model = load(job / "model", 10_000)
    first, second, third = json.loads(model.predict(encoded(striped(1, 999)), "image/png", None)[0])
    assert min(first, second) > 0.5 > third
    assert first + second > 1.2
    assert metadata(job)["multi_label"] is True


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: 1 - i % 2, r"LABEL MISMATCH.*class 0 looks like class 1 of the train channel"),
        pytest.param(lambda i: int(i >= 10), r"LABEL MISMATCH", marks=pytest.mark.slow),
    ],
    ids=["swapped", "meaningless"],
)
def test_labels_that_do_not_match_are_called_what_they_are(
    tmp_path: Path, spoil: Any, message: str
) -> None:
    """The job completes, as on AWS; the log says what is wrong and where to look."""
    job = write_job(tmp_path, REQUIRED)
    relabel(job, "validation", spoil)
    outcome, log = run(job)
    assert outcome.validation.value < 0.7
    (told,) = [line for line in log if "LABEL MISMATCH" in line]
    assert re.search(message, told)
    assert "train_lst" in told


def test_sound_labels_are_not_suspected(tmp_path: Path) -> None:
    """No warning in the log of an ordinary job."""
    stream = io.StringIO()
    train(write_job(tmp_path, REQUIRED), OPTIONS, Console(stream))
    assert "WARNING" not in stream.getvalue()


def test_mixed_precision_learns_too(tmp_path: Path) -> None:
    """float16 is honoured and told; weights and sums stay in 32 bits."""
    job = write_job(tmp_path, REQUIRED | AWS_WAY | {"precision_dtype": "float16", "epochs": "8"})
    outcome, log = run(job)
    assert "data type: <class 'numpy.float16'>" in log
    assert outcome.validation.value >= 0.8
    assert read_base(job / "model", tmp_path).state["1.weight"].dtype == np.float32


# Weights to begin with


def pack(job: Path, target: Path) -> None:
    """Pack a model folder as SageMaker does."""
    with tarfile.open(target, "w:gz") as archive:
        for path in sorted((job / "model").iterdir()):
            archive.add(path, path.name)


def test_training_goes_on_from_the_channel_model(tmp_path: Path) -> None:
    """An epoch with no learning rate leaves the earlier network's accuracy as it was."""
    (tmp_path / "first").mkdir()
    first = write_job(tmp_path / "first", REQUIRED | AWS_WAY | {"epochs": "8"})
    earlier, _ = run(first)
    (tmp_path / "next").mkdir()
    given = {"epochs": "1", "learning_rate": "0.0", "mini_batch_size": "64"}
    job = write_job(tmp_path / "next", REQUIRED | given)
    (job / "input/data/model").mkdir()
    pack(first, job / "input/data/model/model.tar.gz")
    channels = {name: {"ContentType": "application/x-image"} for name in CHANNELS}
    channels["model"] = {"ContentType": "application/x-sagemaker-model"}
    configure(job, "inputdataconfig", channels)
    outcome, log = run(job)
    assert "Using pretrained model for initializing weights and transfer learning." in log
    assert abs(outcome.validation.value - earlier.validation.value) <= 0.1
    assert earlier.validation.value >= 0.8
    assert metadata(job)["base"]["origin"].startswith("model.tar.gz (image-classification-")

    configure(job, "hyperparameters", REQUIRED | given | {"num_classes": "3"})
    with pytest.raises(CustomerError, match=r"do not fit: .* needs the shape \(3, 128\)"):
        run(job)
    configure(job, "hyperparameters", REQUIRED | given | {"num_layers": "20"})
    with pytest.raises(CustomerError, match="num_layers is 20, but the weights of"):
        run(job)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no weights"),
        ({"image-classification-0001.params": b"pickle"}, "cannot be used: "),
        ({"../out.params": b"x"}, "stay inside the archive"),
    ],
)
def test_an_archive_without_honest_weights_is_the_customers(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    """Nothing of it is run, and nothing of it leaves the scratch folder."""
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(CustomerError, match=message):
        read_base(tmp_path / "model.tar.gz", tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_weights_that_were_changed_are_refused(tmp_path: Path) -> None:
    """The sum in the metadata binds them."""
    job = write_job(tmp_path, REQUIRED | AWS_WAY | {"epochs": "1"})
    run(job)
    (weights,) = (job / "model").glob("*.params")
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(CustomerError, match=r"SHA-256|UTF-8"):
        read_base(job / "model", tmp_path / "scratch")


def test_the_shipped_weights_are_of_ninety_eight_classes() -> None:
    """Neither bicycles nor motorcycles are among them, and they fit into 8 MB."""
    base = shipped_base()
    assert base.network is not None
    assert base.state["26.weight"].shape == (98, 320)
    path = Path(read_base.__code__.co_filename).parent / "weights/cifar98.npz"
    assert path.stat().st_size <= 8_000_000
    with np.load(path, allow_pickle=False) as arrays:
        classes = json.loads(str(arrays["about"]))["classes"]
    assert len(classes) == 98
    assert not {"8", "48"} & set(classes)


def test_use_pretrained_model_fine_tunes_the_shipped_weights(tmp_path: Path) -> None:
    """A new last layer, the rest from the base; the stripes are told apart."""
    job = write_job(tmp_path, REQUIRED | {"use_pretrained_model": "1"})
    outcome, log = run(job)
    assert "base: cifar98" in log
    assert "use_pretrained_model: 1" in log
    assert outcome.validation.value >= 0.9
    assert metadata(job)["recipe"]["name"] == "bakehouse tune-1"
    assert metadata(job)["base"] == {"origin": "cifar98"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_layers": "18", "image_shape": "3,32,32"}, "num_layers is 18, but the weights of"),
        ({"image_shape": "3,224,224"}, "do not fit: .* BAKEHOUSE_PRETRAINED_MODEL"),
        ({"image_shape": "1,16,16"}, "do not fit"),
    ],
)
def test_pretrained_weights_that_do_not_fit_are_refused(
    tmp_path: Path, given: dict[str, str], message: str
) -> None:
    """The sentence says how to bring weights of one's own."""
    job = write_job(tmp_path, REQUIRED | {"use_pretrained_model": "1"} | given)
    if given["image_shape"] != "1,16,16":
        side = int(given["image_shape"].split(",")[1])
        for channel, count in (("train", 64), ("validation", 20)):
            for i in range(count):
                picture = encoded(striped(i % 2, i, side), "JPEG")
                (job / f"input/data/{channel}/stripes_{i:03d}.png").write_bytes(picture)
    with pytest.raises(CustomerError, match=message):
        run(job)


def test_a_base_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    """A file named by the environment; its classes may be others."""
    (tmp_path / "first").mkdir()
    first = write_job(tmp_path / "first", REQUIRED | {"epochs": "1", "mini_batch_size": "32"})
    run(first)
    pack(first, tmp_path / "mine.tar.gz")
    (tmp_path / "next").mkdir()
    given = {"use_pretrained_model": "1", "epochs": "1", "num_classes": "3"}
    job = write_job(tmp_path / "next", REQUIRED | given)
    _, log = run(job, replace(OPTIONS, pretrained=tmp_path / "mine.tar.gz"))
    assert any(line.startswith("base: mine.tar.gz") for line in log)


# Ends and restarts


class Ending(Console):
    """A log whose reader ends the process in the fifth epoch."""

    def info(self, message: str) -> None:
        if message.startswith("Epoch[4] Train-acc"):
            raise KeyboardInterrupt


def test_a_training_that_goes_on_ends_where_it_would_have(tmp_path: Path) -> None:
    """Killed after some epochs and begun again, it stores the very weights of one that was not."""
    stored = []
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        given = {"epochs": "6", "mini_batch_size": "8", "augmentation_type": "crop"}
        job = write_job(tmp_path / name, REQUIRED | given)
        (job / "checkpoints").mkdir()
        often = replace(OPTIONS, checkpoint_every_s=0.0)
        if name == "killed":
            with pytest.raises(KeyboardInterrupt):
                train(job, often, Ending(io.StringIO()))
            for left in (job / "model").iterdir():
                left.unlink()
        _, log = run(job, often)
        resumed = any(line.startswith("Going on after epoch ") for line in log)
        assert resumed == (name == "killed")
        stored.append((job / "model/model.onnx").read_bytes())
    assert stored[0] == stored[1]


def test_a_checkpoint_of_another_training_is_left_alone(tmp_path: Path) -> None:
    """Other hyperparameters, or bytes that are no state: a warning, and a start from the start."""
    job = write_job(tmp_path, REQUIRED | AWS_WAY)
    (job / "checkpoints").mkdir()
    often = replace(OPTIONS, checkpoint_every_s=0.0)
    run(job, often)
    configure(job, "hyperparameters", REQUIRED | AWS_WAY | {"momentum": "0.5"})
    _, log = run(job, often)
    assert any("is of another training" in line for line in log)
    assert any(line.startswith("Epoch[0] ") for line in log)
    (job / "checkpoints/state.pt").write_bytes(b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    _, log = run(job, often)
    assert any("cannot be read" in line for line in log)


def test_sigterm_ends_a_training_with_its_model(tmp_path: Path) -> None:
    """What was learned so far is stored, and the process ends with 0."""
    job = write_job(tmp_path, REQUIRED | {"epochs": "100000", "mini_batch_size": "8"})
    process = subprocess.Popen(
        [*COMMAND, "train", "--root", str(job)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout as log:
        next(line for line in log if "Epoch[2] Validation" in line)
        process.send_signal(signal.SIGTERM)
        rest = log.read()
        assert process.wait(timeout=30) == 0
    assert "as asked." in rest
    assert metadata(job)["training"]["stopped"] is True
    assert load(job / "model", 10_000).metadata.num_classes == 2


@pytest.mark.slow
@pytest.mark.parametrize("kv_store", ["dist_sync", "dist_async"])
def test_two_machines_train_one_network(tmp_path: Path, kv_store: str) -> None:
    """Each has its own log and half of the images; the first one stores the model."""
    given = {"kv_store": kv_store, "epochs": "6", "mini_batch_size": "8", "learning_rate": "0.05"}
    processes, port = [], 29_000 + os.getpid() % 1000
    for number in (1, 2):
        root = tmp_path / f"algo-{number}"
        root.mkdir()
        write_job(root, REQUIRED | given)
        hosts = {"hosts": ["algo-1", "algo-2"], "current_host": f"algo-{number}"}
        configure(root, "resourceconfig", hosts)
        environment = os.environ | {"BAKEHOUSE_RENDEZVOUS": f"127.0.0.1:{port}"}
        processes.append(
            subprocess.Popen(
                [*COMMAND, "train", "--root", str(root)],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    logs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], logs
    assert all(f"kv_store: {kv_store}" in log for log in logs)
    # 64 images in batches of 8 over two machines are four batches for each.
    assert all(len(re.findall(r"Epoch\[\d\] Train-accuracy", log)) == 6 for log in logs)
    validated = [re.findall(r"Validation-accuracy-all=(\S+)", log) for log in logs]
    if kv_store == "dist_sync":
        assert validated[0] == validated[1]
    assert metadata(tmp_path / "algo-1")["training"]["instances"] == 2
    assert float(validated[0][-1]) >= 0.8
    assert list((tmp_path / "algo-2/model").iterdir()) == []
