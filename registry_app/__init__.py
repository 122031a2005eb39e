"""An OCI Distribution registry that runs on Windows and on Linux."""

__version__ = "0.1.0"
