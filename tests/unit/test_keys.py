"""The key pairs of a data folder, temporary keys, and the variables of clients."""

from __future__ import annotations

import json
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bakehouse import clock, keys, sessions
from bakehouse.faults import AlreadyExists, InvalidInput, NotFound, StorageFailed
from bakehouse.sessions import Session


def test_a_folder_keeps_its_keys(tmp_path: Path) -> None:
    """Keys are made once, for their owner only."""
    pair = keys.load_or_make(tmp_path)
    assert keys.load_or_make(tmp_path) == pair == keys.load(tmp_path)
    assert stat.S_IMODE((tmp_path / keys.FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [keys.FILE_NAME]


def test_what_a_killed_process_left_goes_with_the_next_change(tmp_path: Path) -> None:
    """No file with secrets stays beside the keys."""
    keys.load_or_make(tmp_path)
    (tmp_path / f"{keys.FILE_NAME}.0123456789ab.new").write_bytes(b"{")
    keys.add(tmp_path, None, (), clock.now())
    assert [path.name for path in tmp_path.iterdir()] == [keys.FILE_NAME]


def test_two_folders_have_different_keys(tmp_path: Path) -> None:
    """Nobody's secret is known beforehand."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert keys.load_or_make(one) != keys.load_or_make(other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        b'{"access_key_id": "x"}',
        b'{"access_key_id": 1, "secret_access_key": 2}',
    ],
    ids=["empty", "no keys", "a list", "no text", "deep", "half", "numbers"],
)
def test_a_damaged_file_is_kept_and_the_way_out_is_said(tmp_path: Path, content: bytes) -> None:
    """Keys that cannot be read are never silently replaced; the sentence says what to do."""
    path = tmp_path / keys.FILE_NAME
    path.write_bytes(content)
    with pytest.raises(StorageFailed) as caught:
        keys.load_or_make(tmp_path)
    assert caught.value.message == (
        f"{path} does not hold a key pair. Delete it and start the server again for a new one;"
        " clients then need the output of `bakehouse env` anew."
    )
    assert path.read_bytes() == content


def test_a_folder_without_keys_says_how_they_come_about(tmp_path: Path) -> None:
    """To load is not to make; and a place that cannot be written to is a sentence too."""
    with pytest.raises(StorageFailed, match="Start a server with this data folder"):
        keys.load(tmp_path)
    with pytest.raises(StorageFailed, match="cannot be written to"):
        keys.load_or_make(tmp_path / "none")


def test_clients_get_everything_that_boto3_reads() -> None:
    """The endpoint, the keys, the region, and no host prefixes."""
    pair = keys.KeyPair("id", "secret")
    variables = keys.client_environment("http://127.0.0.1:1", pair, "eu-west-1")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert variables["AWS_DEFAULT_REGION"] == variables["AWS_REGION"] == "eu-west-1"
    assert variables["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"


def test_the_file_of_the_first_version_still_opens(tmp_path: Path) -> None:
    """One pair, which may call everything, stays the server's own when others join it."""
    (tmp_path / keys.FILE_NAME).write_text('{"access_key_id": "A", "secret_access_key": "s"}')
    added = keys.add(tmp_path, "reader", ["s3"], clock.now())
    own, other = keys.load_all(tmp_path)
    assert (own.access_key_id, own.secret_access_key, own.services) == ("A", "s", None)
    assert other == added
    assert other.services == frozenset({"s3", "sts"})


def test_the_first_version_reads_what_is_written_now(tmp_path: Path) -> None:
    """The server's own pair stands where it always stood."""
    own = keys.load_or_make(tmp_path)
    keys.add(tmp_path, None, [], clock.now())
    stored = json.loads((tmp_path / keys.FILE_NAME).read_text())
    assert stored["access_key_id"] == own.access_key_id
    assert stored["secret_access_key"] == own.secret_access_key
    assert stat.S_IMODE((tmp_path / keys.FILE_NAME).stat().st_mode) == 0o600


def test_names_are_unique_and_made_where_none_is_given(tmp_path: Path) -> None:
    """Whoever looks at a caller's ARN knows which key it was."""
    names = [keys.add(tmp_path, name, [], clock.now()).name for name in (None, "me", None)]
    assert names == ["client-1", "me", "client-2"]
    with pytest.raises(AlreadyExists):
        keys.add(tmp_path, "me", [], clock.now())


@pytest.mark.parametrize(("name", "services"), [("a b", []), ("x", []), ("me", ["dynamo"])])
def test_what_cannot_be_a_name_or_a_service_is_refused(
    tmp_path: Path, name: str, services: list[str]
) -> None:
    """A service that is misspelled would otherwise be none."""
    with pytest.raises(InvalidInput):
        keys.add(tmp_path, name, services, clock.now())
    assert not list(tmp_path.iterdir())


def test_a_ring_sees_what_others_change(tmp_path: Path) -> None:
    """A server that runs knows of a new key and of a revoked one without being told."""
    ring = keys.Keyring(tmp_path)
    before = ring.pairs()
    added = keys.add(tmp_path, None, [], clock.now())
    while ring.pairs() is before:
        pass
    assert added.access_key_id in ring.pairs()
    keys.revoke(tmp_path, added.access_key_id)
    while added.access_key_id in ring.pairs():
        pass
    assert ring.pairs() is ring.pairs()


def test_a_ring_goes_on_when_its_file_is_damaged(tmp_path: Path) -> None:
    """A server does not lock everybody out because of a slip in an editor."""
    ring = keys.Keyring(tmp_path)
    own = ring.own()
    (tmp_path / keys.FILE_NAME).write_text("{")
    deadline = clock.now() + timedelta(seconds=0.12)
    while clock.now() < deadline:
        assert ring.own() == own


def test_the_servers_own_pair_is_replaced_when_it_is_revoked(tmp_path: Path) -> None:
    """There is always one for functions and jobs."""
    own = keys.load_or_make(tmp_path)
    instead = keys.revoke(tmp_path, own.access_key_id)
    assert keys.load(tmp_path) == instead != own
    with pytest.raises(NotFound):
        keys.revoke(tmp_path, own.access_key_id)


def test_keys_that_are_added_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """Nobody's change is lost under another's."""
    threads = [
        threading.Thread(target=keys.add, args=(tmp_path, None, [], clock.now())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({pair.access_key_id for pair in keys.load_all(tmp_path)}) == 9


SESSION = Session("ASIAX", "AKIAROOT", "123456789012", "role", "me", 2_000_000_000)
ROOT = keys.KeyPair("AKIAROOT", "secret")


def test_a_session_token_tells_everything_again() -> None:
    """Nothing is stored, and the same secret comes back."""
    token = sessions.token_of(SESSION, ROOT)
    assert sessions.opened(token, {"AKIAROOT": ROOT}) == (
        SESSION,
        sessions.secret_of(token, ROOT),
    )


@pytest.mark.parametrize("token", ["", "x", "AAAA", "A" * 5000, "[" * 100, "\ud800"])
def test_what_is_no_token_opens_nothing(token: str) -> None:
    """Anybody may send anything as a token."""
    assert sessions.opened(token, {"AKIAROOT": ROOT}) is None


def test_a_token_ends_with_its_key_and_cannot_be_changed() -> None:
    """Neither another key nor a changed letter passes."""
    token = sessions.token_of(SESSION, ROOT)
    assert sessions.opened(token, {}) is None
    assert sessions.opened(token, {"AKIAROOT": keys.KeyPair("AKIAROOT", "another")}) is None
    for at in range(0, len(token) - 4, 7):
        letter = "A" if token[at] != "A" else "B"
        assert sessions.opened(token[:at] + letter + token[at + 1 :], {"AKIAROOT": ROOT}) is None
