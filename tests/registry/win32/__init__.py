"""The Windows file system rules, on Linux."""
