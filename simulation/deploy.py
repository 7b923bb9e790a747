"""``python -m simulation.deploy``: the same experiment, computed by separate processes with TLS and node keys."""

import sys
from collections.abc import Sequence

from rich.console import Console

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.closing import show
from simulation.cli.door import door
from simulation.cli.exits import DIVERGED, DONE, FAILED, INTERRUPTED, complain
from simulation.deployment.errors import Interrupted, NodesMissing, NotStarted, Refused, RunEndedEarly
from simulation.deployment.plan import HELP, Plan, parse


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code, which is 0 only if the run did all that it was asked for."""
    if {"-h", "--help"} & set(words):
        print(HELP)
        return DONE
    return carry_out(parse(words))


def carry_out(plan: Plan) -> int:
    """Deploy, and say how it went."""
    # here, since it loads Flower: bad input and --help are answered without
    from simulation.deployment.deployment import deploy

    console = Console(markup=False)
    try:
        folder = deploy(plan, console)
    except (Interrupted, KeyboardInterrupt) as stop:
        return complain(str(stop) or "interrupted before the run began; nothing is left behind", INTERRUPTED)
    except RunEndedEarly as error:
        return complain(error, DIVERGED if error.diverged else FAILED)
    except (Refused, NodesMissing, NotStarted) as error:
        return complain(error, FAILED)
    except OSError as error:
        return complain(f"the record could not be brought here: {error}", FAILED)
    if not (folder / "summary.json").exists():
        text = f"all nodes keep the rows of their clients: there is no summary; sums are in {folder / 'rounds.jsonl'}"
        console.print(text, soft_wrap=True)
    elif not plan.config.quiet:
        show(folder, plan.config, console)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
