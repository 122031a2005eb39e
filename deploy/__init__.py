"""Provision Docker Engine and a registry on Windows hosts: settings, plan, operations, connector."""
