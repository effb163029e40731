//! The errors of the YAML parser in words, each with a remedy.

use serde_yaml::granit_parser::ErrorKind;

use super::Place;

const END: &str = "add its end, such as ] or }";
pub(super) const QUOTES: &str = "put the text in quotes: '...'";
const COLON: &str = "put a text with a colon in quotes; close what is open above; a space follows the colon of a key";
const SPACES: &str = "write each level two spaces further to the right, and keys of one level in one column";

/// The problem of a text at this place, and a remedy.
pub(super) fn explain(kind: &ErrorKind, place: Place, text: &str) -> (String, Option<&'static str>) {
    use ErrorKind::*;
    let (problem, hint) = match kind {
        TabNotAllowed | TabInBlockIndentation | TabInIndentation | TabAtBlockScalarStart | TabInPlainScalar => {
            return (tab(place, text).to_owned(), Some("replace the tab by spaces"));
        }
        UnclosedFlowCollection { open } => return (format!("the {open} is never closed"), Some(END)),
        MismatchedFlowCollectionEnd { open, close } => {
            return (format!("this {close} closes a {open}"), Some("each bracket is closed by its own kind"));
        }
        UnclosedQuotedScalar => ("the quote is never closed", "add its end; in single quotes, ' is written as ''"),
        MisplacedFlowCollectionEnd => ("this bracket closes nothing", "remove it, or open it before"),
        ExpectedFlowMappingSeparator => ("a comma or } is missing before this", QUOTES),
        ExpectedFlowSequenceSeparator => ("a comma or ] is missing before this", QUOTES),
        UnexpectedEof
        | UnexpectedEofFlowSequence
        | UnexpectedEofFlowMapping
        | UnexpectedEofImplicitFlowMapping
        | UnexpectedEofBlockSequence
        | UnexpectedEofBlockMapping => ("the file ends in the middle of a list or section", END),
        InvalidIndentation
        | ExpectedBlockMappingKey
        | ExpectedBlockSequenceEntry
        | BlockSequenceEntryNotAllowed
        | BlockEntryInFlowCollection
        | InvalidFlowScalarIndent
        | InvalidBlockScalarIndent
        | InvalidQuotedScalarIndent => ("this does not fit the indentation of the lines above", SPACES),
        SimpleKeyExpected | InvalidSimpleKey => ("a colon and a space are missing after the key", "KEY: VALUE"),
        MappingValueNotAllowed
        | MappingKeyNotAllowed
        | InvalidColonPlacement
        | InvalidMappingValueWhitespace
        | FlowMappingValueAdjacentCollection => ("a colon begins a value where none can be", COLON),
        UnknownAnchor => ("a text that begins with * is an alias, and nothing has its name", QUOTES),
        MissingAnchorOrAliasName => ("a text that begins with * or & is an alias or an anchor", QUOTES),
        UnexpectedCharacter { .. } | PlainScalarStartsWithDashFlowIndicator | UnexpectedEndOfPlainScalar => {
            ("no text can begin with this character", QUOTES)
        }
        InvalidTrailingSingleQuotedScalar | InvalidTrailingDoubleQuotedScalar => {
            ("more text follows the closing quote", "put the whole text in one pair of quotes")
        }
        kind if is_of_escape(kind) => {
            ("this backslash begins no escape that YAML knows", "single quotes take a backslash as it is")
        }
        UndeclaredTagHandle
        | ExpectedTagBang
        | InvalidGlobalTagCharacter
        | InvalidTagTerminator
        | MissingTagUri
        | UnclosedVerbatimTag
        | InvalidTagEscape => ("a text that begins with ! is a tag", QUOTES),
        ExpectedWhitespace | CommentNotSeparated | CommentInterceptedScalar => {
            ("a space is missing, or a comment interrupts a text", "a comment begins with a space and #")
        }
        RecursionLimitExceeded => return ("nested too deeply".to_owned(), None),
        ExpectedDocumentStart | InvalidDocumentEnd | MultipleDocumentsUnsupported => {
            ("more text follows the end of the document", SPACES)
        }
        InvalidBlockScalarHeader | ZeroBlockScalarIndent => {
            ("a text of several lines begins with | or > alone on its line", "or put the text in quotes: '...'")
        }
        BomInsideDocument => ("a byte order mark is in the middle of the file", "remove it"),
        _ => return ("not valid YAML".to_owned(), None),
    };
    (problem.to_owned(), Some(hint))
}

/// Whether the error is of an escape in double quotes.
fn is_of_escape(kind: &ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(
        kind,
        UnknownQuotedScalarEscape
            | InvalidQuotedScalarHexEscape
            | InvalidLowSurrogateHexEscape
            | InvalidLowSurrogate
            | MissingLowSurrogate
            | UnpairedLowSurrogate
            | InvalidUnicodeEscape
    )
}

/// Where the tab is: in the indentation, or elsewhere.
fn tab(place: Place, text: &str) -> &'static str {
    let line = text.split('\n').nth(place.line as usize - 1).unwrap_or_default();
    let indentation = &line[..line.len() - line.trim_start().len()];
    if indentation.contains('\t') {
        "a tab is at the beginning of the line: YAML is indented with spaces"
    } else {
        "a tab is where YAML takes a space only"
    }
}
