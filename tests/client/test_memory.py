import sys

from client.memory import keep_freed_memory


def test_linux_can_be_told():
    assert keep_freed_memory() == sys.platform.startswith("linux")
