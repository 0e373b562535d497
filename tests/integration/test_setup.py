# labels: integration
"""tools/setup where it cannot succeed, and the sum that closes tools/test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ATELIER_SOURCE_DIR", Path(__file__).resolve().parents[2]))


@pytest.fixture
def checkout(tmp_path):
    """What set-up needs of a fresh clone."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "tools", folder / "tools")
    for requirements in ROOT.glob("requirements*.txt"):
        shutil.copy(requirements, folder)
    return folder


def can(*command: str) -> bool:
    """Whether this sandbox allows a kind of namespace."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


def setup(checkout: Path, *arguments: str, within=(), **environment) -> subprocess.CompletedProcess:
    return subprocess.run([*within, str(checkout / "tools/setup"), *arguments], capture_output=True, text=True,
                          timeout=300, stdin=subprocess.DEVNULL, env=os.environ | environment, check=False)


def only_error(run: subprocess.CompletedProcess) -> str:
    """The one line on stderr of a failed run."""
    assert run.returncode not in (0, None)
    lines = run.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), run.stderr
    return lines[0]


def require_offline_setup(checkout: Path):
    """Skips where set-up cannot be run without a network, or would stop before it needs one."""
    if not can("unshare", "-rn"):
        pytest.skip("no network namespaces here")
    if shutil.disk_usage(checkout).free < 9 << 30:
        pytest.skip("too little free space for set-up to begin")


def test_without_a_network_it_says_so(checkout):
    require_offline_setup(checkout)
    run = setup(checkout, "--no-build", within=("unshare", "-rn"))
    assert "network" in only_error(run)
    assert not (checkout / ".venv/.installed-product").exists()


def setup_on_small_disk(checkout: Path, disk: Path, options: str, fill: str = "true") -> subprocess.CompletedProcess:
    """Set-up in a copy on a small disk of its own, after the command `fill`."""
    disk.mkdir()
    script = (f"mount -t tmpfs -o {options} none {disk} && cp -r {checkout} {disk}/clone && {{ {fill}; }}; "
              f"exec {disk}/clone/tools/setup --no-build")
    return subprocess.run(["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, check=False)


def test_on_a_small_disk_it_says_so(checkout, tmp_path):
    if not can("unshare", "-rm"):
        pytest.skip("no mount namespaces here")
    assert "not enough disk space" in only_error(setup_on_small_disk(checkout, tmp_path / "disk", "size=20m"))


def test_on_a_disk_without_a_free_byte_it_says_so(checkout, tmp_path):
    if not can("unshare", "-rm"):
        pytest.skip("no mount namespaces here")
    disk = tmp_path / "disk"
    fill = f"cat /dev/zero >{disk}/filler; for i in $(seq 300); do mkdir {disk}/$i; done 2>/dev/null"
    run = setup_on_small_disk(checkout, disk, "size=4m,nr_inodes=200", f"{{ {fill}; }} 2>/dev/null")
    assert "the disk is full" in only_error(run)


@pytest.fixture
def commands_without(tmp_path):
    """A PATH that has every command of this machine but some."""

    def make(*absent: str) -> str:
        folder = tmp_path / "bin"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for directory in os.environ["PATH"].split(":"):
            for command in Path(directory).glob("*") if Path(directory).is_dir() else ():
                link = folder / command.name
                if command.name not in absent and not link.exists() and not link.is_symlink():
                    link.symlink_to(command)
        return str(folder)

    return make


def test_without_apt_it_lists_what_to_install(checkout, commands_without):
    run = setup(checkout, "--no-build", PATH=commands_without("apt-get", "mold", "ninja"))
    assert 'install what Debian calls "ninja-build mold"' in only_error(run)


def test_without_apt_it_goes_on_when_all_is_there(checkout, commands_without):
    require_offline_setup(checkout)
    run = setup(checkout, "--no-build", within=("unshare", "-rn"), PATH=commands_without("apt-get"))
    assert "Making .venv" in run.stdout
    assert "pip install failed" in only_error(run)


def test_an_unknown_option_is_the_users_fault(checkout):
    run = setup(checkout, "--nonsense")
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == "error: unknown option --nonsense"


@pytest.mark.parametrize("log, reason", [
    ("E: Failed to fetch http://mirror/x.deb  Could not connect to mirror:80", "network"),
    ("E: Failed to fetch http://mirror/x.deb  Temporary failure resolving 'mirror'", "network"),
    ("WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching", "network"),
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
    ("E: You don't have enough free space in /var/cache/apt/archives/.", "disk is full"),
    ("Reading package lists...\nE: Unable to correct problems, you have held broken packages.\n", "held broken"),
    ("something odd\n", "something odd"),
])
def test_a_failed_step_is_put_in_a_few_words(tmp_path, log, reason):
    (tmp_path / "log").write_text(log)
    script = f"source {ROOT}/tools/lib/common.sh; reason {tmp_path}/log"
    words = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout
    assert reason in words and len(words.splitlines()) == 1


# Reports as ctest 3.25, GoogleTest 1.12 and pytest 9 write them, shortened.
REPORTS = {
    "ctest": """<testsuite name="x" tests="5" failures="3" disabled="0" skipped="0">
        <testcase name="good" classname="good" status="run"/>
        <testcase name="bad" classname="bad" status="fail"><failure message=""/></testcase>
        <testcase name="crashed" classname="crashed" status="fail"><failure message="SEGFAULT"/></testcase>
        <testcase name="absent" classname="absent" status="notrun"><skipped message="Unable to find"/></testcase>
        <testcase name="peer" classname="peer" status="run"/></testsuite>""",
    "good": """<testsuites tests="3"><testsuite name="good">
        <testcase name="one" status="run" result="completed" classname="good"/>
        <testcase name="two" status="run" result="skipped" classname="good"><skipped message="no GPU"/></testcase>
        <testcase name="three" status="notrun" result="suppressed" classname="good"/></testsuite></testsuites>""",
    "bad": """<testsuites tests="2"><testsuite name="bad">
        <testcase name="one" status="run" result="completed" classname="bad"><failure message="x"/></testcase>
        <testcase name="two" status="run" result="completed" classname="bad"/></testsuite></testsuites>""",
    "crashed": "<testsuites><testsuite",
    "peer": """<testsuites><testsuite name="pytest"><testcase classname="test_peer" name="test_a"/>
        <testcase classname="test_peer" name="test_b"><skipped type="pytest.skip" message="x"/></testcase>
        </testsuite></testsuites>""",
}


def sum_reports(folder: Path) -> tuple[int, list[str]]:
    run = subprocess.run([sys.executable, ROOT / "tools/lib/sum_reports.py", folder], capture_output=True, text=True,
                         check=False)
    return run.returncode, run.stdout.splitlines()


def test_reports_are_summed_and_crashes_counted(tmp_path):
    for entry, content in REPORTS.items():
        (tmp_path / f"{entry}.xml").write_text(content)
    code, lines = sum_reports(tmp_path)
    assert code == 1
    assert lines[-1] == "3 passed, 3 failed, 3 skipped"
    assert [line.split()[1] for line in lines[:-1]] == ["bad.one", "crashed", "absent"]


def test_a_run_without_tests_is_no_success(tmp_path):
    assert sum_reports(tmp_path) == (1, ["0 passed, 0 failed, 0 skipped"])
