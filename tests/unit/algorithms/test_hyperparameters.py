from __future__ import annotations

from pathlib import Path

import pytest

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.hardware import Machine
from bakehouse.algorithms.image_classification.hyperparameters import (
    TABLE,
    Configuration,
    read_hyperparameters,
)
from bakehouse.algorithms.image_classification.plan import AwsTable, Plan, Recipe, plan_for

REQUIRED = {"image_shape": "3,32,32", "num_classes": "2", "num_training_samples": "1000"}


def chosen(configuration: Configuration) -> Plan:
    """The plan on an ordinary machine."""
    return plan_for(configuration, Machine(2), strict_defaults=False)


def test_three_names_take_our_recipe() -> None:
    """Where nothing about training is named, the recipe is ours."""
    plan = plan_for(read_hyperparameters(REQUIRED), Machine(2), strict_defaults=False)
    assert isinstance(plan, Recipe)


def test_three_names_take_awss_table_under_strict_defaults() -> None:
    """Strict defaults are AWS's documented ones."""
    plan = plan_for(read_hyperparameters(REQUIRED), Machine(2), strict_defaults=True)
    assert isinstance(plan, AwsTable)
    assert (plan.num_layers, plan.epochs, plan.batch_size) == (152, 30, 32)
    assert (plan.optimizer, plan.learning_rate, plan.momentum) == ("sgd", 0.1, 0.9)
    assert plan.augmentation is None
    assert plan.early_stopping is None


def test_named_values_are_honoured_exactly() -> None:
    """What is named is what the plan holds; AWS's table fills in the rest."""
    given = {"epochs": "7", "lr_scheduler_step": "2,5", "early_stopping": "True", "eps": "1e-3"}
    plan = chosen(read_hyperparameters(REQUIRED | given))
    assert isinstance(plan, AwsTable)
    assert (plan.epochs, plan.lr_scheduler_step, plan.eps) == (7, (2, 5), 1e-3)
    assert plan.early_stopping == (10, 5, 0.0)
    assert plan.num_layers is None


def test_names_that_do_not_shape_training_keep_our_recipe() -> None:
    """A larger log and neutral values are no recipe of the user's own."""
    given = {"top_k": "2", "use_pretrained_model": "0", "precision_dtype": "float32"}
    assert isinstance(chosen(read_hyperparameters(REQUIRED | given)), Recipe)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """A slip of the pen names what was probably meant."""
    with pytest.raises(CustomerError, match=r"'epoch' was unexpected; .* is 'epochs'"):
        read_hyperparameters(REQUIRED | {"epoch": "3"})


def test_missing_names_are_listed_as_aws_does() -> None:
    """The text is the one of AWS's toolkit."""
    with pytest.raises(CustomerError) as caught:
        read_hyperparameters({"image_shape": "3,32,32"})
    assert str(caught.value) == (
        "No value(s) were specified for 'num_classes', 'num_training_samples' which are required"
        " hyperparameter(s) (caused by ValidationError)"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("num_classes", "1"),
        ("num_classes", "two"),
        ("num_training_samples", "0"),
        ("image_shape", "32,32"),
        ("image_shape", "2,32,32"),
        ("image_shape", "3,2,32"),
        ("epochs", "-3"),
        ("epochs", "1.5"),
        ("epochs", "\uff11"),
        ("epochs", "1_0"),
        ("learning_rate", "\uff11"),
        ("learning_rate", "0_0.1"),
        ("learning_rate", "inf"),
        ("image_shape", "3,\uff13\uff12,32"),
        ("lr_scheduler_step", "1\uff10"),
        ("learning_rate", "1.01"),
        ("learning_rate", "nan"),
        ("optimizer", "sgdm"),
        ("num_layers", "19"),
        ("lr_scheduler_step", "10;20"),
        ("early_stopping", "true"),
        ("augmentation_type", "flip"),
        ("resize", "32"),
        ("resize", "65501"),
        ("resize", "1" + "0" * 180),
        ("top_k", "1"),
        ("top_k", "3"),
    ],
)
def test_a_value_out_of_range_names_itself_and_what_is_allowed(name: str, text: str) -> None:
    """The sentence holds the value, the name and the range."""
    with pytest.raises(CustomerError) as caught:
        read_hyperparameters(REQUIRED | {name: text})
    assert f"The value '{text}' is not valid for the '{name}' hyperparameter which expects " in str(
        caught.value
    )


def test_checkpoints_come_at_most_as_rarely_as_the_last_epoch() -> None:
    """The bound is the epochs of the plan, whoever chose them."""
    for given in ({"epochs": "3"}, {}):
        configuration = read_hyperparameters(REQUIRED | given | {"checkpoint_frequency": "101"})
        with pytest.raises(CustomerError, match=r"at most the \d+ epochs"):
            chosen(configuration)


def test_pretrained_weights_are_of_the_deep_networks() -> None:
    """The depths for small pictures have none, as on AWS."""
    with pytest.raises(CustomerError, match="18, 34, 50, 101, 152, 200 where use_pretrained_model"):
        read_hyperparameters(REQUIRED | {"use_pretrained_model": "1", "num_layers": "20"})


def test_the_recipe_follows_the_machine_unless_a_precision_is_named() -> None:
    """Fast products in 16 bits are used where there are any, and not where float32 is asked for."""
    fast = Machine(2, bfloat16=True)
    for given, machine, precision in (
        ({}, Machine(2), "float32"),
        ({}, fast, "mixed"),
        ({"precision_dtype": "float32"}, fast, "float32"),
        ({"precision_dtype": "float16"}, Machine(2), "mixed"),
        ({"epochs": "2"}, fast, "float32"),
        ({"epochs": "2", "precision_dtype": "float16"}, Machine(2), "mixed"),
    ):
        plan = plan_for(read_hyperparameters(REQUIRED | given), machine, strict_defaults=False)
        assert plan.precision == precision, (given, machine)


@pytest.mark.parametrize(("layers", "shape"), [("20", "3,32,32"), ("18", "3,28,28")])
def test_a_depth_has_to_fit_the_rows(layers: str, shape: str) -> None:
    """The two families of networks belong to pictures below and above 28 rows."""
    configuration = read_hyperparameters(REQUIRED | {"num_layers": layers, "image_shape": shape})
    with pytest.raises(CustomerError, match=f"no experiments done on num_layers {layers}"):
        chosen(configuration)


def test_each_default_is_a_value_that_its_row_accepts() -> None:
    """Every default, written as text, reads back as itself."""
    for row in TABLE:
        if row.default is not None:
            default = row.default
            text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
            assert row.parse(text) == default, row.name


def test_a_small_data_set_is_seen_more_often_than_a_large_one() -> None:
    """The epochs of our recipe follow the number of samples, between two limits."""

    def epochs(samples: int) -> int:
        given = REQUIRED | {"num_training_samples": str(samples)}
        return chosen(read_hyperparameters(given)).epochs

    assert epochs(10) == 100
    assert epochs(10_000_000) == 8
    assert 100 > epochs(1000) > epochs(4000) > epochs(50_000) > 8


def test_every_hyperparameter_is_in_the_reference() -> None:
    """The page names each row of the table."""
    page = Path(__file__).parents[3] / "docs/reference/image-classification.md"
    text = page.read_text("utf-8")
    assert [row.name for row in TABLE if f"`{row.name}`" not in text] == []
