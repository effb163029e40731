//! The names of characters in XML and HTML, such as those of `&amp;` and `&commat;`.

/// The letters and digits at the beginning of these bytes: one more than a name has, at most.
#[inline(always)]
pub(super) fn name_at(rest: &[u8]) -> &[u8] {
    let len = rest.iter().take(NAME_LEN_MAX + 1).take_while(|byte| IS_OF_NAMES[usize::from(**byte)]).count();
    &rest[..len]
}

static IS_OF_NAMES: [bool; 256] = {
    let (mut are, mut byte) = ([false; 256], 0);
    while byte < are.len() {
        are[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    are
};

/// Whether a name and a semicolon may begin so, the bytes from a `wild` one on being any: most
/// parameters of a query are told from names without a branch that depends on their lengths.
#[inline]
pub(super) fn may_begin(bytes: &[u8; BEGINNING_LEN], wild: impl Fn(u8) -> bool) -> bool {
    let (mut groups, mut any) = (u64::MAX, 0);
    for (of_place, &byte) in BEGINNINGS.iter().zip(bytes) {
        any |= u64::from(wild(byte)).wrapping_neg();
        groups &= of_place[usize::from(byte)] | any;
    }
    groups != 0
}

const BEGINNING_LEN: usize = 4;

/// The groups of names with a byte at each of the first places, a bit for each group. A name of two
/// letters has any byte at the last of these places, behind its semicolon.
static BEGINNINGS: [[u64; 256]; BEGINNING_LEN] = {
    let (mut beginnings, mut number) = ([[0; 256]; BEGINNING_LEN], 0);
    while number < NAMES.len() {
        let (name, mut beginning, mut at) = (NAMES[number].0.as_bytes(), [b';'; BEGINNING_LEN], 0);
        while at < BEGINNING_LEN && at < name.len() {
            beginning[at] = name[at];
            at += 1;
        }
        let group = 1 << (slot_of(&beginning) % 64);
        let (mut place, mut byte) = (0, 0);
        while place < BEGINNING_LEN {
            beginnings[place][beginning[place] as usize] |= group;
            place += 1;
        }
        while name.len() + 1 < BEGINNING_LEN && byte < 256 {
            beginnings[BEGINNING_LEN - 1][byte] |= group;
            byte += 1;
        }
        number += 1;
    }
    beginnings
};

/// The characters of the entity with this name.
pub(super) fn find(name: &[u8]) -> Option<&'static str> {
    let mut slot = slot_of(name);
    while let Some((other, read)) = NAMES.get(usize::from(SLOTS[slot])) {
        if other.as_bytes() == name {
            return Some(read);
        }
        slot = (slot + 1) % SLOTS.len();
    }
    None
}

/// Whether a name begins so.
pub(super) fn begins(prefix: &[u8]) -> bool {
    let at = NAMES.partition_point(|(name, _)| name.as_bytes() < prefix);
    NAMES.get(at).is_some_and(|(name, _)| name.as_bytes().starts_with(prefix))
}

/// The numbers of the names by their [slots](slot_of), with open addressing. With a binary search,
/// text with two names in a line was read at less than half the speed.
static SLOTS: [u16; 1024] = {
    let (mut slots, mut number) = ([FREE; 1024], 0);
    while number < NAMES.len() {
        let mut slot = slot_of(NAMES[number].0.as_bytes());
        while slots[slot] != FREE {
            slot = (slot + 1) % slots.len();
        }
        slots[slot] = number as u16;
        number += 1;
    }
    slots
};

const FREE: u16 = u16::MAX;

const fn slot_of(name: &[u8]) -> usize {
    let (mut hash, mut at) = (0_u32, 0);
    while at < name.len() {
        hash = hash.wrapping_mul(31).wrapping_add(name[at] as u32);
        at += 1;
    }
    (hash.wrapping_mul(0x9E37_79B9) >> 22) as usize
}

/// The length of the longest name, in bytes.
const NAME_LEN_MAX: usize = 20;

/// The names, sorted: those of XML and HTML 4, those that HTML 5 has for ASCII, and those that
/// PHP's `htmlentities` prefers for the same characters. With `ENT_HTML5`, it writes all
/// punctuation by name, and the letters `fj`.
///
/// Source: the HTML standard, named character references, and `htmlentities` of PHP 8.2.
#[rustfmt::skip]
const NAMES: [(&str, &str); 335] = [
    ("AElig", "Æ"), ("AMP", "&"), ("Aacute", "Á"), ("Acirc", "Â"), ("Agrave", "À"), ("Alpha", "Α"),
    ("Aring", "Å"), ("Atilde", "Ã"), ("Auml", "Ä"), ("Beta", "Β"), ("Ccedil", "Ç"), ("Cedilla", "¸"),
    ("CenterDot", "·"), ("Chi", "Χ"), ("CirclePlus", "⊕"), ("CircleTimes", "⊗"), ("Congruent", "≡"),
    ("Dagger", "‡"), ("Delta", "Δ"), ("DiacriticalAcute", "´"), ("DiacriticalGrave", "`"),
    ("DiacriticalTilde", "˜"), ("DoubleDot", "¨"), ("DoubleLeftArrow", "⇐"), ("DoubleUpArrow", "⇑"),
    ("Downarrow", "⇓"), ("ETH", "Ð"), ("Eacute", "É"), ("Ecirc", "Ê"), ("Egrave", "È"), ("Epsilon", "Ε"),
    ("Eta", "Η"), ("Euml", "Ë"), ("Exists", "∃"), ("GT", ">"), ("Gamma", "Γ"), ("Hat", "^"), ("Iacute", "Í"),
    ("Icirc", "Î"), ("Ifr", "ℑ"), ("Igrave", "Ì"), ("Implies", "⇒"), ("Integral", "∫"), ("Iota", "Ι"),
    ("Iuml", "Ï"), ("Kappa", "Κ"), ("LT", "<"), ("Lambda", "Λ"), ("LeftFloor", "\u{230a}"), ("Mu", "Μ"),
    ("NewLine", "\n"), ("NotEqual", "≠"), ("Ntilde", "Ñ"), ("Nu", "Ν"), ("OElig", "Œ"), ("Oacute", "Ó"),
    ("Ocirc", "Ô"), ("Ograve", "Ò"), ("Omega", "Ω"), ("Omicron", "Ο"), ("OpenCurlyDoubleQuote", "“"),
    ("OpenCurlyQuote", "‘"), ("Oslash", "Ø"), ("Otilde", "Õ"), ("Ouml", "Ö"), ("Phi", "Φ"), ("Pi", "Π"),
    ("Prime", "″"), ("Psi", "Ψ"), ("QUOT", "\""), ("ReverseElement", "∋"), ("Rfr", "ℜ"), ("Rho", "Ρ"),
    ("RightCeiling", "\u{2309}"), ("RightFloor", "\u{230b}"), ("Scaron", "Š"), ("Sigma", "Σ"), ("Sqrt", "√"),
    ("SubsetEqual", "⊆"), ("THORN", "Þ"), ("Tab", "\t"), ("Tau", "Τ"), ("Theta", "Θ"), ("ThinSpace", "\u{2009}"),
    ("TildeFullEqual", "≅"), ("Uacute", "Ú"), ("Ucirc", "Û"), ("Ugrave", "Ù"), ("UnderBar", "_"),
    ("Upsilon", "Υ"), ("Uuml", "Ü"), ("VerticalLine", "|"), ("Xi", "Ξ"), ("Yacute", "Ý"), ("Yuml", "Ÿ"),
    ("Zeta", "Ζ"), ("aacute", "á"), ("acirc", "â"), ("acute", "´"), ("aelig", "æ"), ("agrave", "à"),
    ("alefsym", "ℵ"), ("aleph", "ℵ"), ("alpha", "α"), ("amp", "&"), ("and", "∧"), ("ang", "∠"), ("angle", "∠"),
    ("apos", "'"), ("approx", "≈"), ("aring", "å"), ("ast", "*"), ("asymp", "≈"), ("atilde", "ã"), ("auml", "ä"),
    ("bdquo", "\u{201e}"), ("beta", "β"), ("brvbar", "¦"), ("bsol", "\\"), ("bull", "•"), ("cap", "∩"),
    ("ccedil", "ç"), ("cedil", "¸"), ("cent", "¢"), ("chi", "χ"), ("circ", "\u{2c6}"), ("clubs", "♣"),
    ("colon", ":"), ("comma", ","), ("commat", "@"), ("cong", "≅"), ("copy", "©"), ("crarr", "↵"), ("cup", "∪"),
    ("curren", "¤"), ("dArr", "⇓"), ("dagger", "†"), ("darr", "↓"), ("deg", "°"), ("delta", "δ"),
    ("diamondsuit", "♦"), ("diams", "♦"), ("divide", "÷"), ("dollar", "$"), ("eacute", "é"), ("ecirc", "ê"),
    ("egrave", "è"), ("empty", "∅"), ("emsp", "\u{2003}"), ("ensp", "\u{2002}"), ("epsi", "ε"), ("epsilon", "ε"),
    ("equals", "="), ("equiv", "≡"), ("eta", "η"), ("eth", "ð"), ("euml", "ë"), ("euro", "€"), ("excl", "!"),
    ("exist", "∃"), ("fjlig", "fj"), ("fnof", "ƒ"), ("forall", "∀"), ("frac12", "½"), ("frac14", "¼"),
    ("frac34", "¾"), ("frasl", "⁄"), ("gamma", "γ"), ("ge", "≥"), ("grave", "`"), ("gt", ">"), ("hArr", "⇔"),
    ("half", "½"), ("harr", "↔"), ("hearts", "♥"), ("hellip", "…"), ("iacute", "í"), ("icirc", "î"),
    ("iexcl", "¡"), ("igrave", "ì"), ("image", "ℑ"), ("infin", "∞"), ("int", "∫"), ("iota", "ι"), ("iquest", "¿"),
    ("isin", "∈"), ("isinv", "∈"), ("iuml", "ï"), ("kappa", "κ"), ("lArr", "⇐"), ("lambda", "λ"),
    ("lang", "\u{2329}"), ("laquo", "«"), ("larr", "←"), ("lbrace", "{"), ("lbrack", "["), ("lceil", "\u{2308}"),
    ("lcub", "{"), ("ldquo", "“"), ("le", "≤"), ("leq", "≤"), ("lfloor", "\u{230a}"), ("lowast", "∗"),
    ("lowbar", "_"), ("loz", "◊"), ("lozenge", "◊"), ("lpar", "("), ("lrm", "\u{200e}"), ("lsaquo", "‹"),
    ("lsqb", "["), ("lsquo", "‘"), ("lt", "<"), ("macr", "¯"), ("mdash", "\u{2014}"), ("micro", "µ"),
    ("midast", "*"), ("middot", "·"), ("minus", "−"), ("mu", "μ"), ("nabla", "∇"), ("nbsp", "\u{a0}"),
    ("ndash", "\u{2013}"), ("ne", "≠"), ("ni", "∋"), ("not", "¬"), ("notin", "∉"), ("nsub", "⊄"), ("ntilde", "ñ"),
    ("nu", "ν"), ("num", "#"), ("oacute", "ó"), ("ocirc", "ô"), ("oelig", "œ"), ("ograve", "ò"), ("oline", "‾"),
    ("omega", "ω"), ("omicron", "ο"), ("oplus", "⊕"), ("or", "∨"), ("ordf", "ª"), ("ordm", "º"), ("oslash", "ø"),
    ("otilde", "õ"), ("otimes", "⊗"), ("ouml", "ö"), ("para", "¶"), ("part", "∂"), ("percnt", "%"),
    ("period", "."), ("permil", "‰"), ("perp", "⊥"), ("phi", "φ"), ("pi", "π"), ("piv", "ϖ"), ("plus", "+"),
    ("plusmn", "±"), ("pound", "£"), ("prime", "′"), ("prod", "∏"), ("prop", "∝"), ("psi", "ψ"), ("quest", "?"),
    ("quot", "\""), ("rArr", "⇒"), ("radic", "√"), ("rang", "\u{232a}"), ("raquo", "»"), ("rarr", "→"),
    ("rbrace", "}"), ("rbrack", "]"), ("rceil", "\u{2309}"), ("rcub", "}"), ("rdquo", "”"), ("real", "ℜ"),
    ("reg", "®"), ("rfloor", "\u{230b}"), ("rho", "ρ"), ("rlm", "\u{200f}"), ("rpar", ")"), ("rsaquo", "›"),
    ("rsqb", "]"), ("rsquo", "’"), ("sbquo", "\u{201a}"), ("scaron", "š"), ("sdot", "⋅"), ("sect", "§"),
    ("semi", ";"), ("shy", "\u{ad}"), ("sigma", "σ"), ("sigmaf", "ς"), ("sigmav", "ς"), ("sim", "∼"),
    ("sol", "/"), ("spades", "♠"), ("spadesuit", "♠"), ("srarr", "→"), ("sub", "⊂"), ("sube", "⊆"), ("sum", "∑"),
    ("sup", "⊃"), ("sup1", "¹"), ("sup2", "²"), ("sup3", "³"), ("supe", "⊇"), ("szlig", "ß"), ("tau", "τ"),
    ("there4", "∴"), ("theta", "θ"), ("thetasym", "ϑ"), ("thinsp", "\u{2009}"), ("thorn", "þ"), ("tilde", "˜"),
    ("times", "×"), ("trade", "™"), ("uArr", "⇑"), ("uacute", "ú"), ("uarr", "↑"), ("ucirc", "û"),
    ("ugrave", "ù"), ("uml", "¨"), ("upsi", "υ"), ("upsih", "ϒ"), ("upsilon", "υ"), ("uuml", "ü"),
    ("verbar", "|"), ("vert", "|"), ("weierp", "℘"), ("wp", "℘"), ("xi", "ξ"), ("yacute", "ý"), ("yen", "¥"),
    ("yuml", "ÿ"), ("zeta", "ζ"), ("zwj", "\u{200d}"), ("zwnj", "\u{200c}"),
];

#[cfg(test)]
mod tests {
    use super::{NAME_LEN_MAX, NAMES, begins, find, may_begin};

    #[test]
    fn each_name_is_found_and_no_other() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(NAMES.iter().map(|(name, _)| name.len()).max(), Some(NAME_LEN_MAX));
        for (name, read) in NAMES {
            assert_eq!(find(name.as_bytes()), Some(read), "{name}");
            assert!((0..=name.len()).all(|len| begins(&name.as_bytes()[..len])), "{name}");
            assert!(may_begin(format!("{name};z").as_bytes().first_chunk().expect("four bytes"), |_| false), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && read.len() <= 4, "{name}");
        }
        for other in ["", "am", "ampx", "user", "zzz", "A"] {
            assert_eq!(find(other.as_bytes()), None, "{other}");
        }
        let with_wild = |bytes: &[u8; 4]| may_begin(bytes, |byte| byte == b'%');
        assert!([b"lang", b"lan%", b"l%=1", b"%===", b"lt;?"].into_iter().all(with_wild));
        assert!(![b"user", b"id=1", b"page", b"toke", b"q=1%"].into_iter().any(with_wild));
        assert!(!begins(b"ampx") && !begins(b"user") && !begins(b"\xff"));
    }
}
