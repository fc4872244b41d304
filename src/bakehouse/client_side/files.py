"""The files that a client's process reads: defaults of the SageMaker SDKs, and profiles of AWS."""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from pathlib import Path

from bakehouse.keys import KeyPair
from bakehouse.storage.files import write_durably

_SAGEMAKER = """\
# Read by the SageMaker SDKs through SAGEMAKER_USER_CONFIG_OVERRIDE. Written by bakehouse.
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: sagemaker-{region}-{account_id}
"""
_HEAD = "# Written by bakehouse: the profiles of your own files, with this server's keys.\n"
_COPIED = ("region", "output")


def write(
    folder: Path, pair: KeyPair, region: str, account_id: str, surroundings: Mapping[str, str]
) -> None:
    """Write the files of a client into a folder, which is made if it is not there (mode 0700).

    Args:
        folder: where they go; those of an earlier call are replaced.
        pair: the keys that every profile holds.
        region: the region of a profile that names none.
        account_id: the account in the name of the SDKs' bucket.
        surroundings: the variables that say where the user's own profiles are.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    profiles = {"default": {}, **own_profiles(surroundings)}
    content = {
        "sagemaker.yaml": _SAGEMAKER.format(region=region, account_id=account_id),
        "aws-config": _config(profiles, region),
        "aws-credentials": _credentials(profiles, pair),
    }
    for name, text in content.items():
        _write_if_changed(folder / name, text)


def own_profiles(surroundings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The names of the user's own profiles, each with its region and output format.

    No key and no role of them is read. A file that is not there or cannot be understood has none.
    """
    home = Path(surroundings.get("HOME") or "~").expanduser()
    named = {
        "AWS_SHARED_CREDENTIALS_FILE": home / ".aws" / "credentials",
        "AWS_CONFIG_FILE": home / ".aws" / "config",
    }
    profiles: dict[str, dict[str, str]] = {}
    for variable, usual in named.items():
        for name, values in _sections(Path(surroundings.get(variable) or usual)):
            if name.isprintable():
                profiles.setdefault(name, {}).update(_copied(values))
    return profiles


def _copied(values: Mapping[str, str]) -> dict[str, str]:
    return {k: values[k] for k in _COPIED if values.get(k, "\n").isprintable()}


def _sections(path: Path) -> Iterable[tuple[str, Mapping[str, str]]]:
    parser = configparser.RawConfigParser(strict=False, default_section="\0")
    try:
        parser.read_string(path.expanduser().read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return
    for section in parser.sections():
        kind, _, rest = section.partition(" ")
        if not rest:
            yield section, parser[section]
        elif kind == "profile":
            yield rest.strip().strip("\"'"), parser[section]


def _config(profiles: Mapping[str, Mapping[str, str]], region: str) -> str:
    return _HEAD + "".join(
        _section(_config_name(name), {"region": region, **kept}) for name, kept in profiles.items()
    )


def _config_name(profile: str) -> str:
    if profile == "default":
        return profile
    return f'profile "{profile}"' if " " in profile else f"profile {profile}"


def _credentials(profiles: Iterable[str], pair: KeyPair) -> str:
    secret = {
        "aws_access_key_id": pair.access_key_id,
        "aws_secret_access_key": pair.secret_access_key,
    }
    return _HEAD + "".join(_section(name, secret) for name in profiles)


def _section(name: str, values: Mapping[str, str]) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    return f"\n[{name}]\n{lines}"


def _write_if_changed(path: Path, text: str) -> None:
    """Leave a file that is right already: other processes may be reading it."""
    try:
        if path.read_text("utf-8") == text:
            return
    except (OSError, ValueError):
        pass
    write_durably(path, text.encode(), mode=0o600)
