"""A package index in a folder: empty packages of the names and versions that set-up installs, and tools to build."""

import io
import re
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

TOOLS = ("setuptools", "wheel", "packaging")  # copied as they are installed here, for pip builds with them
SDIST = "fairseq-fixed"  # comes as source, as the real one


def make_index(folder: Path, constraints: str) -> dict[str, str]:
    """Fills the folder with a package for each line of constraints.txt; returns what has pip look there alone."""
    folder.mkdir(parents=True)
    for name in TOOLS:
        _copy_installed(folder, name)
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", constraints, re.MULTILINE):
        if name == SDIST:
            _write_source(folder, name, version)
        elif name not in TOOLS:
            _write_wheel(folder, name, version, {f"{_module(name)}.py": f"__version__ = {version!r}\n"})
    return index_in(folder)


def index_in(folder: Path) -> dict[str, str]:
    """What has pip look there alone."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder.as_uri(), "PIP_CONFIG_FILE": "/dev/null"}


def constraints_of(text: str) -> str:
    """constraints.txt with the tools in the versions that are installed here."""
    for name in TOOLS:
        text = re.sub(rf"^{name}==\S+", f"{name}=={metadata.version(name)}", text, flags=re.MULTILINE)
    return text


def _module(name: str) -> str:
    return re.sub(r"[-.]", "_", name).lower()


def _write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    info = f"{_module(name)}-{version}.dist-info"
    files = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{_module(name)}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def _write_source(folder: Path, name: str, version: str) -> None:
    setup = f"from setuptools import setup\nsetup(name={name!r}, version={version!r}, py_modules=['fairseq'])\n"
    files = {"setup.py": setup,
             "fairseq.py": "", "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))


def _copy_installed(folder: Path, name: str) -> None:
    distribution = metadata.distribution(name)
    paths = [path for path in distribution.files or [] if path.suffix != ".pyc" and ".." not in path.parts]
    with zipfile.ZipFile(folder / f"{name}-{distribution.version}-py3-none-any.whl", "w") as wheel:
        for path in paths:
            if path.name != "RECORD":
                wheel.write(path.locate(), str(path))
        record = next(str(path) for path in paths if path.name == "RECORD")
        wheel.writestr(record, "".join(f"{path},,\n" for path in paths))
