//! The default mask changes if secrets collide with it, and redacted text is not redacted again.

use std::sync::Arc;

use crate::harness::engine;
use crate::harness::rng::Rng;
use hushlog::{Mask, NeedleSet, NoticeKind, Secret};

/// Among many passwords with punctuation, some end as the default mask begins, for any bracket.
#[test]
fn a_set_full_of_punctuation_has_a_mask() {
    let mut rng = Rng(7);
    let password = |rng: &mut Rng| -> Vec<u8> { (0..40).map(|_| b'!' + rng.below(94) as u8).collect() };
    let passwords: Vec<Vec<u8>> = (0..500).map(|_| password(&mut rng)).collect();
    let builder = passwords.iter().enumerate().fold(NeedleSet::builder(), |builder, (i, password)| {
        builder.secret(Secret::new(format!("P{i}"), password.clone()))
    });
    let set = Arc::new(builder.build().expect("there is a mask for every set of text"));
    assert!(set.notices().iter().any(|notice| notice.kind == NoticeKind::MaskReplaced));
    assert_ne!(*set.mask(), Mask::default());

    let text: Vec<u8> = passwords.iter().flat_map(|password| [&password[..39], password, b" "].concat()).collect();
    let once = engine::whole(&set, &text);
    assert!(passwords.iter().all(|password| !once.windows(40).any(|window| window == password)));
    assert!(engine::whole(&set, &once) == once);
}

/// A secret that is part of the mask, or contains it, has the mask replaced; an unrelated secret
/// does not.
#[test]
fn the_default_mask_gives_way_only_when_it_has_to() {
    let set = |value: &str| NeedleSet::builder().secret(Secret::new("KEY", value.into())).build().expect("a mask fits");
    for (value, kept) in [("REDACTED", false), ("[REDACTED:KEY]", false), ("my[REDACTED", false), ("x9Kq27vLm0", true)]
    {
        assert_eq!(*set(value).mask() == Mask::default(), kept, "the mask beside {value:?}");
    }
}

/// The name of a file may hold quotes. A line of JSON around its mask stays JSON.
#[test]
fn a_name_in_a_mask_has_no_quotes() {
    let secret = Secret::new(r#"we"ir'd\`"#, b"kx-5512-lamp-frog".to_vec());
    let set = NeedleSet::builder().secret(secret).build().unwrap();
    let masked = set.redact_cow(br#"{"m":"kx-5512-lamp-frog","n":1}"#);
    assert_eq!(masked.as_ref(), br#"{"m":"[REDACTED:we_ir_d__]","n":1}"#);
}
