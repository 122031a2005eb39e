"""One simulated Windows host: its state, put together from its parts, and what a new one looks like."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rehearsal.drives import Drives
from rehearsal.engine.service import EngineService
from rehearsal.events import EventLog
from rehearsal.faults import Faults
from rehearsal.firewall import Firewall
from rehearsal.hive import Hive
from rehearsal.interfaces import EngineApi, RegistryValue
from rehearsal.journal import Journal
from rehearsal.services import AUTOMATIC, MANUAL, SERVICES, FailureActions, ServiceManager

CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
EVENT_SOURCES = r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application"
ENGINE_DIRECTORY = r"C:\Program Files\docker"

PRODUCTS = {
    14393: ("Windows Server 2016 Datacenter", "1607", 7606),
    17763: ("Windows Server 2019 Datacenter", "1809", 6893),
    20348: ("Windows Server 2022 Datacenter", "21H2", 3207),
    26100: ("Windows Server 2025 Datacenter", "24H2", 3476),
}
"""Windows builds with a product name, a release and a revision (UBR)."""

DIRECTORIES = (
    r"C:\Windows\System32\drivers\etc",
    r"C:\Windows\Temp",
    ENGINE_DIRECTORY,
    r"C:\ProgramData\docker\config",
    r"C:\Users\Administrator\AppData\Local\Temp",
    r"C:\Users\Administrator\Documents",
    r"C:\Users\Public",
    r"C:\Users\Student",
)


@dataclass(frozen=True)
class HostSettings:
    """What a host is made of when it is new."""

    address: str
    number: int
    build: int = 20348


class Host:
    """A host with everything on it; implements `rehearsal.interfaces.HostApi`."""

    def __init__(self, settings: HostSettings, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)
        self.address = settings.address
        self.number = settings.number
        self.build = settings.build
        self.name = self.name_of(settings.number)
        self.directory = directory
        self.groups: Sequence[str] = ["Administrators", "Users", "Remote Management Users", "docker"]
        self.environment: Mapping[str, str] = _environment(self.name)
        self.faults = Faults(os.path.join(directory, "faults.json"))
        self.files = Drives(directory, self.faults)
        self.hive = Hive(os.path.join(directory, "hive.json"))
        self.firewall = Firewall(self.hive)
        self.events = EventLog(os.path.join(directory, "events.jsonl"))
        self.journal = Journal(os.path.join(directory, "commands.jsonl"))
        self.on_restart: Callable[[], None] | None = None
        self.services = ServiceManager(self)
        if self.hive.is_new:
            self._install()
        self.engine: EngineApi = EngineService(self)

    @staticmethod
    def name_of(number: int) -> str:
        """Return the computer name of the host with this number."""
        return f"WIN-LAB{number:02}"

    def changed(self, what: str) -> None:
        """Note in the journal what the running command changes."""
        self.journal.changed(what)

    def boot(self) -> None:
        """Start what starts by itself."""
        self.services.boot()
        self.journal.write("<boot>", None, failed=False)

    def restart(self) -> bool:
        """Ask whoever runs this host to restart it; tell whether there is somebody."""
        if self.on_restart is None:
            return False
        self.on_restart()
        return True

    def shut_down(self) -> None:
        """Stop everything that runs; the state stays."""
        self.services.shut_down()

    def _install(self) -> None:
        for path in DIRECTORIES:
            self.files.make_directory(path)
        for program in ("dockerd.exe", "docker.exe"):
            self.files.write(f"{ENGINE_DIRECTORY}\\{program}", b"MZ\x90\x00 a program of the rehearsal\r\n")
        product, release, revision = PRODUCTS[self.build]
        self.hive.set(
            CURRENT_VERSION,
            {
                "ProductName": product,
                "EditionID": "ServerDatacenter",
                "InstallationType": "Server Core" if self.number % 2 == 0 else "Server",
                "CurrentBuild": str(self.build),
                "CurrentBuildNumber": str(self.build),
                "CurrentMajorVersionNumber": 10,
                "CurrentMinorVersionNumber": 0,
                "DisplayVersion": release,
                "ReleaseId": release,
                "UBR": revision + self.number % 3,
                "SystemRoot": r"C:\Windows",
            },
        )
        for name, values in _services().items():
            self.hive.set(f"{SERVICES}\\{name}", values)
        self.hive.set(
            f"{EVENT_SOURCES}\\docker",
            {"CustomSource": 1, "EventMessageFile": f"{ENGINE_DIRECTORY}\\dockerd.exe", "TypesSupported": 7},
        )


def _services() -> dict[str, dict[str, RegistryValue]]:
    svchost = r"%SystemRoot%\System32\svchost.exe -k"
    restart = FailureActions(86400, ((1, 15000), (1, 15000), (0, 0)))
    plain: dict[str, RegistryValue] = {"Type": 32, "ErrorControl": 1, "ObjectName": "LocalSystem"}
    return {
        "docker": {
            "DisplayName": "Docker Engine",
            "ErrorControl": 1,
            "ImagePath": f'"{ENGINE_DIRECTORY}\\dockerd.exe" --run-service',
            "ObjectName": "LocalSystem",
            "Start": AUTOMATIC,
            "Type": 16,
            "FailureActions": restart.pack(),
        },
        "EventLog": {
            **plain,
            "DisplayName": "Windows Event Log",
            "ImagePath": f"{svchost} LocalServiceNetworkRestricted -p",
            "ObjectName": r"NT AUTHORITY\LocalService",
            "Start": AUTOMATIC,
        },
        "hns": {
            **plain,
            "DisplayName": "Host Network Service",
            "ImagePath": f"{svchost} NetSvcs -p",
            "Start": MANUAL,
        },
        "vmcompute": {
            **plain,
            "Type": 16,
            "DisplayName": "Hyper-V Host Compute Service",
            "ImagePath": r"%SystemRoot%\System32\vmcompute.exe",
            "Start": MANUAL,
        },
        "WinRM": {
            **plain,
            "DisplayName": "Windows Remote Management (WS-Management)",
            "ImagePath": f"{svchost} NetworkService -p",
            "ObjectName": r"NT AUTHORITY\NetworkService",
            "Start": AUTOMATIC,
        },
    }


def _environment(name: str) -> dict[str, str]:
    return {
        "ALLUSERSPROFILE": r"C:\ProgramData",
        "APPDATA": r"C:\Users\Administrator\AppData\Roaming",
        "COMPUTERNAME": name,
        "COMSPEC": r"C:\Windows\System32\cmd.exe",
        "LOCALAPPDATA": r"C:\Users\Administrator\AppData\Local",
        "PATH": rf"C:\Windows\System32;C:\Windows;{ENGINE_DIRECTORY}",
        "PATHEXT": ".COM;.EXE;.BAT;.CMD",
        "PROGRAMDATA": r"C:\ProgramData",
        "PROGRAMFILES": r"C:\Program Files",
        "SYSTEMDRIVE": "C:",
        "SYSTEMROOT": r"C:\Windows",
        "TEMP": r"C:\Users\Administrator\AppData\Local\Temp",
        "TMP": r"C:\Users\Administrator\AppData\Local\Temp",
        "USERNAME": "Administrator",
        "USERPROFILE": r"C:\Users\Administrator",
        "WINDIR": r"C:\Windows",
    }
