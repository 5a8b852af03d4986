"""What the scripts and fairseq-generate print where the locale knows neither umlauts nor Chinese."""

import subprocess

import pytest

from tests.fixtures import BIN, ENVIRONMENT, REPOSITORY

PLAIN = {name: value for name, value in ENVIRONMENT.items() if name not in ("PYTHONUTF8", "PYTHONIOENCODING")}
POSIX = {**PLAIN, "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}  # as old as Python's ASCII comes


def printed(command, environment):
    result = subprocess.run(list(map(str, command)), cwd=REPOSITORY, env=environment, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()[-2000:]
    return result.stdout


@pytest.mark.parametrize(("environment", "expected"), [
    (POSIX, "你ü\n".encode()), ({**PLAIN, "PYTHONIOENCODING": "ascii"}, b"\\u4f60\\xfc\n"),
    ({**PLAIN, "PYTHONIOENCODING": "latin-1:replace"}, b"?\xfc\n")])
def test_what_every_script_sources_lets_python_print_any_text(environment, expected):
    assert printed(["bash", "-c", 'source scripts/python.sh; "$PYTHON" -c "print(chr(0x4f60) + chr(0xfc))"'],
                   environment) == expected


def test_translate_prints_chinese(tiny_chinese_corpus, tiny_chinese_checkpoint):
    wav, *_ = (tiny_chinese_corpus / "simuleval" / "tst-COMMON.source").read_text().split("\n")
    command = ["bash", "scripts/translate.sh", wav, "--checkpoint", tiny_chinese_checkpoint, "--lag", "1"]
    assert not printed(command, POSIX).decode().isascii()


def test_fairseq_generate_prints_chinese(tiny_chinese_corpus, tiny_chinese_checkpoint):
    lines = printed([BIN / "fairseq-generate", tiny_chinese_corpus, "--user-dir", "mgcm_fairseq", "--task", "simul_st",
                     "--path", tiny_chinese_checkpoint, "--gen-subset", "tst-COMMON", "--beam", "1", "--max-tokens",
                     "160000", "--cpu"], POSIX).decode().split("\n")
    assert not next(line for line in lines if line.startswith("D-")).isascii()
