"""Provision Docker Engine and a registry on Windows hosts: ``pyinfra inventories/lab.py deploy.py``.

The settings of all hosts are checked first; then the rollout begins.
"""

from pyinfra.context import ctx_host, ctx_state

from deploy.rollout import roll_out

roll_out(ctx_state.get(), ctx_host.get())
