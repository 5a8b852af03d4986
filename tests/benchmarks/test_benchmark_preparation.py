"""scripts/benchmarks/preparation.py writes a row for every step, and goes on with a preparation that was killed."""

import json
import runpy
import subprocess
import sys
import tempfile

from tests.fixtures import REPOSITORY, run


def test_rows_and_environment(tmp_path):
    result = run(sys.executable, "scripts/benchmarks/preparation.py", "--size", "200", "--seconds", "0.2",
                 "--vocab-size", "400", "--out", tmp_path / "b.json")
    assert "0 of them written again; all files as without interruption" in result.stdout
    found = json.loads((tmp_path / "b.json").read_text())
    steps = ("train", "dev", "tst-COMMON", "vocabulary", "simuleval dev", "simuleval tst-COMMON")
    runs = ("as it lies", "as it lies", "again", "packed", "killed half-way, resumed")
    assert [row["step"] for row in found["rows"]] == [f"{name}: {step}" for name in runs for step in steps]
    assert found["environment"]["sentencepiece"]


def test_no_line_is_lost_while_it_is_read():
    lines_so_far = runpy.run_path(str(REPOSITORY / "scripts" / "benchmarks" / "preparation.py"))["lines_so_far"]
    written = [str(number) for number in range(3_000)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(["bash", "-c", "for number in {0..2999}; do echo $number; done"], stdout=log)
        while process.poll() is None:
            found = lines_so_far(log)
            assert found == written[:len(found)]
        assert process.returncode == 0
        assert lines_so_far(log) == written
