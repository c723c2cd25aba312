"""What looks wrong in a rendered clip: every frame scored while it is rendered, and the spans that stand out."""

from pipeline.findings.finding import Finding
from pipeline.findings.judging import findings_of
from pipeline.findings.sheet import Sheet

__all__ = ["Finding", "Sheet", "findings_of"]
