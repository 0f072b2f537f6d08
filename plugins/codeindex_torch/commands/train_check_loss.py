"""``codeindex train --check-loss``: the loss function held against what it must give."""

from __future__ import annotations

import json
from typing import Any

import click


def print_checks(given: dict[str, Any]) -> None:
    """Prints each check; exit code 1 if one fails."""
    from codeindex_torch.training.check_loss import check_loss

    checks = list(
        check_loss(
            batch_size=max(2, given["batch_size"]),
            temperature=given["temperature"],
            two_directions=given["directions"] == "two",
            seed=given["seed"],
        )
    )
    if given["as_json"]:
        click.echo(json.dumps([vars(check) for check in checks]))
    else:
        click.echo(
            f"InfoNCE, batch {max(2, given['batch_size'])}, temperature {given['temperature']}"
        )
        for check in checks:
            mark = "ok  " if check.passed else "FAIL"
            click.echo(f"{mark} {check.name}: {check.measured} (expected: {check.expected})")
    if not all(check.passed for check in checks):
        click.get_current_context().exit(1)
