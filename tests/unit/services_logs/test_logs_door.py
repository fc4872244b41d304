"""CloudWatch Logs as boto3 sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse import clock
from bakehouse.services.logs import service
from bakehouse.storage.logs import LogStore
from bakehouse.storage.memory import MemoryRecords
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
    by_time = ["b0", "a0 loss", "a1 loss", "a2 loss", "a3 loss", "a4 loss", "b1 loss"]
    for newest_first in (False, True):
        pages = logs.get_paginator("filter_log_events").paginate(
            **wanted, limit=3, startFromHead=not newest_first
        )
        found = [event["message"] for page in pages for event in page["events"]]
        assert found == (by_time[::-1] if newest_first else by_time)


@pytest.mark.parametrize(
    "request_",
    [
        {"filterPattern": "[a, b]"},
        {"nextToken": "x"},
        {"logStreamNames": ["none"]},
        {"logStreamNames": ["job-a/algo-1-7"], "logStreamNamePrefix": "job"},
    ],
)
def test_searches_that_are_refused(logs: Any, request_: dict[str, Any]) -> None:
    """What cannot be searched is refused, and never read as something else."""
    with pytest.raises(ClientError) as refused:
        logs.filter_log_events(logGroupName=GROUP, **request_)
    codes = ("InvalidParameterException", "ResourceNotFoundException")
    assert code_and_text(refused)[0] in codes


def test_put_and_read_back(logs: Any) -> None:
    """A group, a stream and its events can be made from outside, and taken away again."""
    logs.create_log_group(logGroupName="/mine")
    logs.create_log_stream(logGroupName="/mine", logStreamName="s")
    now = clock.epoch_ms()
    events = [{"timestamp": now, "message": "hällo"}, {"timestamp": now + 1, "message": "x"}]
    put = logs.put_log_events(logGroupName="/mine", logStreamName="s", logEvents=events)
    assert put["nextSequenceToken"]
    assert "rejectedLogEventsInfo" not in put
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


def test_events_of_another_time_are_left_out_and_told(logs: Any) -> None:
    """Too old, expired and too new events are named by their indices; the others are kept."""
    where = {"logGroupName": "/times", "logStreamName": "s"}
    logs.create_log_group(logGroupName="/times")
    logs.create_log_stream(**where)
    logs.put_retention_policy(logGroupName="/times", retentionInDays=7)
    now, day = clock.epoch_ms(), 86_400_000
    times = [now - 15 * day, now - 8 * day, now - 60_000, now, now + 3 * 3_600_000]
    put = logs.put_log_events(
        **where, logEvents=[{"timestamp": at, "message": str(n)} for n, at in enumerate(times)]
    )
    assert put["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 1,
        "expiredLogEventEndIndex": 2,
        "tooNewLogEventStartIndex": 4,
    }
    found = logs.get_log_events(**where)["events"]
    assert [event["message"] for event in found] == ["2", "3"]


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([(0, "x" * 700_000), (1, "y" * 400_000)], "Upload too large"),
        ([(-90_000_000, "a"), (0, "b")], "cannot span more than 24 hours"),
        ([(1, "a"), (0, "b")], "chronological"),
    ],
)
def test_batches_that_are_refused(logs: Any, events: list[tuple[int, str]], text: str) -> None:
    """A batch that breaks AWS's limits is refused whole, with AWS's code."""
    now = clock.epoch_ms()
    batch = [{"timestamp": now + at, "message": message} for at, message in events]
    with pytest.raises(ClientError) as refused:
        logs.put_log_events(logGroupName=GROUP, logStreamName="job-a/algo-1-7", logEvents=batch)
    assert code_and_text(refused)[0] == "InvalidParameterException"
    assert text in code_and_text(refused)[1]


def test_a_groups_settings(logs: Any) -> None:
    """How long it keeps events, its class, its key and its tags are kept and told."""
    logs.create_log_group(
        logGroupName="/set", logGroupClass="INFREQUENT_ACCESS", kmsKeyId="k", tags={"team": "ml"}
    )
    logs.put_retention_policy(logGroupName="/set", retentionInDays=30)
    (group,) = logs.describe_log_groups(logGroupNamePattern="SET")["logGroups"]
    assert (group["retentionInDays"], group["kmsKeyId"]) == (30, "k")
    assert group["logGroupClass"] == "INFREQUENT_ACCESS"
    logs.tag_resource(resourceArn=group["logGroupArn"], tags={"a": "1", "b": "2"})
    logs.untag_log_group(logGroupName="/set", tags=["b"])
    tags = {"team": "ml", "a": "1"}
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == tags
    assert logs.list_tags_log_group(logGroupName="/set")["tags"] == tags
    logs.delete_retention_policy(logGroupName="/set")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/set")["logGroups"]
    assert "retentionInDays" not in group


def test_settings_that_are_refused(logs: Any) -> None:
    """Another number of days, a 51st tag and an ARN of something else are not taken."""
    logs.create_log_group(logGroupName="/bad")
    with pytest.raises(ClientError) as refused:
        logs.put_retention_policy(logGroupName="/bad", retentionInDays=2)
    assert code_and_text(refused)[0] == "InvalidParameterException"
    logs.tag_log_group(logGroupName="/bad", tags={str(n): "" for n in range(50)})
    arn = logs.describe_log_groups(logGroupNamePrefix="/bad")["logGroups"][0]["logGroupArn"]
    with pytest.raises(ClientError) as refused:
        logs.tag_resource(resourceArn=arn, tags={"one more": ""})
    assert code_and_text(refused)[0] == "TooManyTagsException"
    with pytest.raises(ClientError) as refused:
        logs.list_tags_for_resource(resourceArn="arn:aws:s3:::b")
    assert code_and_text(refused)[0] == "InvalidParameterException"
    with pytest.raises(ClientError) as refused:
        logs.create_log_group(logGroupName="/protected", deletionProtectionEnabled=True)
    assert code_and_text(refused)[0] == "InvalidParameterException"


def test_a_stream_is_deleted(logs: Any) -> None:
    """It is gone from its group, and a second time it is not there."""
    where = {"logGroupName": "/gone", "logStreamName": "s"}
    logs.create_log_group(logGroupName="/gone")
    logs.create_log_stream(**where)
    logs.delete_log_stream(**where)
    assert logs.describe_log_streams(logGroupName="/gone")["logStreams"] == []
    with pytest.raises(ClientError) as refused:
        logs.delete_log_stream(**where)
    assert code_and_text(refused)[0] == "ResourceNotFoundException"


def test_a_page_of_streams_goes_on_where_one_was_deleted(logs: Any) -> None:
    """A token names a place in the order, not a stream that has to be there."""
    logs.create_log_group(logGroupName="/pages")
    for name in "abcd":
        logs.create_log_stream(logGroupName="/pages", logStreamName=name)
    how: dict[str, Any] = {"logGroupName": "/pages", "descending": True, "limit": 2}
    first = logs.describe_log_streams(**how)
    logs.delete_log_stream(logGroupName="/pages", logStreamName="c")
    rest = logs.describe_log_streams(**how, nextToken=first["nextToken"])
    assert [stream["logStreamName"] for stream in rest["logStreams"]] == ["b", "a"]


def test_a_group_by_name_and_by_arn_at_once_is_refused(logs: Any) -> None:
    """One of the two says which group; both could say different things."""
    for how in ({}, {"logGroupName": GROUP, "logGroupIdentifier": ARN}):
        with pytest.raises(ClientError) as refused:
            logs.get_log_events(logStreamName="s", **how)
        assert code_and_text(refused)[0] == "InvalidParameterException"
