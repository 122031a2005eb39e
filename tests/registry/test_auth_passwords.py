"""Verifying passwords: off the loop, remembered, shared, throttled; files that change under a registry."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from registry_app.auth.htpasswd import Htpasswd, HtpasswdInvalid
from registry_app.auth.passwords import ACCEPTED, MAXIMUM_WAITING, REJECTED, Passwords
from registry_app.auth.throttle import Limit, Limits, Throttle
from registry_app.auth.watched import WatchedFile


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def htpasswd(**users: str) -> str:
    return "".join(
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"
        for user, password in users.items()
    )


def rewrite(path: Path, **users: str) -> None:
    path.write_text(htpasswd(**users))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    path.write_text(htpasswd(anna="right", ben="other"))
    return path


@pytest.fixture
def passwords(path: Path, clock: Clock) -> Passwords:
    watched = WatchedFile(str(path), Htpasswd.parse, clock=clock)
    return Passwords(watched, Throttle(clock=clock), clock=clock)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record in which thread each bcrypt was worked out."""
    threads: list[str] = []
    check = bcrypt.checkpw

    def checkpw(password: bytes, hashed: bytes) -> bool:
        threads.append(threading.current_thread().name)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    return threads


def test_right_and_wrong(passwords: Passwords) -> None:
    async def run() -> None:
        assert await passwords.verify("anna", "right", "10.0.0.1") == ACCEPTED
        assert await passwords.verify("anna", "wrong", "10.0.0.1") == REJECTED
        assert await passwords.verify("carl", "right", "10.0.0.1") == REJECTED

    asyncio.run(run())


def test_a_right_password_is_worked_out_once_and_never_on_the_loop(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = counted(monkeypatch)

    async def run() -> None:
        for _ in range(5):
            assert await passwords.verify("anna", "right", "10.0.0.1") == ACCEPTED

    asyncio.run(run())

    assert len(threads) == 1
    assert threads[0].startswith("bcrypt")
    assert passwords.remembers("anna", "right")
    assert not passwords.remembers("anna", "righ")
    assert not passwords.remembers("ben", "right")


def test_one_verification_answers_all_who_ask_at_once(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = counted(monkeypatch)

    async def run() -> None:
        verdicts = await asyncio.gather(*(passwords.verify("anna", "right", "10.0.0.1") for _ in range(20)))
        assert set(verdicts) == {ACCEPTED}

    asyncio.run(run())

    assert len(threads) == 1


def test_who_hangs_up_does_not_take_the_answer_from_the_others(passwords: Passwords) -> None:
    async def run() -> None:
        first = asyncio.create_task(passwords.verify("anna", "right", "10.0.0.1"))
        second = asyncio.create_task(passwords.verify("anna", "right", "10.0.0.1"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == ACCEPTED

    asyncio.run(run())


def test_a_wrong_password_is_never_remembered(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = counted(monkeypatch)

    async def run() -> None:
        for _ in range(3):
            assert await passwords.verify("anna", "wrong", "10.0.0.1") == REJECTED

    asyncio.run(run())

    assert len(threads) == 3
    assert not passwords.remembers("anna", "wrong")


def test_a_changed_file_is_taken_up_and_everything_forgotten(
    passwords: Passwords, path: Path, clock: Clock
) -> None:
    async def run() -> None:
        assert await passwords.verify("anna", "right", "10.0.0.1") == ACCEPTED
        rewrite(path, anna="new")
        clock.now += 1
        assert await passwords.verify("anna", "right", "10.0.0.1") == REJECTED
        assert await passwords.verify("anna", "new", "10.0.0.1") == ACCEPTED
        assert await passwords.verify("ben", "other", "10.0.0.1") == REJECTED

    asyncio.run(run())


def test_what_is_remembered_ends_by_itself(passwords: Passwords, clock: Clock) -> None:
    asyncio.run(passwords.verify("anna", "right", "10.0.0.1"))

    clock.now += 600

    assert not passwords.remembers("anna", "right")


def test_many_wrong_passwords_are_not_even_looked_at(
    passwords: Passwords, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = counted(monkeypatch)

    async def run() -> None:
        for number in range(5):
            assert await passwords.verify("anna", f"wrong {number}", "10.0.0.1") == REJECTED
        verdict = await passwords.verify("anna", "right", "10.0.0.1")
        assert (verdict.accepted, verdict.retry_after) == (False, 10)
        assert len(threads) == 5
        assert await passwords.verify("anna", "right", "10.0.0.2") == ACCEPTED
        clock.now += 10
        assert await passwords.verify("ben", "other", "10.0.0.1") == ACCEPTED

    asyncio.run(run())


def test_who_is_remembered_is_not_held_up_by_wrong_passwords_in_their_name(passwords: Passwords) -> None:
    async def run() -> None:
        assert await passwords.verify("anna", "right", "10.0.0.1") == ACCEPTED
        for number in range(20):
            await passwords.verify("anna", f"wrong {number}", "10.0.0.1")
        assert await passwords.verify("anna", "right", "10.0.0.1") == ACCEPTED

    asyncio.run(run())


def test_tries_made_at_once_are_counted_too(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = counted(monkeypatch)

    async def run() -> None:
        verdicts = await asyncio.gather(
            *(passwords.verify("anna", f"wrong {n}", "10.0.0.1") for n in range(50))
        )
        assert sum(verdict.retry_after > 0 for verdict in verdicts) == 45

    asyncio.run(run())

    assert len(threads) == 5


def test_what_waits_for_a_thread_is_bounded(path: Path) -> None:
    passwords = Passwords(WatchedFile(str(path), Htpasswd.parse))

    async def run() -> None:
        asked = (
            passwords.verify(f"user {n}", "x", f"10.0.{n // 250}.{n % 250}")
            for n in range(MAXIMUM_WAITING + 9)
        )
        verdicts = await asyncio.gather(*asked)
        assert sum(verdict.retry_after > 0 for verdict in verdicts) == 9

    asyncio.run(run())


ROWS = [
    pytest.param(lambda _: ("anna", "10.0.0.1"), 2, id="one user at one address"),
    pytest.param(lambda n: (f"user{n}", "10.0.0.1"), 4, id="one address, many users"),
    pytest.param(lambda n: ("anna", f"10.0.0.{n}"), 8, id="one user, many addresses"),
    pytest.param(lambda n: (f"user{n}", f"10.0.0.{n}"), 50, id="all different"),
]


@pytest.mark.parametrize(("who", "tries"), ROWS)
def test_tries_are_held_against_user_and_address(who: Callable[[int], tuple[str, str]], tries: int) -> None:
    throttle = Throttle(Limits(Limit(2, 10), Limit(4, 10), Limit(8, 10)), lambda: 0.0)

    answers = [throttle.begin(*who(number)) for number in range(50)]

    assert answers == [0] * tries + [10] * (50 - tries)


@pytest.mark.parametrize(("processes", "each"), [(1, 6), (2, 3), (4, 1), (100, 1)])
def test_processes_that_do_not_ask_each_other_share_the_tries(processes: int, each: int) -> None:
    limits = Limits(Limit(6, 10), Limit(60, 10), Limit(600, 10)).shared_by(processes)
    throttle = Throttle(limits, lambda: 0.0)

    answers = [throttle.begin("anna", "a") for _ in range(50)]

    assert answers == [0] * each + [10 * processes] * (50 - each)


def test_one_more_try_comes_back_after_its_time(clock: Clock) -> None:
    throttle = Throttle(Limits(Limit(2, 10)), clock)
    assert [throttle.begin("anna", "a") for _ in range(3)] == [0, 0, 10]

    clock.now += 9.5
    assert throttle.begin("anna", "a") == 1
    clock.now += 0.5
    assert throttle.begin("anna", "a") == 0
    assert throttle.begin("anna", "a") == 10


def test_right_passwords_cost_no_tries() -> None:
    throttle = Throttle(Limits(Limit(1, 10), Limit(1, 10), Limit(1, 10)), lambda: 0.0)

    for _ in range(10):
        assert throttle.begin("anna", "a") == 0
        throttle.succeeded("anna", "a")


def test_a_registry_does_not_start_on_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        WatchedFile(str(tmp_path / "missing"), Htpasswd.parse)
    (tmp_path / "broken").write_text("anna:secret")
    with pytest.raises(HtpasswdInvalid):
        WatchedFile(str(tmp_path / "broken"), Htpasswd.parse)


@pytest.mark.parametrize(
    "breaks",
    [
        pytest.param(lambda path: path.write_text("anna:{SHA}x"), id="broken"),
        pytest.param(lambda path: path.unlink(), id="removed"),
    ],
)
def test_a_file_that_breaks_later_is_complained_of_and_stays_in_force(
    path: Path, clock: Clock, breaks: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    watched = WatchedFile(str(path), Htpasswd.parse, clock=clock)
    breaks(path)

    clock.now += 1

    assert watched.current().verify("anna", "right")
    assert "what was read before stays in force" in caplog.text
    path.write_text(htpasswd(anna="new"))
    clock.now += 1
    assert watched.current().verify("anna", "new")


def test_a_file_written_twice_in_one_tick_is_not_missed(path: Path, clock: Clock) -> None:
    """Same size, same time stamp: stat cannot tell, and a young file is therefore read again."""
    watched = WatchedFile(str(path), Htpasswd.parse, clock=clock)
    stat = path.stat()
    path.write_text(htpasswd(anna="third", ben="other"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    clock.now += 1

    assert watched.current().verify("anna", "third")


def test_a_settled_file_is_not_read_again(path: Path, clock: Clock) -> None:
    read = 0

    def parse(raw: bytes) -> Htpasswd:
        nonlocal read
        read += 1
        return Htpasswd.parse(raw)

    os.utime(path, (1e9, 1e9))
    watched = WatchedFile(str(path), parse, clock=clock)

    for _ in range(10):
        clock.now += 1
        watched.current()

    assert read == 1
