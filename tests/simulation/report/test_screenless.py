"""Figures are files: what screen somebody's notebook has does not matter."""

import os
import subprocess
import sys


def test_a_notebooks_choice_of_a_screen_does_not_matter():
    code = "import os, simulation.report.drawing.paint; print(os.environ['MPLBACKEND'])"
    env = {**os.environ, "MPLBACKEND": "module://nobody_has.this"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout == "module://nobody_has.this\n", done.stderr  # what it starts in turn has it still
