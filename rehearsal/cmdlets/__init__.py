"""The cmdlets of a simulated host. Importing this package registers all of them."""

from rehearsal.cmdlets import objects

__all__ = ["objects"]
