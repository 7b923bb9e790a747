"""What a manifest says of the command line that started a process: all but its secrets."""

import pytest

from server.record.provenance import HIDDEN, without_secrets


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        (["run.py", "--seed", "3"], ["run.py", "--seed", "3"]),
        (["app", "--token", "abc", "--run-id", "1"], ["app", "--token", HIDDEN, "--run-id", "1"]),
        (["app", "--token", "-abc", "--token=def"], ["app", "--token", HIDDEN, f"--token={HIDDEN}"]),
        (["app", "--token", "--token", "x"], ["app", "--token", HIDDEN, "x"]),
        (["app", "--auth-token=a=b", "--API_TOKEN", "c"], ["app", f"--auth-token={HIDDEN}", "--API_TOKEN", HIDDEN]),
        (["app", "--credentials", "keys/operator"], ["app", "--credentials", "keys/operator"]),
        (["app", "--token"], ["app", "--token"]),
    ],
)
def test_values_of_secret_flags_are_not_kept(argv, kept):
    assert without_secrets(argv) == kept
