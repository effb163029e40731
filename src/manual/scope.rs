//! Out of scope.
//!
//! Finding secrets by patterns; undoing compression or encryption; values broken by something
//! within them; keeping secrets from root, from a user that can attach a debugger, or from the
//! program that prints them.
