"""Quality measures: how good a swap is, in figures."""

from pipeline.measure.pair import measure_faces, measure_pair, source_descriptor
from pipeline.measure.report import FaceMeasures, Measures, Outside

__all__ = ["FaceMeasures", "Measures", "Outside", "measure_faces", "measure_pair", "source_descriptor"]
