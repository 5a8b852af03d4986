"""Where this package lies: in a clone, with configs/ beside it, or installed from a wheel, with them inside."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
HOME = PACKAGE.parent
"""The folder that holds the package: the clone, or where Python keeps what is installed."""

CONFIGS = next((folder for folder in (PACKAGE / "configs", HOME / "configs") if folder.is_dir()), HOME / "configs")
"""The folder with the YAMLs."""
