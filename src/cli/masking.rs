//! Masking options, the needle set built from them, and its notices.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use hushlog::io::{Release, StreamFormat, StreamNotice};
use hushlog::redact::secret::VALUE_LEN_MIN;
use hushlog::registry::nearest;
use hushlog::{BuildError, Mask, NeedleSet, Notice, NoticeKind, Secret};

use super::message::{self, Failure, warning};

/// Values of this total length need far fewer needles than a set may have.
const SURE_LEN_MAX: usize = 64 << 10;

/// Options for masking and output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Masking and output")]
pub(crate) struct OptionArgs {
    /// The text that replaces a secret; {name} is its name [default: [REDACTED:{name}]]
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "mask_char")]
    pub(crate) mask: Option<String>,

    /// Replace each byte of a secret with this character
    ///
    /// One printable ASCII character. Columns and offsets stay the same, and the length of the
    /// secret shows.
    #[arg(long, value_name = "C", value_parser = mask_char)]
    pub(crate) mask_char: Option<u8>,

    /// Do not mask values of fewer bytes, and warn about them by name [default and least: 4]
    #[arg(long, value_name = "N", value_parser = min_length())]
    pub(crate) min_length: Option<usize>,

    /// Search only for the values themselves, as they are: no base64, hex or other forms, no parts
    /// of values, and no escapes undone
    #[arg(long)]
    pub(crate) no_encodings: bool,

    /// Search the text only as it is: do not undo escapes, such as those of JSON, URLs and shells
    ///
    /// By default a second search undoes escapes, colour codes and wrapped lines, to the third
    /// depth. Forms in an alphabet of their own, such as base64, are found without it.
    #[arg(long)]
    pub(crate) no_readings: bool,

    /// Give a secret's beginning out when the input ends inside it
    ///
    /// Without this flag, an input that ends after half of a secret and 8 bytes of its value or
    /// more has that partial match masked.
    #[arg(long, alias = "keep-stump")]
    pub(crate) keep_partial: bool,

    /// When output is emitted
    ///
    /// `exact` emits each byte as soon as it cannot belong to a secret, so that a prompt appears at
    /// once. Anyone able to write to the input and watch the output live can learn from that how
    /// much of a guess matches. `line` emits whole lines only, and all but a constant-length end of
    /// a line over 1 MiB: nothing shows a partial match.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "exact")]
    pub(crate) release: WhenReleased,

    /// Write a JSON report at the end: how often each secret was masked, and in which form; no
    /// values
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Print only errors, and the names of values that are not masked
    #[arg(long, overrides_with = "quiet")]
    pub(crate) quiet: bool,
}

/// See [`OptionArgs::release`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WhenReleased {
    /// Each byte as soon as it cannot belong to a secret
    Exact,
    /// Whole lines only
    Line,
}

impl From<WhenReleased> for Release {
    fn from(release: WhenReleased) -> Release {
        match release {
            WhenReleased::Exact => Release::Exact,
            WhenReleased::Line => Release::Line,
        }
    }
}

/// The format of a stream.
#[derive(Debug, Args)]
#[command(next_help_heading = "Masking and output")]
pub(crate) struct FormatArgs {
    /// The format of the stream
    ///
    /// In a format with lengths, a mask would shift all that follows. Each message goes out whole,
    /// with its new length. `auto` takes only a stream that begins unmistakably as such a format;
    /// until its second message begins, a masked first one waits. A stream that leaves its format
    /// goes on as plain text, masked, with a warning. In `json-lines`, a line waits until it is
    /// whole, and is JSON afterwards if it was before.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: Format,
}

/// See [`FormatArgs::format`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// A format with lengths, if the stream begins as one
    Auto,
    /// Bytes
    Raw,
    /// Syslog messages with their lengths (RFC 6587)
    OctetCounted,
    /// The export format of systemd's journal
    JournalExport,
    /// Standard output and error of a container, as Docker's API multiplexes them
    DockerStream,
    /// A value of JSON on each line, which stays one
    JsonLines,
}

impl From<Format> for StreamFormat {
    fn from(format: Format) -> StreamFormat {
        match format {
            Format::Auto => StreamFormat::Auto,
            Format::Raw => StreamFormat::Raw,
            Format::OctetCounted => StreamFormat::OctetCounted,
            Format::JournalExport => StreamFormat::JournalExport,
            Format::DockerStream => StreamFormat::DockerStream,
            Format::JsonLines => StreamFormat::JsonLines,
        }
    }
}

/// Writes the notice about a stream.
pub(crate) fn on_notice(options: &OptionArgs) -> Option<fn(StreamNotice)> {
    let warn: fn(StreamNotice) = match options.no_encodings {
        false => |notice| warning(&notice.text(true)),
        true => |notice| warning(&notice.text(false)),
    };
    (!options.quiet).then_some(warn)
}

/// Compiles the secrets, wipes them, and warns about those that need it. A set without needles is
/// an error unless `allow_empty` is set.
pub(crate) fn needle_set(
    secrets: Vec<Secret>,
    options: &OptionArgs,
    allow_empty: bool,
) -> Result<Arc<NeedleSet>, Failure> {
    let set = Arc::new(compile(secrets, options)?);
    message::pass(&set);
    warn(&set, options.quiet);
    if set.is_empty() && !allow_empty {
        return Err(Failure::config("no value remains to mask").hint("--allow-empty runs without any"));
    }
    Ok(set)
}

/// Warns about a placeholder of a mask that looks like a mistyped {name}.
fn warn_of_placeholder(mask: &str) {
    let words = mask.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(word, _)| word);
    let is_mistyped = |word: &&str| *word != "name" && nearest(&word.to_lowercase(), ["name"].into_iter()).is_some();
    if words.into_iter().any(|word| is_mistyped(&word)) {
        warning("the mask has a placeholder that does not exist, and stays as it is; the name of a secret is {name}");
    }
}

/// Whether [`needle_set`] is certain to succeed: the secrets are few, one of them is masked, and
/// the mask is the default. If that collides, a mask replaces it that shares no byte with needles
/// of ASCII. Values that decode to other bytes may yield needles with such bytes.
pub(crate) fn cannot_fail(secrets: &[Secret], options: &OptionArgs) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii() && !b"%\\".contains(byte);
    let values = || secrets.iter().map(Secret::expose);
    options.mask.is_none()
        && options.mask_char.is_none()
        && values().map(<[u8]>::len).sum::<usize>() <= SURE_LEN_MAX
        && values().any(|value| value.trim_ascii().len() >= options.min_length.unwrap_or(0).max(VALUE_LEN_MIN))
        && values().all(|value| value.iter().all(is_plain))
}

fn compile(secrets: Vec<Secret>, options: &OptionArgs) -> Result<NeedleSet, Failure> {
    let mask = options.mask_char.map(Mask::Char).or_else(|| options.mask.clone().map(Mask::Template));
    if !options.quiet
        && let Some(mask) = &options.mask
    {
        warn_of_placeholder(mask);
    }
    let mut builder = NeedleSet::builder().encodings(!options.no_encodings);
    if options.no_readings {
        builder = builder.readings(false);
    }
    if let Some(mask) = mask {
        builder = builder.mask(mask);
    }
    if let Some(bytes) = options.min_length {
        builder = builder.min_length(bytes);
    }
    let builder = secrets.into_iter().fold(builder, |builder, secret| builder.secret(secret));
    builder.build().map_err(failure)
}

/// The failure for secrets and a mask that do not fit.
pub(crate) fn failure(error: BuildError) -> Failure {
    let hint = match error {
        BuildError::TooLarge => "give fewer secrets, or --no-encodings",
        _ => "choose another mask with --mask or --mask-char",
    };
    Failure::config(error.to_string()).hint(hint)
}

/// Warns about values by name, one line for each kind. Unmasked values are reported even when
/// `quiet`.
pub(super) fn warn(set: &NeedleSet, quiet: bool) {
    warn_of(set.notices(), quiet);
}

/// Warns about a part of a set's notices.
pub(super) fn warn_of(notices: &[Notice], quiet: bool) {
    let kinds = [
        (NoticeKind::Blank, "not masked, because blank", true),
        (NoticeKind::TooShort, "not masked, because too short", true),
        (NoticeKind::Short, "masked at every occurrence, although short", false),
        (NoticeKind::OrdinaryWord, "masked at every occurrence, although an ordinary word", false),
        (
            NoticeKind::MaskReplaced,
            "masked with another mask, because the default one shares text with the value",
            false,
        ),
    ];
    for (kind, text, always) in kinds {
        let names = notices.iter().filter(|notice| notice.kind == kind).map(|notice| notice.name.as_str());
        let names: Vec<&str> = names.collect();
        if !names.is_empty() && (always || !quiet) {
            warning(&format!("{text}: {}", names.join(", ")));
        }
    }
}

/// The parser of `--min-length`.
pub(crate) fn min_length() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(VALUE_LEN_MIN as u64..)
}

/// The parser of `--mask-char`.
pub(crate) fn mask_char(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        [c @ b'!'..=b'~'] => Ok(*c),
        _ => Err("must be one printable ASCII character"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        options: OptionArgs,
    }

    fn options(words: &[&str]) -> OptionArgs {
        Options::parse_from(["x"].iter().chain(words)).options
    }

    fn secrets(values: &[&str]) -> Vec<Secret> {
        values.iter().map(|value| Secret::new("K", value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_set_that_cannot_fail_does_not() {
        // With these, every mask that begins or ends with ASCII could be a part of a value.
        let values: Vec<String> =
            ('!'..='~').filter(|c| !"%\\".contains(*c)).map(|c| format!("{c}secret{c}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert!(cannot_fail(&secrets(&values), &options(&[])));
        assert!(!compile(secrets(&values), &options(&["--quiet"])).expect("a set").is_empty());
    }

    #[test]
    fn a_set_that_may_fail_is_recognized() {
        let sure = |values: &[&str], words: &[&str]| cannot_fail(&secrets(values), &options(words));
        assert!(sure(&["hunter2-prod-key"], &[]));
        assert!(!sure(&[], &[]) && !sure(&["abc"], &[]) && !sure(&["  abc  "], &[]));
        assert!(!sure(&["hunter2"], &["--min-length", "8"]));
        assert!(!sure(&["hunter2-prod-key"], &["--mask", "x"]) && !sure(&["hunter2-prod-key"], &["--mask-char", "x"]));
        assert!(!sure(&["hunter2-\u{2588}"], &[]) && !sure(&["a%E2%96%88"], &[]) && !sure(&["a\\u2588"], &[]));
        assert!(!sure(&[&"x".repeat(SURE_LEN_MAX + 1)], &[]));
    }
}
