"""How tests prepare the tiny corpus, and what a preparation wrote."""

from pathlib import Path

SIZE = "50"  # pieces; the alphabet of the tiny corpus needs nearly as many


def arguments(corpus, *more: str) -> list[str]:
    return ["--root", str(corpus.root), "--lang", "de", "--vocab-size", SIZE, "--processes", "2", *more]


def written(corpus) -> dict[Path, tuple[int, bytes]]:
    """Time of change and content of everything that a preparation wrote."""
    data = corpus.pair / "data"
    return {path.relative_to(corpus.pair): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(corpus.pair.rglob("*")) if path.is_file() and not path.is_relative_to(data)}


def contents(corpus) -> dict[Path, bytes]:
    """As `written`, without the file of time stamps."""
    return {path: content for path, (_, content) in written(corpus).items() if path.name != ".prep_steps.json"}
