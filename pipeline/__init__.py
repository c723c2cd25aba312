"""Pictures in and out, finding faces, walking them through a chain of processors, measuring the result."""
