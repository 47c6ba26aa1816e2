"""Reports of studies, searches and laws: one page that opens from the disk, or Markdown for a pull request.

What a report says is collected once (`write`; a scaling law says it itself, see `content.Reportable`), and written in
one of the formats of the registry (`page`, `markdown`), in one of the languages of `tunesmith.foundation.languages`.
"""

from __future__ import annotations

from tunesmith.foundation.lazy import lazy
from tunesmith.report.write import write_report

__all__ = ["ScalingResults", "write_report"]

__getattr__, __dir__ = lazy(__name__, {"ScalingResults": "tunesmith.scaling.report"})
