"""Simulated Windows hosts that speak WinRM, to rehearse a rollout without Windows.

From the socket inwards, each layer knows only those below it::

control, background bring hosts up and down; one process for all of them server, auth, http sockets; who
is on a connection, sealed messages sessions, wsman WS-Management: envelopes, shells, long poll, faults
bytes in, bytes out psrp, winrs the two kinds of shell: runspace pools, command prompts bytes in, bytes
out shell PowerShell text -> commands with literal arguments -> a pipeline cmdlets, programs what those
commands do host a host's state: drives, registry, services, events, journal, faults engine the Docker
Engine on it

How sure each part is. *Recorded* from the real program: the engine's reading of its configuration, its
command line in the registry (``tests/recorded``). *Observed* with other people's clients: the wire. *From
documents and reports*: texts and identifiers of PowerShell's errors, what ConvertTo-Json of 5.1 does,
names and permissions of files. *Assumed*, and each an option of ``python -m rehearsal up``: round trips,
the time that a shell, a PowerShell process or a restart takes, when an idle connection is dropped,
whether output and state come apart. What is not known is refused with what comes close, never guessed.
"""
