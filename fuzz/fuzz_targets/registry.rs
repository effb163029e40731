#![no_main]
//! The file of a registry: anything is read or refused, and what is read and written is read as the same.

use hushlog::registry::Registry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(registry) = Registry::parse(bytes) else { return };
    if registry.signers().next().is_none() {
        let text = registry.to_text(None).expect("what was read can be written");
        let again = Registry::parse(text.as_bytes()).expect("what was written can be read");
        assert_eq!(again.to_text(None).expect("as before"), text);
        assert!(again.secrets().eq(registry.secrets()) && again.members().eq(registry.members()));
        assert!(again.environments().eq(registry.environments()));
    }
});
