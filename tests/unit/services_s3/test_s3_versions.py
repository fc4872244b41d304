"""Versions of objects, as a real boto3 client keeps, reads and removes them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

PART = 5 * 1024**2


def versioning(client: Any, bucket: str, status: str) -> None:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def put(client: Any, bucket: str, key: str, body: bytes) -> str | None:
    version: str | None = client.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")
    return version


def body_of(client: Any, bucket: str, key: str, version: str | None = None) -> bytes:
    named = {} if version is None else {"VersionId": version}
    body: bytes = client.get_object(Bucket=bucket, Key=key, **named)["Body"].read()
    return body


def listed(client: Any, bucket: str, **more: Any) -> list[tuple[str, str, bool, str]]:
    """Key, version, whether it is the latest and which kind, of everything that is there."""
    page = client.list_object_versions(Bucket=bucket, **more)
    found = [(v, "object") for v in page.get("Versions", [])]
    found += [(v, "marker") for v in page.get("DeleteMarkers", [])]
    return [(v["Key"], v["VersionId"], v["IsLatest"], kind) for v, kind in found]


def refused(call: Any, **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: dict[str, Any] = caught.value.response
    return response


def code_of(call: Any, **params: Any) -> tuple[str, int]:
    response = refused(call, **params)
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def versioned(client: Any, bucket: str) -> str:
    """A bucket that keeps versions."""
    versioning(client, bucket, "Enabled")
    return bucket


def test_a_bucket_says_whether_it_keeps_versions(client: Any, bucket: str) -> None:
    """Nothing at first, then what was set last; anything but the two words is no XML of S3's."""
    assert "Status" not in client.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        versioning(client, bucket, status)
        assert client.get_bucket_versioning(Bucket=bucket)["Status"] == status
    wrong = {"Bucket": bucket, "VersioningConfiguration": {"Status": "On"}}
    assert code_of(client.put_bucket_versioning, **wrong) == ("MalformedXML", 400)
    wrong["VersioningConfiguration"] = {"Status": "Enabled", "MFADelete": "Enabled"}
    assert code_of(client.put_bucket_versioning, **wrong) == ("NotImplemented", 501)
    without = {"Status": "Enabled", "MFADelete": "Disabled"}
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=without)


def test_each_write_makes_a_version_and_the_last_is_the_current_one(
    client: Any, versioned: str
) -> None:
    """All stay readable by their ids, short ones and long ones."""
    bodies = [b"first", os.urandom(200_000), b"", b"fourth"]
    ids = [put(client, versioned, "a/key", body) for body in bodies]
    assert len({*ids}) == 4
    assert body_of(client, versioned, "a/key") == b"fourth"
    for version, body in zip(ids, bodies, strict=True):
        assert body_of(client, versioned, "a/key", version) == body
        head = client.head_object(Bucket=versioned, Key="a/key", VersionId=version)
        assert (head["ContentLength"], head["VersionId"]) == (len(body), version)
    newest_first = [(v, n == 0) for n, v in enumerate(reversed(ids))]
    assert [(v, latest) for _, v, latest, _ in listed(client, versioned)] == newest_first


def test_a_removed_version_is_gone_and_the_one_before_is_current(
    client: Any, versioned: str
) -> None:
    """Also where it was the current one; with the last of them the key is gone."""
    ids = [put(client, versioned, "key", f"v{n}".encode()) for n in range(4)]
    for version, now in ((ids[3], b"v2"), (ids[1], b"v2"), (ids[2], b"v0")):
        gone = client.delete_object(Bucket=versioned, Key="key", VersionId=version)
        assert (gone["VersionId"], gone.get("DeleteMarker")) == (version, None)
        assert body_of(client, versioned, "key") == now
        missing = {"Bucket": versioned, "Key": "key", "VersionId": version}
        assert code_of(client.get_object, **missing) == ("NoSuchVersion", 404)
    client.delete_object(Bucket=versioned, Key="key", VersionId=ids[0])
    assert code_of(client.get_object, Bucket=versioned, Key="key") == ("NoSuchKey", 404)
    assert listed(client, versioned) == []
    client.delete_bucket(Bucket=versioned)


def test_a_delete_marker_hides_an_object_until_it_is_removed(client: Any, versioned: str) -> None:
    """The answers tell of it by headers; by its own id it can only be deleted."""
    version = put(client, versioned, "key", b"content")
    marker = client.delete_object(Bucket=versioned, Key="key")
    assert marker["DeleteMarker"]
    assert marker["VersionId"] != version
    for call in (client.get_object, client.head_object):
        answer = refused(call, Bucket=versioned, Key="key")
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert headers["x-amz-delete-marker"] == "true"
        assert headers["x-amz-version-id"] == marker["VersionId"]
        named = refused(call, Bucket=versioned, Key="key", VersionId=marker["VersionId"])
        assert named["ResponseMetadata"]["HTTPStatusCode"] == 405
        assert named["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    assert "Contents" not in client.list_objects_v2(Bucket=versioned)
    assert body_of(client, versioned, "key", version) == b"content"
    assert listed(client, versioned) == [
        ("key", version, False, "object"),
        ("key", marker["VersionId"], True, "marker"),
    ]
    undone = client.delete_object(Bucket=versioned, Key="key", VersionId=marker["VersionId"])
    assert (undone["DeleteMarker"], undone["VersionId"]) == (True, marker["VersionId"])
    assert body_of(client, versioned, "key") == b"content"


def test_markers_pile_up_and_are_made_for_keys_that_never_were(client: Any, versioned: str) -> None:
    """Removing the newest shows the one below, and only the last of them shows the object."""
    put(client, versioned, "key", b"content")
    markers = [client.delete_object(Bucket=versioned, Key="key")["VersionId"] for _ in range(3)]
    for marker in (markers[2], markers[0], markers[1]):
        assert code_of(client.head_object, Bucket=versioned, Key="key") == ("404", 404)
        client.delete_object(Bucket=versioned, Key="key", VersionId=marker)
    assert body_of(client, versioned, "key") == b"content"
    assert client.delete_object(Bucket=versioned, Key="never")["DeleteMarker"]
    assert ("never", True) in [(key, latest) for key, _, latest, _ in listed(client, versioned)]


def test_a_bucket_with_versions_is_not_empty(client: Any, versioned: str) -> None:
    """Nor is one that has only delete markers; the message says why nothing is to be seen in it."""
    version = put(client, versioned, "key", b"")
    marker = client.delete_object(Bucket=versioned, Key="key")["VersionId"]
    for one in (version, marker):
        assert code_of(client.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
        with pytest.raises(ClientError, match="must delete all versions in the bucket"):
            client.delete_bucket(Bucket=versioned)
        client.delete_object(
            Bucket=versioned, Key="key", VersionId=one, BypassGovernanceRetention=True
        )
    client.delete_bucket(Bucket=versioned)


def test_what_was_there_before_is_the_null_version(client: Any, bucket: str) -> None:
    """It stays, under that id, when the bucket begins to keep versions, and can be removed."""
    assert put(client, bucket, "key", b"before") is None
    assert "VersionId" not in client.head_object(Bucket=bucket, Key="key")
    versioning(client, bucket, "Enabled")
    assert client.head_object(Bucket=bucket, Key="key")["VersionId"] == "null"
    version = put(client, bucket, "key", b"after")
    assert listed(client, bucket) == [
        ("key", version, True, "object"),
        ("key", "null", False, "object"),
    ]
    assert body_of(client, bucket, "key", "null") == b"before"
    client.delete_object(Bucket=bucket, Key="key", VersionId="null")
    assert code_of(client.get_object, Bucket=bucket, Key="key", VersionId="null")[1] == 404
    assert body_of(client, bucket, "key") == b"after"


def test_a_suspended_bucket_replaces_its_null_version_and_keeps_the_others(
    client: Any, versioned: str
) -> None:
    """Whether the null one is current, or below others, or a delete marker."""
    first = put(client, versioned, "key", b"first")
    versioning(client, versioned, "Suspended")
    assert put(client, versioned, "key", b"null 1") is None
    assert put(client, versioned, "key", b"null 2") is None
    assert [v for _, v, _, _ in listed(client, versioned)] == ["null", first]
    versioning(client, versioned, "Enabled")
    second = put(client, versioned, "key", b"second")
    assert [v for _, v, _, _ in listed(client, versioned)] == [second, "null", first]
    versioning(client, versioned, "Suspended")
    put(client, versioned, "key", b"null 3")
    assert [v for _, v, _, _ in listed(client, versioned)] == ["null", second, first]
    assert body_of(client, versioned, "key", "null") == b"null 3"
    marker = client.delete_object(Bucket=versioned, Key="key")
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    assert sorted(listed(client, versioned)) == sorted(
        [
            ("key", "null", True, "marker"),
            ("key", second, False, "object"),
            ("key", first, False, "object"),
        ]
    )
    client.delete_object(Bucket=versioned, Key="key", VersionId="null")
    assert body_of(client, versioned, "key") == b"second"


def test_many_versions_are_removed_together(client: Any, versioned: str) -> None:
    """By version, by key, and some that are not there; each answer tells what it left."""
    one, two = (put(client, versioned, key, b"") for key in ("a", "b"))
    wanted = [{"Key": "a", "VersionId": one}, {"Key": "b"}, {"Key": "c"}]
    answer = client.delete_objects(Bucket=versioned, Delete={"Objects": wanted})
    assert "Errors" not in answer
    deleted = {entry["Key"]: entry for entry in answer["Deleted"]}
    assert deleted["a"] == {"Key": "a", "VersionId": one}
    for key in ("b", "c"):
        assert deleted[key]["DeleteMarker"]
        assert "VersionId" not in deleted[key]
    marker = deleted["b"]["DeleteMarkerVersionId"]
    gone = client.delete_objects(
        Bucket=versioned, Delete={"Objects": [{"Key": "b", "VersionId": marker}]}
    )
    expected = {"DeleteMarker": True, "DeleteMarkerVersionId": marker, "VersionId": marker}
    assert gone["Deleted"] == [{"Key": "b"} | expected]
    assert body_of(client, versioned, "b", two) == b""
    bad = [{"Key": "b", "VersionId": "nonsense"}, {"Key": "b"}]
    mixed = client.delete_objects(Bucket=versioned, Delete={"Objects": bad, "Quiet": True})
    assert [(e["Key"], e["Code"]) for e in mixed["Errors"]] == [("b", "InvalidArgument")]
    assert "Deleted" not in mixed


def test_versions_are_listed_by_key_and_newest_first_in_pages(client: Any, versioned: str) -> None:
    """Pages of any size hold the same, and their markers name real versions."""
    for key in ("b", "a/1", "a/2", "b", "é\n", "b"):
        put(client, versioned, key, key.encode())
    client.delete_object(Bucket=versioned, Key="b")
    paginator = client.get_paginator("list_object_versions")
    whole: list[tuple[str, str]] | None = None
    for size in (1000, 1, 2, 3):
        pages = list(paginator.paginate(Bucket=versioned, PaginationConfig={"PageSize": size}))
        kinds = ("Versions", "DeleteMarkers")
        flat = [(v["Key"], v["VersionId"]) for p in pages for k in kinds for v in p.get(k, [])]
        assert sorted(flat) == sorted(whole or flat)
        whole = flat
        assert all(len(p.get("Versions", [])) <= size for p in pages)
    rolled = client.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [p["Prefix"] for p in rolled["CommonPrefixes"]] == ["a/"]
    assert {v["Key"] for v in rolled["Versions"]} == {"b", "é\n"}
    page = client.list_object_versions(Bucket=versioned, Delimiter="/", MaxKeys=1)
    assert (page["IsTruncated"], page["NextKeyMarker"]) == (True, "a/")
    after = client.list_object_versions(Bucket=versioned, Delimiter="/", KeyMarker="a/", MaxKeys=2)
    assert "CommonPrefixes" not in after
    assert {key for key, _, _, _ in listed(client, versioned, Prefix="a/")} == {"a/1", "a/2"}
    alone = {"Bucket": versioned, "VersionIdMarker": "null"}
    assert code_of(client.list_object_versions, **alone) == ("InvalidArgument", 400)


@pytest.mark.parametrize("size", [1, 2, 3, 128])
def test_a_bucket_can_be_emptied_page_by_page(client: Any, bucket: str, size: int) -> None:
    """What a page named is gone when the next is asked for; empty markers mean the beginning."""
    put(client, bucket, "a", b"before versions")
    versioning(client, bucket, "Enabled")
    for key in ("a", "b", "a", "c", "a", "b"):
        put(client, bucket, key, key.encode())
    client.delete_object(Bucket=bucket, Key="b")
    versioning(client, bucket, "Suspended")
    put(client, bucket, "c", b"null")
    key_marker = version_marker = ""
    removed = 0
    while True:
        page = client.list_object_versions(
            Bucket=bucket, KeyMarker=key_marker, VersionIdMarker=version_marker, MaxKeys=size
        )
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
        removed += len(named)
        if not page["IsTruncated"]:
            break
        key_marker, version_marker = page["NextKeyMarker"], page["NextVersionIdMarker"]
    assert removed == 9
    client.delete_bucket(Bucket=bucket)


def test_keys_with_zeros_and_neighbours_keep_their_versions_apart(
    client: Any, versioned: str
) -> None:
    """Keys that begin like each other never see one another's versions."""
    keys = ["k", "k\x00", "k\x00\x01", "k\x00\x02", "k/", "k\x01"]
    ids = {key: [put(client, versioned, key, key.encode()) for _ in range(2)] for key in keys}
    for key, (old, new) in ids.items():
        assert body_of(client, versioned, key, old) == key.encode()
        client.delete_object(Bucket=versioned, Key=key, VersionId=new)
    found = listed(client, versioned, EncodingType="url")
    assert [v for _, v, _, _ in found] == [ids[key][0] for key in sorted(keys)]
    assert all(latest for _, _, latest, _ in found)


def test_a_copy_can_take_an_old_version(client: Any, versioned: str) -> None:
    """Over itself too, which restores it; the answer names both versions."""
    old = put(client, versioned, "key", b"old")
    put(client, versioned, "key", b"new")
    source = {"Bucket": versioned, "Key": "key", "VersionId": old}
    copied = client.copy_object(Bucket=versioned, Key="key", CopySource=source)
    assert copied["CopySourceVersionId"] == old
    assert copied["VersionId"] not in (None, old)
    assert body_of(client, versioned, "key") == b"old"
    marker = client.delete_object(Bucket=versioned, Key="key")["VersionId"]
    source["VersionId"] = marker
    refusal = code_of(client.copy_object, Bucket=versioned, Key="x", CopySource=source)
    assert refusal == ("InvalidRequest", 400)
    del source["VersionId"]
    refusal = code_of(client.copy_object, Bucket=versioned, Key="x", CopySource=source)
    assert refusal == ("NoSuchKey", 404)


def test_an_upload_in_parts_makes_a_version(client: Any, versioned: str) -> None:
    """And its parts can come from an old version."""
    old = put(client, versioned, "key", b"x" * PART)
    put(client, versioned, "key", b"short")
    upload = client.create_multipart_upload(Bucket=versioned, Key="key")["UploadId"]
    common = {"Bucket": versioned, "Key": "key", "UploadId": upload}
    source = {"Bucket": versioned, "Key": "key", "VersionId": old}
    copied = client.upload_part_copy(**common, PartNumber=1, CopySource=source)
    assert copied["CopySourceVersionId"] == old
    last = client.upload_part(**common, PartNumber=2, Body=b"end")
    etags = [copied["CopyPartResult"]["ETag"], last["ETag"]]
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
    done = client.complete_multipart_upload(**common, MultipartUpload={"Parts": parts})
    assert body_of(client, versioned, "key", done["VersionId"]) == b"x" * PART + b"end"
    client.delete_object(Bucket=versioned, Key="key")
    assert body_of(client, versioned, "key", done["VersionId"])[-3:] == b"end"


def test_ids_that_no_version_can_have_are_refused(client: Any, versioned: str, bucket: str) -> None:
    """Reading says so; what only does not exist is not found, and removing it is no error."""
    version = put(client, versioned, "key", b"")
    assert version is not None
    wrong = {"Bucket": versioned, "Key": "key", "VersionId": "../../key"}
    assert code_of(client.get_object, **wrong) == ("InvalidArgument", 400)
    assert code_of(client.delete_object, **wrong) == ("InvalidArgument", 400)
    other = {"Bucket": versioned, "Key": "key", "VersionId": "f" * len(version)}
    assert code_of(client.get_object, **other) == ("NoSuchVersion", 404)
    assert client.delete_object(**other)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert body_of(client, versioned, "key") == b""


def test_writers_and_removers_of_one_key_leave_a_whole_history(client: Any, versioned: str) -> None:
    """Eight at a time, none is lost, and exactly one version is the latest."""
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda n: put(client, versioned, "key", b"%d" % n), range(24)))
        assert len({*ids}) == 24
        removed = ids[::2]
        calls = [
            threads.submit(client.delete_object, Bucket=versioned, Key="key", VersionId=version)
            for version in removed
        ]
        for call in calls:
            call.result()
    found = listed(client, versioned)
    assert {v for _, v, _, _ in found} == {*ids[1::2]}
    assert [latest for _, _, latest, _ in found] == [True] + [False] * 11
    for version, number in zip(ids[1::2], range(1, 24, 2), strict=True):
        assert body_of(client, versioned, "key", version) == b"%d" % number
