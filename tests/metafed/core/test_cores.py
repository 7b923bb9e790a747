"""The cores of the process, not of the machine."""

import os

import pytest

from metafed.core.cores import cores, quota


def test_a_process_that_is_bound_to_one_core_has_one(tmp_path):
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores(tmp_path, tmp_path / "nowhere") == len(allowed)


@pytest.mark.parametrize(
    ("said", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, float("inf")),
        ("0::/jobs/one\n", {"jobs/cpu.max": "50000 100000\n", "jobs/one/cpu.max": "max 100000\n"}, 0.5),
        ("0::/seen/elsewhere\n", {"cpu.max": "200000 100000\n"}, 2.0),
        (
            "4:cpu,cpuacct:/job\n3:memory:/job\n",
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"},
            3.0,
        ),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
    ],
)
def test_what_a_control_group_allows(said, files, expected, tmp_path):
    own = tmp_path / "cgroup"
    own.write_text(said)
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    assert quota(tmp_path / "groups", own) == expected
    assert 1 <= cores(tmp_path / "groups", own) <= max(1, len(os.sched_getaffinity(0)))
