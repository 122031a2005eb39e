"""WS-Management envelopes: read a request, write an answer or a fault. Bytes in, bytes out; no sockets, no
shells.

Source: DMTF DSP0226, [MS-WSMV], and what pypsrp and pywinrm send.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass
from typing import Self
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"

CREATE, GET, DELETE = f"{TRANSFER}/Create", f"{TRANSFER}/Get", f"{TRANSFER}/Delete"
COMMAND, SEND, RECEIVE, SIGNAL = f"{SHELL}/Command", f"{SHELL}/Send", f"{SHELL}/Receive", f"{SHELL}/Signal"

MAX_ENVELOPE_SIZE = 512_000
"""Bytes: the service's MaxEnvelopeSizekb (500) since Windows 8 and Server 2012."""

# the numbers are those of the Windows SDK's wsmerror.h
OPERATION_TIMED_OUT = 2150858793
SHELL_NOT_FOUND = 2150858843
ACTION_NOT_SUPPORTED = 2150858771
TOO_MANY_SHELLS = 2150859236
TOO_MANY_COMMANDS = 2150859241
MALFORMED = 2150858817

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_ANSWER = (
    f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:x="{TRANSFER}"'
    f' xmlns:w="{WSMAN}" xmlns:rsp="{SHELL}" '
    'xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header>'
    "<a:Action>{action}</a:Action><a:MessageID>uuid:{message_id}</a:MessageID>"
    f"<a:To>{ADDRESSING}/role/anonymous</a:To><a:RelatesTo>{{relates_to}}</a:RelatesTo>"
    "</s:Header><s:Body>{body}</s:Body></s:Envelope>"
)
_FAULT = (
    "<s:Fault><s:Code><s:Value>s:{party}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en-US">{reason}</s:Text></s:Reason><s:Detail>'
    '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}"'
    ' Machine="{machine}">'
    "<f:Message>{reason}</f:Message></f:WSManFault></s:Detail></s:Fault>"
)


class Fault(Exception):
    """The service answers with a fault; ``code`` is WS-Management's number for it."""

    def __init__(
        self, code: int, reason: str, *, subcode: str = "w:InternalError", party: str = "Sender"
    ) -> None:
        super().__init__(reason)
        self.code, self.reason, self.subcode, self.party = code, reason, subcode, party

    @classmethod
    def timed_out(cls) -> Self:
        """Nothing to report within the time that the client gave; it asks again."""
        text = (
            "The WS-Management service cannot complete the operation within the time specified in "
            "OperationTimeout."
        )
        return cls(OPERATION_TIMED_OUT, text, subcode="w:TimedOut", party="Receiver")

    @classmethod
    def no_such_shell(cls, shell_id: str) -> Self:
        """The shell was never opened here, or is closed."""
        text = (
            f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell "
            "was not found on the server. Possible causes are: the specified ShellId is incorrect or the "
            "shell no longer exists on the server. Provide the correct ShellId or create a new shell and "
            "retry the operation."
        )
        return cls(SHELL_NOT_FOUND, text, subcode="w:InvalidSelectors")

    @classmethod
    def no_such_command(cls, command_id: str) -> Self:
        """The command was never started in this shell, or its last output was fetched."""
        text = f"The Windows Remote Shell received a request for a command that does not exist: {command_id}."
        return cls(SHELL_NOT_FOUND, text, subcode="w:InvalidSelectors")

    @classmethod
    def too_many_shells(cls) -> Self:
        """The user has as many shells open as he may have."""
        text = (
            "The WS-Management service cannot process the request. The maximum number of concurrent "
            "shells for "
            "this user has been exceeded. Close existing shells or raise the quota for this user."
        )
        return cls(TOO_MANY_SHELLS, text, subcode="w:QuotaLimit")

    @classmethod
    def too_many_commands(cls) -> Self:
        """The shell has as many commands as it may have; one that has ended counts until it is signalled."""
        text = (
            "The WS-Management service cannot process the request. The maximum number of concurrent commands "
            "per shell has been exceeded. Retry the request later or raise the Maximum Commands per "
            "Shell quota."
        )
        return cls(TOO_MANY_COMMANDS, text, subcode="w:InternalError")

    @classmethod
    def unsupported(cls, action: str) -> Self:
        """An action that this service does not offer."""
        text = f"The action {action} is not supported by the service: no disconnected shells here."
        return cls(ACTION_NOT_SUPPORTED, text, subcode="a:ActionNotSupported")

    @classmethod
    def malformed(cls, what: str) -> Self:
        """The request does not follow the protocol."""
        return cls(MALFORMED, f"The SOAP request is not valid: {what}", subcode="w:SchemaValidationError")


@dataclass(frozen=True)
class Request:
    """A request's header fields that matter here, and its body. Times in seconds, sizes in bytes."""

    action: str
    resource_uri: str
    message_id: str
    operation_timeout: float
    max_envelope_size: int
    selectors: dict[str, str]
    body: ET.Element

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an envelope; raises `Fault` if it is none."""
        try:
            root = ET.fromstring(data)  # noqa: S314 - expat refuses entity bombs; the peer is authenticated
        except ET.ParseError as error:
            raise Fault.malformed(str(error)) from error
        header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
        if header is None or body is None:
            raise Fault.malformed("an envelope has a Header and a Body")
        selectors = header.iterfind(f"{{{WSMAN}}}SelectorSet/{{{WSMAN}}}Selector")
        size = _text(header, WSMAN, "MaxEnvelopeSize") or "153600"
        return cls(
            action=_text(header, ADDRESSING, "Action"),
            resource_uri=_text(header, WSMAN, "ResourceURI"),
            message_id=_text(header, ADDRESSING, "MessageID"),
            operation_timeout=seconds(_text(header, WSMAN, "OperationTimeout") or "PT60S"),
            max_envelope_size=min(int(size) if size.isdigit() else 153_600, MAX_ENVELOPE_SIZE),
            selectors={item.get("Name", ""): (item.text or "").strip() for item in selectors},
            body=body,
        )

    @property
    def shell_id(self) -> str:
        """The shell that the request is for."""
        return self.selectors.get("ShellId", "")

    def answer(self, body: str) -> bytes:
        """Return the envelope that answers this request with ``body``, which is XML text."""
        return _envelope(f"{self.action}Response", self.message_id, body)


def fault(relates_to: str, problem: Fault, machine: str) -> bytes:
    """Return the envelope that reports ``problem`` about the message ``relates_to``."""
    body = _FAULT.format(
        party=problem.party,
        subcode=problem.subcode,
        reason=escape(problem.reason),
        code=problem.code,
        machine=escape(machine),
    )
    return _envelope(f"{WSMAN}/fault".replace(".xsd", ""), relates_to, body)


def seconds(duration: str) -> float:
    """Return an xs:duration of days and below in seconds, for example ``PT20S``; raises `Fault` if it is
    none.
    """
    match = _DURATION.fullmatch(duration)
    if match is None or not any(match.groups()):
        raise Fault.malformed(f"{duration!r} is no duration")
    days, hours, minutes, rest = (float(group or 0) for group in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def base64_bytes(text: str | None) -> bytes:
    """Return what Base64 text holds; raises `Fault` if it is none."""
    try:
        return base64.b64decode(text or "")
    except binascii.Error as error:
        raise Fault.malformed(f"Base64: {error}") from error


def child_text(element: ET.Element, *path: str) -> str | None:
    """Return the text of an element of the shell's name space below ``element``, or None if there is none."""
    found = element.find("/".join(f"{{{SHELL}}}{name}" for name in path))
    return None if found is None else found.text or ""


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    message_id = str(uuid.uuid4()).upper()
    text = _ANSWER.format(action=action, message_id=message_id, relates_to=escape(relates_to), body=body)
    return text.encode()


def _text(element: ET.Element, namespace: str, name: str) -> str:
    return (element.findtext(f"{{{namespace}}}{name}") or "").strip()
