"""CloudWatch Logs as boto3 sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse.services.logs import service
from bakehouse.services.logs.filtering import terms_of
from bakehouse.storage.logs import LogStore
from bakehouse.storage.memory import MemoryRecords
from bakehouse.wire.types import AwsError
from support.doors import client, served

GROUP = "/aws/sagemaker/TrainingJobs"
ARN = f"arn:aws:logs:eu-central-1:123456789012:log-group:{GROUP}"


@pytest.fixture(scope="module")
def store() -> LogStore:
    """Two jobs' streams, of five and of two lines."""
    store = LogStore(MemoryRecords())
    store.append(GROUP, "job-a/algo-1-7", [(1000 + n, f"a{n} loss") for n in range(5)])
    store.append(GROUP, "job-b/algo-1-8", [(500, "b0"), (2000, "b1 loss")]).result()
    return store


@pytest.fixture(scope="module")
def logs(store: LogStore) -> Iterator[Any]:
    """A client of the store's door; it signs for another region than that of the ARNs."""
    with served([service(store, "eu-central-1")]) as url:
        yield client("logs", url)


def code_and_text(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_streams_by_prefix(logs: Any) -> None:
    """The SDK finds a job's stream by its name and a slash."""
    answer = logs.describe_log_streams(
        logGroupName=GROUP, logStreamNamePrefix="job-a/", orderBy="LogStreamName", limit=1
    )
    (stream,) = answer["logStreams"]
    assert stream["logStreamName"] == "job-a/algo-1-7"
    assert stream["arn"] == f"{ARN}:log-stream:job-a/algo-1-7"
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (1000, 1004)
    assert "nextToken" not in answer


def test_streams_in_pages_and_by_time(logs: Any) -> None:
    """Pages go on behind each other in every order."""
    for how, names in (
        ({}, ["job-a/algo-1-7", "job-b/algo-1-8"]),
        ({"descending": True}, ["job-b/algo-1-8", "job-a/algo-1-7"]),
        ({"orderBy": "LastEventTime"}, ["job-a/algo-1-7", "job-b/algo-1-8"]),
    ):
        first = logs.describe_log_streams(logGroupName=GROUP, limit=1, **how)
        rest = logs.describe_log_streams(
            logGroupName=GROUP, limit=1, nextToken=first["nextToken"], **how
        )
        found = [part["logStreams"][0]["logStreamName"] for part in (first, rest)]
        assert found == names
        assert "nextToken" not in rest


def test_missing_group_has_awss_sentence(logs: Any) -> None:
    """The SDK waits on this error until the group is there."""
    with pytest.raises(ClientError) as refused:
        logs.describe_log_streams(logGroupName="/none", logStreamNamePrefix="x/")
    text = "The specified log group does not exist."
    assert code_and_text(refused) == ("ResourceNotFoundException", text)
    with pytest.raises(ClientError) as refused:
        logs.get_log_events(logGroupName=GROUP, logStreamName="none")
    text = "The specified log stream does not exist."
    assert code_and_text(refused) == ("ResourceNotFoundException", text)


def test_tail_as_the_sdk_does_it(logs: Any, store: LogStore) -> None:
    """Reading on with a token, past empty pages, gives every line once."""
    stream = {"logGroupName": "/tail", "logStreamName": "job/algo-1-1", "startFromHead": True}
    store.append("/tail", "job/algo-1-1", [(1, "one")]).result()
    first = logs.get_log_events(**stream)
    empty = logs.get_log_events(**stream, nextToken=first["nextForwardToken"])
    assert empty["events"] == []
    assert empty["nextForwardToken"] == first["nextForwardToken"]
    store.append("/tail", "job/algo-1-1", [(1, "two")]).result()
    last = logs.get_log_events(**stream, nextToken=empty["nextForwardToken"])
    assert [event["message"] for event in last["events"]] == ["two"]


def test_start_time_filters_inclusively(logs: Any) -> None:
    """Lines at the start time are given, those at the end time are not."""
    answer = logs.get_log_events(
        logGroupIdentifier=ARN,
        logStreamName="job-a/algo-1-7",
        startTime=1001,
        endTime=1004,
        startFromHead=True,
    )
    assert [event["message"] for event in answer["events"]] == ["a1 loss", "a2 loss", "a3 loss"]
    assert answer["events"][0]["timestamp"] == 1001


def test_newest_first_page_without_start_from_head(logs: Any) -> None:
    """By default the last lines come, and the backward token leads to those before."""
    stream = {"logGroupName": GROUP, "logStreamName": "job-a/algo-1-7", "limit": 2}
    newest = logs.get_log_events(**stream)
    assert [event["message"] for event in newest["events"]] == ["a3 loss", "a4 loss"]
    older = logs.get_log_events(**stream, nextToken=newest["nextBackwardToken"])
    assert [event["message"] for event in older["events"]] == ["a1 loss", "a2 loss"]


def test_bad_token_is_refused(logs: Any) -> None:
    """A token that is not one of ours is no position."""
    with pytest.raises(ClientError) as refused:
        logs.get_log_events(logGroupName=GROUP, logStreamName="job-a/algo-1-7", nextToken="x")
    assert code_and_text(refused)[0] == "InvalidParameterException"


def test_filter_over_streams(logs: Any) -> None:
    """Matching lines of several streams come mixed by time; pages give each of them once."""
    wanted = {"logGroupName": GROUP, "logStreamNames": ["job-a/algo-1-7", "job-b/algo-1-8"]}
    answer = logs.filter_log_events(**wanted, filterPattern="loss", startTime=1003, endTime=2000)
    assert [event["message"] for event in answer["events"]] == ["a3 loss", "a4 loss", "b1 loss"]
    pages = logs.get_paginator("filter_log_events").paginate(**wanted, limit=3)
    found = [event["message"] for page in pages for event in page["events"]]
    assert sorted(found) == ["a0 loss", "a1 loss", "a2 loss", "a3 loss", "a4 loss", "b0", "b1 loss"]


def test_terms_of_patterns() -> None:
    """Words and phrases are understood; other patterns are refused, not misread."""
    assert terms_of('  ERROR "disk full" net ') == ["ERROR", "disk full", "net"]
    for pattern in ('{ $.level = "x" }', "[a, b]", "-DEBUG", "?a ?b", "%re%", '"open'):
        with pytest.raises(AwsError):
            terms_of(pattern)


def test_put_and_read_back(logs: Any) -> None:
    """A group, a stream and its events can be made from outside, and taken away again."""
    logs.create_log_group(logGroupName="/mine")
    logs.create_log_stream(logGroupName="/mine", logStreamName="s")
    events = [{"timestamp": 5, "message": "hällo"}, {"timestamp": 6, "message": "x"}]
    logs.put_log_events(logGroupName="/mine", logStreamName="s", logEvents=events)
    found = logs.get_log_events(logGroupName="/mine", logStreamName="s")["events"]
    assert [event["message"] for event in found] == ["hällo", "x"]
    groups = logs.describe_log_groups(logGroupNamePrefix="/mine")["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/mine"]
    with pytest.raises(ClientError) as refused:
        logs.create_log_group(logGroupName="/mine")
    assert code_and_text(refused)[0] == "ResourceAlreadyExistsException"
    with pytest.raises(ClientError) as refused:
        logs.put_log_events(logGroupName="/mine", logStreamName="s", logEvents=events[::-1])
    assert "chronological" in code_and_text(refused)[1]
    logs.delete_log_group(logGroupName="/mine")
    assert logs.describe_log_groups(logGroupNamePrefix="/mine")["logGroups"] == []
