"""Runs the state machine of machine.py over two sides that are served."""

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from resource_checks import machine


def run(apis, namespace, *, operations, seed=None, slow=False):
    """Send so many operations to both sides; return them, counted, and the differences that are allowed.

    Args:
        apis: {name: Api}, as twins.GROUPS names them.
        namespace: one that is theirs alone.
        operations: how many at least.
        seed: None for the same ones each time.
        slow: as for machine.machine.

    Raises:
        AssertionError: they differ; says in what.
    """
    twins = machine.Twins([machine.side(name, api, namespace) for name, api in apis.items()])
    try:
        for number in range(operations):
            if sum(twins.asked.values()) >= operations:
                break
            made = machine.machine(twins, _differ, operations, slow=slow)
            run_state_machine_as_test(hypothesis.seed((seed or 0) * operations + number)(made), settings=_SETTINGS)
    finally:
        twins.close()
    return twins.asked, twins.allowed


def _differ(text):
    raise AssertionError(text)


# What fails is told with all of what was asked; to try it again with less would take minutes.
_SETTINGS = hypothesis.settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
    print_blob=False,
)
