"""A model of Docker Engine on a Windows host: what it accepts, refuses, does and prints.

The layers, each knowing only those above it:

* ``golang``: how Go reads and words things (JSON, addresses, numbers, flags, templates)
* ``daemon``: the configuration of dockerd, from raw bytes and flags to a verdict
* ``images``, ``containers``, ``networks``, ``store``: the engine's state and what can be done to it
* ``cli``: docker.exe, from an argument list to text on stdout and stderr
* ``service``, ``natives``, ``hns``, ``check``: what the simulated host and a person use

The oracle is a recording of the real dockerd.exe, see ``tests/recorded``.
"""
