"""The text of the commands for trust and log-ins; they join those of `deploy.commands`."""

from __future__ import annotations

from deploy.commands import commands
from deploy.powershell import cmdlet, json_list, native, pipeline
from deploy.trust.steps import ImportRoot, Protect, RemoveRoot

__all__ = ["commands", "root_certificates"]

_ADMINISTRATORS = "*S-1-5-32-544"
ROOT_STORE = r"Cert:\LocalMachine\Root"


@commands.register
def _(step: Protect) -> list[str]:
    inherit = "(OI)(CI)" if step.is_directory else ""
    grants = [f"{account}:{inherit}{right}" for account, right in step.grants.items()]
    texts = []
    if step.is_directory:
        # First of all: an owner could open it again. A profile's file stays its account's.
        texts.append(native("icacls.exe", step.path, "/setowner", _ADMINISTRATORS))
    texts.append(native("icacls.exe", step.path, "/inheritance:r", "/grant:r", *grants))
    if step.intruders:
        gone = [f"*{identifier}" for identifier in step.intruders]
        texts.append(native("icacls.exe", step.path, "/remove", *gone))
    return texts


@commands.register
def _(step: ImportRoot) -> list[str]:
    arguments = {"FilePath": step.path, "CertStoreLocation": ROOT_STORE, "ErrorAction": "Stop"}
    return [pipeline(cmdlet("Import-Certificate", **arguments), cmdlet("Out-Null"))]


@commands.register
def _(step: RemoveRoot) -> list[str]:
    return [cmdlet("Remove-Item", LiteralPath=rf"{ROOT_STORE}\{step.thumbprint}", ErrorAction="Stop")]


def root_certificates() -> str:
    """Ask which authorities the machine trusts."""
    listing = cmdlet("Get-ChildItem", Path=ROOT_STORE, ErrorAction="Stop")
    return json_list(pipeline(listing, cmdlet("Select-Object", Property=["Thumbprint", "Subject"])))
