//! Doubled characters: quotes in SQL, CSV and YAML, `$` in Compose files, Makefiles and pipelines.

use super::Form;
use super::form_writer::FormWriter;

pub(super) fn rows(writer: &mut FormWriter<'_>) {
    for (form, doubled) in [(Form::DoubledQuote, b'\''), (Form::DoubledQuote, b'"'), (Form::DollarDoubled, b'$')] {
        writer.row(form, |value, out| {
            for &byte in value {
                out.push(byte);
                if byte == doubled {
                    out.push(byte);
                }
            }
        });
    }
}
