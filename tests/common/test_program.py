"""How programs end: a line in argparse's form and a status, the same for all."""

import sys

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import called, program

SCRIPT = "scripts/a.sh"


def ended(error, capsys):
    @program(SCRIPT)
    def main():
        if isinstance(error, BaseException):
            raise error
        return error

    return main(), capsys.readouterr().err


@pytest.mark.parametrize(("error", "status", "said"), [
    (InputError("a.tsv", "one", "two", "Mend it."), 2,
     "scripts/a.sh: error: a.tsv: expected one, found two. Mend it.\n"),
    (KeyboardInterrupt(), 130, "scripts/a.sh: interrupted. The same command can be given again.\n"),
    (None, 0, ""), (1, 1, "")])
def test_each_way_to_end_has_its_status_and_its_line(error, status, said, capsys):
    assert ended(error, capsys) == (status, said)


def test_a_fault_of_the_program_keeps_its_traceback(capsys):
    with pytest.raises(ZeroDivisionError):
        ended(ZeroDivisionError(), capsys)


def test_an_installed_command_is_called_by_its_own_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/mgcm-a"])
    assert ended(InputError("a", "b", "c", "d."), capsys) == (2, "mgcm-a: error: a: expected b, found c. d.\n")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fairseq-train"])
    assert (called(), called(SCRIPT)) == ("fairseq-train", SCRIPT)
