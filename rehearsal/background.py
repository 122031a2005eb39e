"""The background process: all hosts of a rehearsal in one event loop, until it is told to stop.

A lock on ``rehearsal.lock`` shows that it runs, and which process it is; ``SIGHUP`` makes it read its
options anew, so that further hosts come up beside those that are.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor

from rehearsal.auth import Account, write_user_file
from rehearsal.certificate import tls_context
from rehearsal.host import Host, HostSettings
from rehearsal.lock import take
from rehearsal.options import LOCK, USER, Options, host_directory, path_of
from rehearsal.psrp import RunspacePool
from rehearsal.server import Behaviour, DroppedError, Listener, Timing
from rehearsal.sessions import Sessions
from rehearsal.shell.runspace import Runspace
from rehearsal.winrs import CommandShell

log = logging.getLogger(__name__)

RESTART_NOTICE = 0.2
"""Seconds between the command that restarts a host and its going down, so that it is answered."""

WORKERS = 128
"""Threads for commands. They mostly wait, for a registry or an engine, so there are many more than cores."""


class Rehearsal:
    """The hosts that are up."""

    def __init__(self, state: str, password: str) -> None:
        self._state = state
        self._account = Account(USER, password)
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="command")
        self._up: dict[str, tuple[Host, Listener]] = {}

    async def converge(self) -> None:
        """Bring up every host of the options that is not up."""
        options = Options.load(self._state) or Options()
        names = [Host.name_of(settings.number) for settings in options.hosts]
        write_user_file(path_of(self._state, "users"), self._account, names)
        missing = [settings for settings in options.hosts if settings.address not in self._up]
        await asyncio.gather(*(self._bring_up(settings, options) for settings in missing))

    async def close(self) -> None:
        """Stop listening, then stop what runs on the hosts."""
        await asyncio.gather(*(listener.close() for _, listener in self._up.values()))
        loop = asyncio.get_running_loop()
        downs = (loop.run_in_executor(self._workers, host.shut_down) for host, _ in self._up.values())
        await asyncio.gather(*downs)
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _bring_up(self, settings: HostSettings, options: Options) -> None:
        loop = asyncio.get_running_loop()
        directory = host_directory(self._state, settings.address)
        host = await loop.run_in_executor(self._workers, Host, settings, directory)
        listener = listener_of(host, self._account, self._workers, options)

        def restart() -> None:
            asyncio.run_coroutine_threadsafe(self._restart(host, listener, options), loop)

        host.on_restart = restart
        await self._start(host, listener, options)
        self._up[settings.address] = (host, listener)
        log.info("%s is up: build %s", host.address, host.build)

    async def _start(self, host: Host, listener: Listener, options: Options) -> None:
        await asyncio.get_running_loop().run_in_executor(self._workers, host.boot)
        await listener.listen(host.address, options.port)
        tls = tls_context(host.directory, host.name, host.address)
        await listener.listen(host.address, options.tls_port, tls)

    async def _restart(self, host: Host, listener: Listener, options: Options) -> None:
        await asyncio.sleep(RESTART_NOTICE)
        await listener.close()
        await asyncio.get_running_loop().run_in_executor(self._workers, host.shut_down)
        await asyncio.sleep(options.boot_time)
        await self._start(host, listener, options)
        log.info("%s has restarted", host.address)


def listener_of(host: Host, account: Account, workers: ThreadPoolExecutor, options: Options) -> Listener:
    """Put a host behind a listener."""

    def admit() -> None:
        if host.faults.drops_this_command():
            raise DroppedError

    def delay() -> float:
        arguments = host.faults.arguments("slow")
        return int(arguments[0]) / 1000 if arguments else 0.0

    def open_pool(creation: bytes) -> RunspacePool:
        runspace = Runspace(host)
        return RunspacePool(runspace.invoke, creation, build=host.build, split_receive=options.split_receive)

    def open_prompt() -> CommandShell:
        return CommandShell(Runspace(host).run_command_line)

    sessions = Sessions(host.name, open_pool, open_prompt, admit)
    timing = Timing(options.round_trip, options.shell_create, options.process_start, options.idle_connection)
    behaviour = Behaviour(delay, lambda: host.faults.arguments("freeze") is not None)
    return Listener(sessions, account, workers, basic=options.basic, timing=timing, behaviour=behaviour)


def serve(state: str, password: str) -> None:
    """Run until SIGTERM or SIGINT. Raises `BlockingIOError` if another process serves this state."""
    with open(path_of(state, LOCK), "a", encoding="utf-8") as file:
        take(file)
        asyncio.run(_serve(state, password))


async def _serve(state: str, password: str) -> None:
    rehearsal = Rehearsal(state, password)
    loop = asyncio.get_running_loop()
    stop, changed = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, changed.set)
    try:
        await rehearsal.converge()
        waiting = asyncio.create_task(stop.wait())
        while not stop.is_set():
            change = asyncio.create_task(changed.wait())
            await asyncio.wait([waiting, change], return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
            if changed.is_set():
                changed.clear()
                await rehearsal.converge()
    finally:
        await rehearsal.close()
