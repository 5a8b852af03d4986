"""Simultaneous speech translation for fairseq: `fairseq-train --user-dir mgcm_fairseq`.

Importing this package loads nothing; `mgcm_fairseq.tasks` registers the task, model and criterion with fairseq.
"""

__version__ = "0.1.0"
