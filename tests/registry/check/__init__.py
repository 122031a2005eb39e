"""The commands ``check`` and ``check-names``."""
