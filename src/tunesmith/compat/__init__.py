"""Programs and results of other tuners: their names over this library, and their files read as studies."""
