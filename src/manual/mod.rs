//! The manual: `docs/*.md`, a page a module.
//!
//! The pages name other pages and items by reference links, with definitions at their end that hold
//! outside of rustdoc. `links.md` precedes them here, and the first definition of a name wins.

macro_rules! pages {
    ($($page:ident)*) => {$(
        #[doc = include_str!("links.md")]
        #[doc = include_str!(concat!("../../docs/", stringify!($page), ".md"))]
        pub mod $page {}
    )*};
}

pages! {
    choosing
    console
    design
    embedding
    forms
    glossary
    guard
    languages
    operating
    program
    registry
    run
    scope
    scrub
    sessions
    shippers
    sidecar
    threat_model
    tuning
}
