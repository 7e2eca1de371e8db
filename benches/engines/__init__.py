"""abpn beside other engines, on the same net and the same picture; docs/benchmarks.md says how to run it."""
