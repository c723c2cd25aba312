"""Who is in a picture (`picture`), and who is where in every frame of a clip, known before it is drawn."""

from pipeline.analysis.picture import Analysis, FaceReport, analyse_frame

__all__ = ["Analysis", "FaceReport", "analyse_frame"]
