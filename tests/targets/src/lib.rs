//! Nothing: this package is its tests, which are those of the tree. See `run`.
