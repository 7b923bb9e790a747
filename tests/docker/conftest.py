"""A copy of the project, and the image built from it once."""

import shutil
import subprocess

import pytest

from tests.docker.containers import PROJECT, ROOT, compose


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """Folder with what git would give of the project; nothing of its federation is left at the end."""
    folder = tmp_path_factory.mktemp("clone")
    words = ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"]
    for name in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    yield folder
    compose(folder, "down", "-v")


@pytest.fixture(scope="session")
def image(clone):
    """The image of the compose file."""
    done = compose(clone, "build", "superlink", project=PROJECT)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return "metafed:local"
