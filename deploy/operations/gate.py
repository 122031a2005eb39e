"""The gate before a wave: it opens when the waves before are done and not too many of their hosts failed."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import StepFailed
from deploy.run import run_of


@operation("wave")
def gate(acting: Acting, *, wave: int) -> Commands:
    """Let this host into its wave, or stop it here.

    Every host passes every gate, so that pyinfra's order of operations holds the waves apart: no host
    begins a wave before all hosts have passed its gate, and none passes it before the wave before is done.
    """
    yield from ()
    run = run_of(acting.state)
    if not acting.state.is_executing or acting.record.wave is None or acting.record.wave < wave:
        return
    if unfinished := [name for name in run.hosts_before(wave) if not _is_done(acting, name)]:
        acting.record.begun = False
        raise StepFailed(
            f"the wave before is not done ({', '.join(unfinished)})",
            "waves need pyinfra's usual order: leave out --no-wait and --serial",
        )
    if reason := run.rollout.reason_to_stop(run.record.failed):
        acting.record.begun = False
        raise StepFailed(reason, "see to the failed hosts and run again: what is done stays done")


def _is_done(acting: Acting, name: str) -> bool:
    host = acting.state.inventory.get_host(name)
    if host in acting.state.failed_hosts:
        return True
    mine = acting.host.executing_op_hash
    order = host.op_hash_order
    before = order[: order.index(mine)] if mine in order else order
    done = (acting.state.get_op_data_for_host(host, op_hash).operation_meta for op_hash in before)
    return all(meta.is_complete() for meta in done)
