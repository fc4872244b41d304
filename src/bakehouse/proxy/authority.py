"""The local certificate authority: made once per data folder, good for AWS's host names only.

Its key stays in a file for its owner. The certificate carries a critical name constraint (RFC 5280,
4.2.1.10), so that no program accepts a certificate of it for any other name, should the key leak.
"""

from __future__ import annotations

import os
import ssl
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bakehouse.client_side.environment import AWS_DOMAINS, is_of_aws
from bakehouse.faults import StorageFailed
from bakehouse.storage.files import alone_in, write_durably

_FILE = "authority.pem"
_AUTHORITY_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=7)
_RENEWED_BEFORE = timedelta(days=1)
_SLACK = timedelta(hours=1)
"""For clocks that go a little behind."""
_KEPT_CONTEXTS = 256


class Authority:
    """Makes the TLS contexts of hosts.

    Args:
        certificate: of the authority.
        key: its private key.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate, self._key = certificate, key
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()

    @property
    def pem(self) -> str:
        """The certificate, as clients are to trust it."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def context_if_of_aws(self, host: str) -> ssl.SSLContext | None:
        """The context with which to answer as a host of AWS; None for any other host."""
        return self.context(host) if is_of_aws(host) else None

    def context(self, host: str) -> ssl.SSLContext:
        """The context with which to answer as a host: kept, and renewed before it ends."""
        now = datetime.now(UTC)
        until, context = self._contexts.pop(host, (now, None))
        if context is None or until - now < _RENEWED_BEFORE:
            until, context = now + _LEAF_LIFE, self._new_context(host, now)
        self._contexts[host] = until, context
        if len(self._contexts) > _KEPT_CONTEXTS:
            self._contexts.popitem(last=False)
        return context

    def _new_context(self, host: str, now: datetime) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        chain = self._leaf(host, now).public_bytes(Encoding.PEM) + self.pem.encode()
        with os.fdopen(os.memfd_create("certificate"), "wb") as file:  # ssl reads files only
            file.write(chain + _key_pem(self._leaf_key))
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return context

    def _leaf(self, host: str, now: datetime) -> x509.Certificate:
        authority_id = self.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
        return (
            x509.CertificateBuilder()
            .subject_name(_name(host[:64]))
            .issuer_name(self.certificate.subject)
            .public_key(self._leaf_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SLACK)
            .not_valid_after(now + _LEAF_LIFE)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._leaf_key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )


def load_or_make(folder: Path) -> Authority:
    """The authority of a data folder, made when it is first asked for, or when its time is over.

    Raises:
        StorageFailed: its file cannot be read or written, or is none.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(folder):  # two commands that start at the same time have one authority
            return _load(folder / _FILE) or _make(folder / _FILE)
    except OSError as error:
        raise StorageFailed(f"The authority in {folder} cannot be used: {error}.") from error


def _load(file: Path) -> Authority | None:
    """What the file holds; None if it is not there or its time is nearly over."""
    if not file.exists():
        return None
    content = file.read_bytes()
    try:
        key = load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        text = f"{file} does not hold an authority: {error}. Delete it for a new one."
        raise StorageFailed(text) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StorageFailed(f"{file} holds no key on a curve. Delete it for a new one.")
    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > _LEAF_LIFE
    return Authority(certificate, key) if lasts else None


def _make(file: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    now, name = datetime.now(UTC), _name("bakehouse, on this machine only")
    within = x509.NameConstraints([x509.DNSName(domain) for domain in AWS_DOMAINS], None)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(within, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Authority(certificate, key)
    write_durably(file, _key_pem(key) + made.pem.encode(), mode=0o600)
    return made


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
