"""What all rooms stand on: texts, formats, states, the registry, processes, threads, array maths, languages."""
