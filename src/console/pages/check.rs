//! "Is it set?": whether this machine has a variable, and would mask it.

use maud::html;

use crate::console::answer::Answer;
use crate::console::layout::{self, Notes};
use crate::console::visit::Visit;
use crate::console::wording::sentence;

/// Asks for a name, and answers as `hushlog check` does.
pub(super) fn page(visit: &Visit) -> Answer {
    let asked = visit.form.text("name");
    let (notes, answer) = match asked {
        "" if visit.form.is_sent() => (Notes::error("name", "Type the name of a secret or a variable."), None),
        "" => (Notes::default(), None),
        asked => match (visit.site.check)(asked.trim_start_matches('$')) {
            Ok(answer) => (Notes::default(), Some(answer)),
            Err(reason) => (Notes::error("", sentence(&reason)), None),
        },
    };
    let hint = html! { "Such as openai-api-key or OPENAI_API_KEY." };
    let content = html! {
        p { "Whether this machine has a secret now, as the program " code { "hushlog check" } " sees it: in the \
            environment of the console, and masked in logs." }
        @if let Some(answer) = answer { p.done role="status" { (sentence(&answer)) } }
        form.entry method="post" enctype="multipart/form-data" autocomplete="off" {
            (layout::mark(visit))
            (layout::line(&notes, "name", "Name", asked, &hint))
            button { "Check" }
        }
    };
    layout::page(visit, "/check", "Is it set?", &notes, &content)
}
