"""Measurements of the studio on this machine, by the same formulas as `measure`."""

from pipeline.bench.report import QualityReport
from pipeline.bench.run import quality

__all__ = ["QualityReport", "quality"]
