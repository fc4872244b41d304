from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bakehouse.algorithms import ALGORITHMS
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.hardware import Machine
from bakehouse.algorithms.image_classification.hyperparameters import read_hyperparameters
from bakehouse.algorithms.image_classification.job import train
from bakehouse.algorithms.image_classification.memory import check_memory, needed_bytes
from bakehouse.algorithms.image_classification.networks import Architecture, build
from bakehouse.algorithms.image_classification.options import Options, options_from
from bakehouse.algorithms.image_classification.plan import WIDTHS, plan_for
from bakehouse.algorithms.image_classification.serving import load
from support.striped_pictures import CHANNELS, REQUIRED, encoded, striped, write_job

AWS_WAY = {"epochs": "4", "mini_batch_size": "8", "learning_rate": "0.05", "momentum": "0.5"}
OPTIONS = Options(seed=0, strict_defaults=False, machine=Machine(1))


def run(root: Path, options: Options = OPTIONS) -> list[str]:
    """Train in this process and return the log's lines without their prefixes."""
    stream = io.StringIO()
    train(root, options, Console(stream))
    return [line.split("] ", 1)[1] for line in stream.getvalue().splitlines()]


def accuracy(folder: Path) -> float:
    """The share of fresh pictures that the stored model gets right."""
    model = load(folder, 10_000)
    hits = 0
    for i in range(20):
        body, _ = model.predict(encoded(striped(i % 2, 1000 + i)), "image/png", None)
        hits += int(np.argmax(json.loads(body))) == i % 2
    return hits / 20


def test_awss_way_logs_and_stores_as_aws_does(tmp_path: Path) -> None:
    """Lines, their order and their counts are the documented ones; the best epoch is stored."""
    job = write_job(tmp_path, REQUIRED | AWS_WAY | {"num_training_samples": "200", "top_k": "2"})
    log = run(job)
    text = "\n".join(log)
    assert re.search(
        r"Epoch\[0\] Batch \[20\]#011Speed: \d+\.\d{3} samples/sec#011accuracy=\d\.\d{6}"
        r"#011top_k_accuracy_2=1\.000000\n",
        text,
    )
    assert re.search(
        r"Epoch\[0\] Train-accuracy=\d\.\d{6}\nEpoch\[0\] Train-top_k_accuracy_2=1\.000000\n"
        r"Epoch\[0\] Time cost=\d+\.\d{3}\nEpoch\[0\] Validation-accuracy=\d\.\d{6}\n",
        text,
    )
    everything = [float(x) for x in re.findall(r"Validation-accuracy-all=(\S+)", text)]
    logged = [float(x) for x in re.findall(r"Validation-accuracy=(\S+)", text)]
    assert len(everything) == len(logged) == 4
    stored = [float(x) for x in re.findall(r"Storing the best model .* accuracy: (\S+)", text)]
    best = [v for i, v in enumerate(logged) if i == 0 or v > max(logged[:i])]
    assert stored == best
    metadata = json.loads((job / "model/metadata.json").read_text())
    assert metadata["recipe"]["kind"] == "aws"
    assert metadata["recipe"]["momentum"] == 0.5
    assert metadata["training"]["stored_epoch"] == logged.index(max(logged))
    assert metadata["training"]["validation_hits"] == round(
        20 * everything[logged.index(max(logged))]
    )


def test_our_recipe_learns_and_stores_the_last_model(tmp_path: Path) -> None:
    """With the three required names the averaged last model is stored, and it has learned."""
    job = write_job(tmp_path, REQUIRED)
    log = run(job)
    assert any(line.startswith("recipe: bakehouse ") for line in log)
    assert sum(line.startswith("Storing the last model") for line in log) == 1
    assert not any("best model with validation" in line for line in log)
    assert accuracy(job / "model") >= 0.9
    metadata = json.loads((job / "model/metadata.json").read_text())
    assert metadata["image_shape"] == [3, 16, 16]
    assert metadata["temperature"] is None
    assert metadata["hyperparameters"]["num_training_samples"] == 64
    assert metadata["training"]["stored_epoch"] == metadata["training"]["epochs"] - 1


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    """Two runs with one seed write the same graph, another seed another one."""
    graphs = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        job = write_job(tmp_path / name, REQUIRED | AWS_WAY | {"augmentation_type": "crop_color"})
        run(job, Options(seed, False, Machine(1)))
        graphs.append((job / "model/model.onnx").read_bytes())
    assert graphs[0] == graphs[1]
    assert graphs[0] != graphs[2]


@pytest.mark.parametrize("optimizer", ["nag", "adam", "rmsprop"])
def test_every_optimizer_learns(tmp_path: Path, optimizer: str) -> None:
    """The stripes are told apart whatever the optimizer."""
    rate = {"nag": "0.05", "adam": "0.003", "rmsprop": "0.001"}[optimizer]
    given = {"optimizer": optimizer, "learning_rate": rate, "epochs": "8", "mini_batch_size": "8"}
    job = write_job(tmp_path, REQUIRED | given)
    run(job)
    assert accuracy(job / "model") >= 0.75


def test_a_named_depth_builds_that_resnet_and_larger_pictures_are_cropped(tmp_path: Path) -> None:
    """num_layers 20 at 12 rows of pictures of 16, with random crops and a resize."""
    given = {"num_layers": "20", "image_shape": "3,12,12", "epochs": "1", "mini_batch_size": "16"}
    job = write_job(tmp_path, REQUIRED | given | {"augmentation_type": "crop", "resize": "14"})
    log = run(job)
    assert "recipe: AWS's table with num_layers 20" in log
    assert "image resize size: 14" in log
    assert load(job / "model", 10_000).metadata.image_shape == (3, 12, 12)


def test_early_stopping_ends_before_the_epochs_do(tmp_path: Path) -> None:
    """A learning rate of nothing cannot improve, so the rule fires."""
    given = {"learning_rate": "0.0", "epochs": "9", "mini_batch_size": "20", "momentum": "0.0"}
    stopping = {"early_stopping": "True", "early_stopping_min_epochs": "3"}
    patience = {"early_stopping_patience": "1", "early_stopping_tolerance": "1.0"}
    job = write_job(tmp_path, REQUIRED | given | stopping | patience)
    assert sum("Time cost" in line for line in run(job)) == 3


def put(path: str, content: bytes) -> Callable[[Path], object]:
    """Write a file of the job."""
    return lambda job: (job / path).write_bytes(content)


def link_out(job: Path) -> None:
    """Make a picture of the training channel a link to a file outside of it."""
    (job / "secret.png").write_bytes(encoded(striped(0, 0)))
    picture = job / "input/data/train/stripes_000.png"
    picture.unlink()
    picture.symlink_to(job / "secret.png")


def link_to_itself(job: Path) -> None:
    """Make a picture of the training channel a link that leads nowhere but to itself."""
    picture = job / "input/data/train/stripes_000.png"
    picture.unlink()
    picture.symlink_to(picture)


LIST = "input/data/train_lst/train.lst"
PICTURE = "input/data/train/stripes_003.png"
CONFIG = "input/config"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put(LIST, b"0 0 a.png\n"), "Invalid lst file in the train channel. train.lst, line 1"),
        (
            put(LIST, b"0\t0\tnowhere.png\n"),
            "Invalid lst file in the train channel. There is no file nowhere.png",
        ),
        (put(PICTURE, b"no picture"), "The image stripes_003.png of the train channel is neither"),
        (put(PICTURE, encoded(striped(0, 1))[:99]), "The image stripes_003.png"),
        (
            put(PICTURE, encoded(striped(0, 1, side=15))),
            "input image size smaller than input shape: stripes_003.png",
        ),
        (put(PICTURE, encoded(Image.new("1", (8000, 5001)))), "the limit is 40000000"),
        (put(LIST, b"0\t0\t" + b"a" * 300), "train.lst, line 1: the path"),
        (link_to_itself, "The file stripes_000.png cannot be read: "),
        (put(PICTURE, encoded(Image.new("1", (1, 65_501)))), "the limit of each side is 65500"),
        (link_out, "leads out of the channel's folder"),
        (put("input/data/train_lst/b.lst", b""), "exactly one file whose name ends with .lst"),
        (put(f"{CONFIG}/hyperparameters.json", b"{"), "hyperparameters.json does not hold JSON"),
        (put(f"{CONFIG}/hyperparameters.json", b"[]"), "must hold a JSON object"),
        (
            put(f"{CONFIG}/inputdataconfig.json", b'{"train": {}, "model": {}}'),
            "Missing input channel(s): validation, train_lst, validation_lst",
        ),
    ],
)
def test_bad_data_is_the_customers(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    """Each fault of the data is a sentence that names the file and what is wrong with it."""
    job = write_job(tmp_path, REQUIRED)
    spoil(job)
    with pytest.raises(CustomerError, match=re.escape(message)):
        run(job)


@pytest.mark.parametrize(
    ("channels", "content_type", "message"),
    [
        ((*CHANNELS, "test"), "application/x-image", "'test' is not known; the channels are train"),
        (CHANNELS, "text/csv", "content type 'text/csv' of the train channel is not one of"),
        ((*CHANNELS, "model"), "application/x-image", "of the model channel is not one of"),
        (("train",), "application/x-recordio", "Missing input channel(s): validation."),
    ],
)
def test_other_inputs_are_refused(
    tmp_path: Path, channels: tuple[str, ...], content_type: str, message: str
) -> None:
    """Channels and content types that the algorithm does not take are named."""
    job = write_job(tmp_path, REQUIRED)
    document = {name: {"ContentType": content_type} for name in channels}
    (job / "input/config/inputdataconfig.json").write_text(json.dumps(document))
    with pytest.raises(CustomerError, match=re.escape(message)):
        run(job)


def test_fewer_images_than_a_batch_is_the_customers(tmp_path: Path) -> None:
    """The sentence begins with AWS's own."""
    job = write_job(tmp_path, REQUIRED | {"mini_batch_size": "65"})
    with pytest.raises(
        CustomerError,
        match="The number of input images must be bigger or equal to the mini_batch_size",
    ):
        run(job)


def test_a_resize_beyond_the_largest_picture_is_the_customers(tmp_path: Path) -> None:
    """A side that would blow a thin picture up is refused before it does."""
    job = write_job(tmp_path, REQUIRED | {"resize": "17"})
    (job / PICTURE).write_bytes(encoded(Image.new("L", (1, 40_000))))
    with pytest.raises(CustomerError, match=r"stripes_003\.png .* resized to a shorter side of 17"):
        run(job)


def test_a_training_beyond_the_machines_memory_is_the_customers(tmp_path: Path) -> None:
    """The need is told before it is taken, with what could be made smaller."""
    given = {"image_shape": "3,4096,4096", "resize": "4097", "num_layers": "200"}
    samples = {"num_training_samples": "64", "mini_batch_size": "64", "epochs": "1"}
    configuration = read_hyperparameters(REQUIRED | given | samples)
    plan = plan_for(configuration, Machine(1), strict_defaults=False)
    with pytest.raises(CustomerError) as caught:
        check_memory(plan, Architecture(200), configuration["image_shape"], 2, 20)
    assert re.fullmatch(
        r"Training with image_shape 3,4096,4096, mini_batch_size 64 and 2 classes would need about"
        r" \d{4,} GB of memory; this machine has \d+ GB\. Take a smaller image_shape or"
        r" mini_batch_size, or fewer layers\.",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        (None, (3, 33, 70)),
        (None, (1, 5, 9)),
        (20, (3, 28, 21)),
        (18, (1, 32, 32)),
        (50, (3, 60, 72)),
    ],
)
def test_the_estimate_counts_what_the_layers_put_out(
    layers: int | None, shape: tuple[int, int, int]
) -> None:
    """The largest output and the sum of all are those of the network as it runs."""
    given = {"mini_batch_size": "1000", "image_shape": ",".join(map(str, shape))}
    if layers is not None:
        given["num_layers"] = str(layers)
    plan = plan_for(read_hyperparameters(REQUIRED | given), Machine(1), strict_defaults=False)
    architecture = Architecture(layers, () if layers else WIDTHS)
    network = build(architecture, shape, 2).eval()
    sizes: list[int] = []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _m, _i, output: sizes.append(output.numel()))
    network(torch.zeros(1, *shape))
    weights = 4 * 6 * sum(weight.numel() for weight in network.parameters())
    assert needed_bytes(plan, architecture, shape, 2, 1) == weights + 4 * 1000 * sum(sizes)


@pytest.mark.parametrize("seed", ["-1", "\uff11", "x", "1.5", str(2**63)])
def test_a_seed_that_is_no_number_is_refused(seed: str) -> None:
    """The variable is named."""
    with pytest.raises(CustomerError, match="BAKEHOUSE_SEED"):
        options_from({"BAKEHOUSE_SEED": seed})


def test_strict_defaults_are_read_from_the_environment() -> None:
    """The flag is on for the words that the settings take, off otherwise."""
    assert options_from({"BAKEHOUSE_STRICT_DEFAULTS": "1"}).strict_defaults
    assert not options_from({}).strict_defaults
    assert options_from({"BAKEHOUSE_SEED": "7"}).seed == 7


def test_a_whole_process_trains_under_the_container_contract(tmp_path: Path) -> None:
    """The command in the table trains in the folder that the environment names, and ends with 0."""
    job = write_job(tmp_path, REQUIRED | {"epochs": "1", "mini_batch_size": "32"})
    done = subprocess.run(
        ALGORITHMS["image-classification"].train_argv,
        env=os.environ | {"BAKEHOUSE_ML_ROOT": str(job)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, *rest = done.stdout.splitlines()
    assert first == "Docker entrypoint called with argument(s): train"
    form = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] ")
    assert all(form.match(line) for line in rest)
    assert (job / "model/model.onnx").exists()
    assert not (job / "output/failure").exists()


def test_a_customers_fault_ends_with_1_and_a_reason(tmp_path: Path) -> None:
    """The reason is in output/failure without blame, and in the log after Customer Error."""
    job = write_job(tmp_path, REQUIRED | {"epoch": "1"})
    command = [sys.executable, "-m", "bakehouse.algorithms.image_classification", "train"]
    done = subprocess.run(
        [*command, "--root", str(job)], capture_output=True, text=True, check=False
    )
    reason = (job / "output/failure").read_text()
    assert done.returncode == 1
    assert reason.startswith("Additional hyperparameters are not allowed ('epoch' was unexpected")
    assert re.search(r"ERROR \d+\] Customer Error: " + re.escape(reason), done.stdout)


def test_a_fault_of_ours_ends_with_2_and_its_name(tmp_path: Path) -> None:
    """A model folder that cannot be made is no fault of the user's data."""
    job = write_job(tmp_path, REQUIRED | {"epochs": "1"})
    (job / "model").write_text("in the way")
    command = [sys.executable, "-m", "bakehouse.algorithms.image_classification", "train"]
    done = subprocess.run(
        [*command, "--root", str(job)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (job / "output/failure").read_text().startswith("FileExistsError: ")
    assert "Traceback" in done.stdout


def test_a_machine_without_pytorch_says_what_to_install(tmp_path: Path) -> None:
    """Training is an extra; without it the reason names the package and the command."""
    code = (
        "import sys; sys.modules['torch'] = None;"
        "from bakehouse.algorithms.image_classification.__main__ import main;"
        f"sys.exit(main(['train', '--root', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 2
    assert (tmp_path / "output/failure").read_text() == (
        "Training needs torch, which is not installed: pip install 'bakehouse[train]'."
    )


def test_the_process_ends_when_its_parents_pipe_closes(tmp_path: Path) -> None:
    """A job whose parent died must not go on; the pipe on its standard input tells it."""
    job = write_job(tmp_path, REQUIRED | {"epochs": "100000", "mini_batch_size": "8"})
    process = subprocess.Popen(
        ALGORITHMS["image-classification"].train_argv,
        env=os.environ | {"BAKEHOUSE_ML_ROOT": str(job), "BAKEHOUSE_WATCH_STDIN": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdout as log:
        next(line for line in log if "Epoch[1]" in line)
        process.stdin.close()
        assert process.wait(timeout=20) == 1
