"""The local authority: who can get a certificate of it, for how long, and who accepts it."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bakehouse.faults import StorageFailed
from bakehouse.proxy import authority, bundle
from bakehouse.proxy.authority import Authority


def agreed(local: Authority, host: str) -> str:
    """Let a client that trusts the authority meet a server that answers as a host.

    Returns:
        what went wrong for the client; nothing if they agreed.
    """
    near, far = socket.socketpair()
    trusting = ssl.create_default_context(cadata=local.pem)
    server = local.context(host)

    def answer() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        trusting.wrap_socket(near, server_hostname=host).close()
    except ssl.SSLError as error:
        return str(error)
    finally:
        near.close()
        thread.join()
    return ""


@pytest.fixture
def local(tmp_path: Path) -> Authority:
    """A new authority."""
    return authority.load_or_make(tmp_path / "proxy")


@pytest.mark.parametrize(
    "host",
    [
        "sts.us-east-1.amazonaws.com",
        "my.dotted.bucket.s3.eu-west-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "lambda.us-east-1.api.aws",
        "a" * 63 + ".s3.us-east-1.amazonaws.com",
    ],
)
def test_clients_accept_it_for_hosts_of_aws(local: Authority, host: str) -> None:
    """A client that trusts the authority agrees with a server that answers as AWS."""
    assert agreed(local, host) == ""


@pytest.mark.parametrize("host", ["example.com", "notamazonaws.com", "amazonaws.com.example.com"])
def test_clients_do_not_accept_it_for_other_hosts(local: Authority, host: str) -> None:
    """The name constraint holds even where the key signs a certificate for another name."""
    assert "permitted subtree violation" in agreed(local, host)


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("amazonaws.com", True),
        ("s3.amazonaws.com", True),
        ("notamazonaws.com", False),
        ("amazonaws.com.example.com", False),
        ("pypi.org", False),
    ],
)
def test_only_hosts_of_aws_are_answered(local: Authority, host: str, answered: bool) -> None:
    """For any other host there is no context, and so a tunnel."""
    assert (local.context_if_of_aws(host) is not None) is answered


def test_a_folder_keeps_its_authority(tmp_path: Path) -> None:
    """It is made once, also by many at once, and its file is for its owner only."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: authority.load_or_make(tmp_path).pem, range(8)))
    assert found == {authority.load_or_make(tmp_path).pem}
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_contexts_are_kept_and_bounded(local: Authority) -> None:
    """A host's second connection costs no new certificate; many hosts do not fill the memory."""
    first = local.context("s3.amazonaws.com")
    assert local.context("s3.amazonaws.com") is first
    for number in range(256):
        local.context(f"b{number}.s3.amazonaws.com")
    assert local.context("s3.amazonaws.com") is not first


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx"])
def test_a_file_that_holds_none_is_named(tmp_path: Path, content: bytes) -> None:
    """The message has the path and what to do."""
    (tmp_path / "authority.pem").write_bytes(content)
    with pytest.raises(StorageFailed, match=r"authority\.pem does not hold .* Delete it"):
        authority.load_or_make(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The message has the folder and the system's reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file/proxy"):
        authority.load_or_make(tmp_path / "file" / "proxy")


def test_the_bundle_continues_what_was_trusted(tmp_path: Path, local: Authority) -> None:
    """The system's authorities, the user's own and ours are in one file; once each."""
    mine = tmp_path / "mine.pem"
    mine.write_text("the user's own\n")
    named = {"AWS_CA_BUNDLE": str(mine), "SSL_CERT_FILE": str(mine), "CURL_CA_BUNDLE": "/nowhere"}
    for _ in range(2):
        bundle.write(
            tmp_path / "all.pem",
            local.pem,
            {**named, "REQUESTS_CA_BUNDLE": str(tmp_path / "all.pem")},
        )
    text = (tmp_path / "all.pem").read_text()
    assert text.count("the user's own") == 1
    assert text.count(local.pem.strip()) == 1
    assert text.count("BEGIN CERTIFICATE") > 50
    ssl.create_default_context(cafile=str(tmp_path / "all.pem"))
