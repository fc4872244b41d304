"""What a sandbox's process runs before the handler's interpreter takes its place.

Run by path with ``python -I -S launcher.py PLAN``, so it imports the standard library only, and
little of it. ``PLAN`` is a JSON object:

``parent``: the server's process id; the sandbox dies with it.
``command``: what to execute at the end, with its arguments.
``folder``: the working folder, as the sandbox sees it.
``file_bytes``, ``data_bytes``: the largest file and the largest data segment.
``mounts``: what to lay over the machine's folders (see :func:`enter_namespace`), or null.

A ``command`` that is null only tries the mounts: the exit status tells whether they are possible.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_MOVE = 0x1, 0x20, 0x1000, 0x2000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MS_KEPT = 0xC0E  # nosuid, nodev, noexec, noatime, nodiratime: a remount must repeat them
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_OPEN_FILES = 1024  # as on AWS
_BIND_ALL = _MS_BIND | _MS_REC

_libc = ctypes.CDLL(None, use_errno=True)


def main(plan: dict[str, Any]) -> None:
    """Put this process in its place, then become the handler's interpreter."""
    if plan["mounts"] is not None:
        enter_namespace(plan["mounts"])
    if plan["command"] is None:
        return
    _limit(plan["file_bytes"], plan["data_bytes"])
    os.chdir(plan["folder"])
    _die_with(plan["parent"])
    os.execv(plan["command"][0], plan["command"])  # noqa: S606  # no shell is wanted


def enter_namespace(mounts: dict[str, Any]) -> None:
    """Give this process its own view of /tmp and /var.

    ``tmp`` is laid over /tmp; ``keep`` are folders below /tmp that stay visible there. /var becomes
    the machine's own with the folders of ``var`` (name → source) added, read-only; it is put
    together on the empty folder ``stage``. Without privilege this takes a user namespace.

    Raises:
        OSError: the kernel allows no such thing here.
    """
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWNS) != 0:  # not privileged: only inside a user namespace then
        _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER), "unshare")
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount("none", "/", _MS_REC | _MS_PRIVATE)
    _stage_var(mounts["stage"], mounts["var"])
    for path in mounts["keep"]:
        place = os.path.join(mounts["tmp"], os.path.relpath(path, "/tmp"))  # noqa: S108  # the sandbox's own
        os.makedirs(place, exist_ok=True)
        _mount(path, place, _BIND_ALL)
    _mount(mounts["stage"], "/var", _MS_MOVE)
    _mount(mounts["tmp"], "/tmp", _BIND_ALL)  # noqa: S108  # this is what makes it private


def _stage_var(stage: str, added: dict[str, str]) -> None:
    _mount("tmpfs", stage, 0, "tmpfs")
    for name in os.listdir("/var"):
        if name not in added:
            _mirror(os.path.join("/var", name), os.path.join(stage, name))
    for name, source in added.items():
        place = os.path.join(stage, name)
        os.mkdir(place)
        _mount(source, place, _MS_BIND)
        kept = os.statvfs(place).f_flag & _MS_KEPT
        _mount("none", place, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | kept)


def _mirror(source: str, place: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), place)
        return
    if os.path.isdir(source):
        os.mkdir(place)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
    _mount(source, place, _BIND_ALL)


def _limit(file_bytes: int, data_bytes: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_DATA: data_bytes,
    }
    for kind, wanted in limits.items():
        ceiling = resource.getrlimit(kind)[1]
        value = wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)
        resource.setrlimit(kind, (value, value))
    with contextlib.suppress(OSError):  # where memory runs out, the sandbox goes before the server
        _write("/proc/self/oom_score_adj", "500")


def _die_with(parent: int) -> None:
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        sys.exit(1)


def _mount(source: str, target: str, flags: int, kind: str | None = None) -> None:
    arguments = [os.fsencode(source), os.fsencode(target), kind and kind.encode()]
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), None), f"mount {target}")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
