"""dockerd's configuration: from the bytes of daemon.json and the flags to what the daemon does with them.

The rules are those of moby's ``daemon/config``, ``daemon/command``, ``daemon/pkg/registry`` and
``daemon/pkg/opts`` (commit b985e2313a86, the recorded one); every message is the daemon's own.
"""
