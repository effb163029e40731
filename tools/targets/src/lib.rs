//! An empty library: the package only holds the tree's tests. See `run`.
