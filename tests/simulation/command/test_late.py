"""Heavy packages are not imported before they are needed."""

import subprocess
import sys

import pytest


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_help_and_bad_input_import_neither_torch_nor_flower_nor_ray():
    code = (
        "import sys, simulation.run as r\n"
        "from simulation.cli.late import Late\n"
        "try: r.main(['--help'])\nexcept SystemExit: pass\n"
        "assert r.main(['--cohort', '99']) == 2\n"
        "heavy = {'torch', 'flwr', 'ray', 'polars', 'matplotlib', 'scipy', 'sklearn'}\n"
        "print('imported', [n for n in heavy if n in sys.modules and not isinstance(sys.modules[n], Late)])"
    )
    assert "imported []" in python(code).stdout


@pytest.mark.parametrize("door", ["deploy", "compare", "sweep", "export", "verify", "data.command", "report.command"])
def test_no_door_imports_them(door):
    code = (
        f"import sys, simulation.{door}\n"
        "from simulation.cli.late import Late\n"
        "heavy = {'torch', 'flwr', 'ray', 'polars', 'matplotlib', 'scipy', 'sklearn', 'jinja2', 'requests'}\n"
        "print('imported', [n for n in heavy if n in sys.modules and not isinstance(sys.modules[n], Late)])"
    )
    assert "imported []" in python(code).stdout


def test_asking_a_late_package_for_its_file_is_no_use_of_it():
    code = (
        "import sys, inspect\nfrom simulation.cli.late import Late, late\nlate('polars')\n"
        "inspect.getmodule(inspect.currentframe())\nprint(isinstance(sys.modules['polars'], Late))"
    )
    done = python(code)
    assert done.stdout == "True\n", done.stderr


def test_a_late_package_is_the_package_once_it_is_used():
    code = (
        "import sys\nfrom simulation.cli.late import late, unused\nlate('json')\nimport json\nkept = json\n"
        "with unused('json'):\n    assert 'json' not in sys.modules\n"
        "assert kept.loads('[1]') == [1]\n"
        "import json as real\nassert real is sys.modules['json'] and real is not kept\n"
        "assert real.loads is kept.loads\nprint('the same')"
    )
    # json itself is imported by the interpreter's start-up in some builds
    done = python(
        "import sys\nfor n in [n for n in sys.modules if n.split('.')[0] == 'json']: del sys.modules[n]\n" + code
    )
    assert done.stdout == "the same\n", done.stderr


def test_threads_that_use_a_late_package_at_once_get_the_package():
    code = (
        "import sys, threading\nfrom simulation.cli.late import late\nlate('asyncio')\nimport asyncio as waiting\n"
        "start, found = threading.Barrier(8), []\n"
        "def use():\n    start.wait()\n    found.append(waiting.run)\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "for t in threads: t.start()\nfor t in threads: t.join()\n"
        "import asyncio\nassert asyncio is not waiting\nprint(len(found), {f is asyncio.run for f in found})"
    )
    done = python("import sys\nassert 'asyncio' not in sys.modules\n" + code)
    assert done.stdout == "8 {True}\n", done.stderr


def test_torch_is_imported_by_nothing_that_comes_before_the_engine():
    code = (
        "import sys, simulation.cli.start, simulation.runs.simulate, simulation.cli.console\n"
        "import simulation.runs.kernels, simulation.cli.logs\n"
        "import server.record.record\n"
        "from simulation.cli.flags import parse\nfrom metafed.federation.federation import Federation\n"
        "Federation(simulation.runs.kernels.decided(parse(['--kernels', 'torch'])).experiment).roster.cohort(1)\n"
        "print('torch._C' in sys.modules)"
    )
    done = python(code)
    assert done.stdout == "False\n", done.stderr
