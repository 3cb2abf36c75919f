EXTRA_DIST += docs/architecture.md docs/store-format.md
