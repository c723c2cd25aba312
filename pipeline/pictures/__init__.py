"""Pictures in and out, with everything that their files say about them."""

from pipeline.pictures.colour import in_colours
from pipeline.pictures.formats import suffix_format
from pipeline.pictures.picture import Edit, EditKind, Metadata, Picture, Written
from pipeline.pictures.read import read_picture
from pipeline.pictures.write import check_output, write_picture
from pipeline.pictures.xmp import Provenance, read_provenance

__all__ = [
    "Edit",
    "EditKind",
    "Metadata",
    "Picture",
    "Provenance",
    "Written",
    "check_output",
    "in_colours",
    "read_picture",
    "read_provenance",
    "suffix_format",
    "write_picture",
]
