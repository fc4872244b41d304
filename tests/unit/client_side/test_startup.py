"""The start-up shim: real Python processes that start with its folder on their path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bakehouse.client_side.environment import STARTUP

LOCAL = "http://127.0.0.1:4566"


def interpreters() -> list[str]:
    """Every Python from 3.9 on that this machine has."""
    named = (shutil.which(f"python3.{minor}") for minor in range(9, 16))
    kept = (Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3")
    code = "import sys; sys.exit(sys.version_info < (3, 9))"
    found = {str(Path(program).resolve()) for program in (sys.executable, *named, *kept) if program}
    return sorted(
        p for p in found if not subprocess.run([p, "-c", code], capture_output=True).returncode
    )


def python(code: str, *path: Path, program: str = sys.executable, **changed: str) -> str:
    """What a Python process prints that starts with the shim, and then folders, on its path."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}
    before = {"PYTHONPATH": os.pathsep.join(map(str, (STARTUP, *path))), "AWS_ENDPOINT_URL": LOCAL}
    done = subprocess.run(
        [program, "-c", code], env=kept | before | changed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """A folder with a module that waits as ``sagemaker.session`` does."""
    (tmp_path / "sagemaker").mkdir()
    (tmp_path / "sagemaker" / "__init__.py").write_text("")
    (tmp_path / "sagemaker" / "session.py").write_text(
        """\
import time

def deploy():
    began = time.monotonic()
    time.sleep(30)
    return time.monotonic() - began

def _logs_for_job(session, job_name, wait=False, poll=10, log_type="All", timeout=None):
    end, last, began = time.time() + timeout if timeout else None, time.time(), time.monotonic()
    while time.time() - last < 30:
        if timeout and time.time() > end:
            return "timed out"
        time.sleep(poll)
    return time.monotonic() - began
"""
    )
    return tmp_path


def clients_address(*given: str, **changed: str) -> list[str]:
    """Where clients go whose code names an address."""
    code = (
        "import botocore.session; s = botocore.session.Session()\n"
        "s.set_credentials('a', 'b')\n"
        f"for url in {given!r}:\n"
        "    c = s.create_client('sts', region_name='eu-west-1', endpoint_url=url)\n"
        "    print(c.meta.endpoint_url)"
    )
    return python(code, **changed).split()


REAL = ("https://sts.eu-west-1.amazonaws.com", "https://sts.cn-north-1.amazonaws.com.cn/")


def test_an_address_of_aws_in_code_gives_way() -> None:
    """A client that the SDK makes for https://sts.<region>.amazonaws.com speaks to the server.

    Addresses that are not AWS's are meant.
    """
    others = ["http://127.0.0.1:9000", "https://amazonaws.com.example.com", "https://s3.min.io"]
    assert clients_address(*REAL, *others) == [LOCAL, LOCAL, *others]


@pytest.mark.parametrize(
    "switch",
    [
        {"BAKEHOUSE_SHIM": "0"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1.example.com:4566"},
    ],
)
def test_only_a_server_on_this_machine_is_led_to(switch: dict[str, str]) -> None:
    """Without one, and without the shim, code goes where it says."""
    assert clients_address(REAL[0], **switch) == [REAL[0]]


def test_a_pause_of_the_sdk_is_half_a_second(sdk: Path) -> None:
    """The 30 s before the first look at an endpoint become 0.5 s."""
    pause = float(python("from sagemaker import session; print(session.deploy())", sdk))
    assert 0.4 < pause < 1.5


def test_the_sdks_gate_of_30_seconds_opens_after_one(sdk: Path) -> None:
    """A job's status is asked for every second, and a time-out keeps its length in either form."""
    code = """\
from sagemaker.session import _logs_for_job as follow
print(follow(None, "job", timeout=0.4))
print(follow(None, "job", True, 10, "All", 0.4))
print(0.9 < follow(None, "job", True, 10, "All", 60) < 3)
"""
    assert python(code, sdk).splitlines() == ["timed out", "timed out", "True"]


@pytest.mark.parametrize(
    "switch",
    [
        {"BAKEHOUSE_FAST_POLLS": "0"},
        {"BAKEHOUSE_SHIM": "0"},
        {"AWS_ENDPOINT_URL": ""},
        {"AWS_ENDPOINT_URL": "https://example.com"},
    ],
)
def test_pauses_stay_where_they_are_not_to_be_shortened(sdk: Path, switch: dict[str, str]) -> None:
    """Both switches, and a server elsewhere, leave the SDK's own clock."""
    code = "import time; from sagemaker import session; print(session.time is time)"
    assert python(code, sdk) == "False"
    assert python(code, sdk, **switch) == "True"


def test_the_rest_of_the_process_keeps_its_clock(sdk: Path) -> None:
    """Only the SDK's modules have another clock; theirs still has everything that time has."""
    code = (
        "import time, sagemaker.session as s; "
        "print(time.sleep.__module__, s.time.gmtime is time.gmtime, s.time.strftime('%%'))"
    )
    assert python(code, sdk) == "time True %"


def test_a_module_is_otherwise_loaded_as_ever(sdk: Path) -> None:
    """Its loader, its file and its source are the ones that Python found."""
    code = (
        "import inspect, sagemaker.session as s; "
        "print(type(s.__loader__).__name__, s.__file__, 'def deploy' in inspect.getsource(s))"
    )
    assert python(code, sdk) == f"SourceFileLoader {sdk / 'sagemaker' / 'session.py'} True"


def test_the_users_own_start_up_module_runs(tmp_path: Path) -> None:
    """A sitecustomize further back on the path is run, and it is what Python finds as that."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.mine = __name__\n")
    code = "import sys, sitecustomize; print(sys.mine, sitecustomize.__file__)"
    assert python(code, tmp_path) == f"sitecustomize {tmp_path / 'sitecustomize.py'}"


def test_the_path_is_as_without_the_shim() -> None:
    """Nothing of the shim's can be imported by mistake, or hide a module of the user's."""
    code = f"import sys; print({str(STARTUP)!r} in sys.path)"
    assert python(code) == "False"


def test_it_imports_nothing_but_its_two_files() -> None:
    """Every Python process of a user's starts with it."""
    imports_only_itself(sys.executable)


@pytest.mark.slow
def test_it_imports_nothing_in_any_python() -> None:
    """Under every interpreter of this machine it starts, and stays as small."""
    for program in interpreters():
        imports_only_itself(program)


def imports_only_itself(program: str) -> None:
    """Assert that an interpreter has no modules that it had not without the shim."""
    code = "import sys; print(*sorted(m for m in sys.modules if not m.startswith('_')))"
    plain = set(python(code, program=program, PYTHONPATH="").split())
    found = set(python(code, program=program).split())
    assert found - plain <= {"bakehouse_startup", "sitecustomize", "time"}, program
