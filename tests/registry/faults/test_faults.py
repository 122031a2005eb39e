"""Every operation of a long scenario fails, each in every way that it can, with the rules of both platforms.

After a crash the disk is looked at as a killed process leaves it, as POSIX alone promises it after a power
failure, and as a journal leaves it that saves names before content. Then a new process goes on where the
client would. After an error the same process goes on. In the end there must be the same files as if nothing
had happened.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.registry.faults.disk import Fault, FaultyOs, applies
from tests.registry.faults.lab import Lab, PosixLab, WindowsLab
from tests.registry.faults.scenario import Expectation

LABS: dict[str, type[Lab]] = {"POSIX": PosixLab, "Windows": WindowsLab}
Record = Callable[[str, object], None]
Clean = tuple[Expectation, list[str]]

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", autouse=True)
def _no_flush() -> Iterator[None]:
    """Flush nothing for real: it takes most of the time, and the model knows what was flushed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", lambda _fd: None)
        monkeypatch.setattr(os, "fdatasync", lambda _fd: None)
        yield


@pytest.fixture(scope="module", params=LABS)
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def clean(platform: str, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return LABS[platform](tmp_path_factory.mktemp("clean"), monkeypatch).clean_run()


@pytest.fixture
def lab(platform: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    # In memory if there is such a directory: thousands of small stores come and go.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        yield LABS[platform](Path(directory), monkeypatch)


def points(operations: list[str], fault: Fault) -> list[int]:
    """Return the numbers of the operations to which ``fault`` can happen."""
    return [number for number, operation in enumerate(operations) if applies(fault, operation)]


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.TORN_CRASH], ids=lambda fault: fault.value)
def test_after_a_crash_everything_acknowledged_is_whole(
    lab: Lab, platform: str, clean: Clean, fault: Fault, record_property: Record
) -> None:
    expectation, operations = clean
    wrong = []
    counts: Counter[str] = Counter()

    for at in points(operations, fault):
        faulty, disk = FaultyOs(fault, at), lab.new()
        step = lab.run_until_crash(faulty, disk)
        assert faulty.dead
        for name in lab.aftermaths:
            target = lab.aftermath(name, faulty, disk)
            counts[name] += 1
            if problem := lab.go_on(target, step, expectation):
                wrong.append(f"{operations[at]} (operation {at}, step {step}), {name}: {problem}")
            shutil.rmtree(target)
        faulty.end()
        shutil.rmtree(disk)

    report(record_property, platform, fault, counts)
    assert wrong == []


@pytest.mark.parametrize(
    "fault",
    [Fault.EIO, Fault.ENOSPC, Fault.TORN_ENOSPC, Fault.SHORT, Fault.BUSY],
    ids=lambda fault: fault.value,
)
def test_after_an_error_the_same_process_goes_on(
    lab: Lab, platform: str, clean: Clean, fault: Fault, record_property: Record
) -> None:
    if fault is Fault.BUSY and platform == "POSIX":
        return  # nobody's open file is in anyone's way there
    expectation, operations = clean
    wrong = []
    counts: Counter[str] = Counter()

    for at in points(operations, fault):
        faulty, disk = FaultyOs(fault, at), lab.new()
        counts["restart not needed"] += 1
        if problem := lab.run_through(faulty, disk, expectation):
            wrong.append(f"{operations[at]} (operation {at}): {problem}")
        faulty.end()
        shutil.rmtree(disk)

    report(record_property, platform, fault, counts)
    assert wrong == []


def report(record_property: Record, platform: str, fault: Fault, counts: Counter[str]) -> None:
    """Say how much was tried: the README names these numbers."""
    assert sum(counts.values()) > 0
    for name, count in counts.items():
        record_property(f"{platform}: {fault.value}, {name}", count)
        print(f"\nfaults injected, {platform}: {fault.value}, {name}: {count}")
