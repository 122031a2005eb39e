"""Refuse what would fill the disk, while there is still room to say so."""

import errno

from registry_app.errors import DiskFull
from registry_app.storage.filesystem import FileSystem

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system call says when there is no room."""

CHECK_EVERY = 64 << 20
"""Bytes written between two looks at the free space."""

_MEBIBYTE = 1 << 20


class Space:
    """The free space of a store, less a reserve that nobody may use."""

    def __init__(self, fs: FileSystem, reserve: int) -> None:
        self._fs = fs
        self._reserve = reserve

    def require(self, size: int) -> None:
        """Raise `DiskFull` if ``size`` more bytes would leave less than the reserve."""
        free = self._fs.free_bytes(self._fs.root)
        if free - self._reserve >= size:
            return
        raise DiskFull(
            f"not enough disk space in the registry: {free // _MEBIBYTE} MiB are free, "
            f"{self._reserve // _MEBIBYTE} MiB of them reserved; "
            "remove images and collect garbage, or add space",
            detail={"needed": size, "free": free, "reserve": self._reserve},
        )
