"""scripts/serve.sh from the command line to the page."""

import importlib.util
import re
import signal
import socket
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

from mgcm_fairseq.commands.serve import main
from tests.ending import status_of
from tests.fixtures import ENVIRONMENT, REPOSITORY


@pytest.fixture
def said(monkeypatch, capsys):
    """How the program ends with these options, and its last line."""
    def run(*options):
        monkeypatch.setattr(sys, "argv", ["serve", *map(str, options)])
        return status_of(main), capsys.readouterr().err.splitlines()[-1]

    return run


def test_it_says_where_the_page_is_and_ends_with_ctrl_c(tiny_segmenting_checkpoint):
    pytest.importorskip("websockets", reason="needs the extra `live`")
    pytest.importorskip("soxr", reason="needs the extra `live`")
    with subprocess.Popen(["env", "--default-signal=INT",  # which those who start the tests may have set to be ignored
                           "bash", "scripts/serve.sh", "--checkpoint", tiny_segmenting_checkpoint, "--port", "0"],
                          cwd=REPOSITORY, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        [address] = re.findall(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        with urlopen(address) as page:
            assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
            assert "<h1>Live translation" in page.read().decode()
        with pytest.raises(OSError, match="403"):
            urlopen(Request(address, headers={"Host": "evil.example"}))
        with pytest.raises(OSError, match="404"):
            urlopen(f"{address}../server.py")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        assert process.returncode == 130
        assert errors.splitlines()[1:] == ["scripts/serve.sh: interrupted. You can run the same command again."]


def test_what_does_not_fit_is_said_at_once(said, tiny_segmenting_checkpoint, tiny_checkpoint):
    pytest.importorskip("websockets", reason="needs the extra `live`")
    pytest.importorskip("soxr", reason="needs the extra `live`")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, last = said("--checkpoint", tiny_segmenting_checkpoint, "--port", port)
    assert status == 2
    assert f"--port: expected a free port of this machine, found {port}" in last
    assert said("--checkpoint", "none.pt", "--port", "70000")[0] == 2
    status, last = said("--checkpoint", tiny_checkpoint, "--device", "cuda:99")
    assert status == 2
    assert "--device: expected a GPU that torch can use, found cuda:99" in last
    status, last = said("--checkpoint", tiny_checkpoint, "--run", "wait-segment:1")
    assert status == 2
    assert "expected a model trained with --segmentation-variant" in last
    status, last = said("--checkpoint", tiny_checkpoint, "--run", "wait-k:1,2", "--run", "wait-k:1")
    assert status == 2
    assert "--run: expected runs of different names, found wait-k:1 twice" in last


def test_without_its_packages_it_says_how_to_get_them(said, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, last = said("--checkpoint", "none.pt")
    assert status == 2
    assert "found none. Install it: pip install -c constraints.txt -e '.[live]'." in last
