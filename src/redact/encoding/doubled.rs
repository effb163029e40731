//! Doubled characters: quotes in SQL, CSV and YAML, `$` in Compose files, Makefiles and pipelines.

use super::Form;
use super::sheet::Sheet;

pub(super) fn rows(sheet: &mut Sheet<'_>) {
    for (form, doubled) in [(Form::DoubledQuote, b'\''), (Form::DoubledQuote, b'"'), (Form::DollarDoubled, b'$')] {
        sheet.row(form, |value, out| {
            for &byte in value {
                out.push(byte);
                if byte == doubled {
                    out.push(byte);
                }
            }
        });
    }
}
