//! A source file with all of its mutants, each selected by its number: `a + b`, which has two,
//! becomes
//!
//! ```text
//! (match crate::mutant() { 17 => (a - b), 18 => (a * b), _ => (a + b) })
//! ```
//!
//! A choice covers the smallest expression around a mutant's replacement. A function body that is
//! replaced by a value gets an earlier return of that value. A constant that the compiler evaluates
//! has a copy for each of its mutants, and so have the constants derived from it; the choice is
//! then the name, where it is used.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::Mutant;

/// A mutated file, and the ranges of its mutants.
pub struct Schema {
    pub text: String,
    /// All choices, and all sides of them.
    pub places: Vec<Place>,
    /// Mutants that a number cannot select, because the compiler evaluates them.
    pub out_of_reach: Vec<usize>,
}

/// A choice, or a side of one.
pub struct Place {
    /// In bytes of the mutated file.
    pub range: Range<usize>,
    /// Whether only one mutant is in the range.
    pub is_side: bool,
    /// The mutants that are unusable if this range does not compile.
    pub mutants: Vec<usize>,
}

/// Writes a file with the mutants of these numbers.
pub fn write(source: &str, mutants: &[(usize, &Mutant)]) -> Schema {
    let mut found = Found::default();
    found.visit_file(&syn::parse_file(source).expect("a source file"));
    let mut schema = Schema { text: String::new(), places: Vec::new(), out_of_reach: Vec::new() };
    let (mut choices, mut copies): (Vec<Choice>, Vec<(usize, String)>) = Default::default();
    for &(number, mutant) in mutants {
        let mut add = |range: Range<usize>, kind, text| match choices
            .iter_mut()
            .find(|choice| choice.range == range && choice.kind == kind)
        {
            Some(choice) => choice.sides.push((number, text)),
            None => choices.push(Choice { range, kind, sides: vec![(number, text)] }),
        };
        if let Some((range, kind)) = found.holder(mutant) {
            let text = match kind {
                Kind::Body => mutant.replacement.clone(),
                _ => replaced(source, range.clone(), vec![(mutant.range.clone(), mutant.replacement.clone())]),
            };
            add(range, kind, text);
        } else if let Some(constants) = found.copied(mutant) {
            let renamed = |name: &str| format!("{name}_{number}");
            for item in &constants {
                let names = found.uses.iter().filter(|of| constants.iter().any(|item| item.name == of.name));
                let mut edits: Vec<_> = names.map(|of| (of.range.clone(), renamed(&of.name))).collect();
                edits.push((item.ident.clone(), renamed(&item.name)));
                edits.push((mutant.range.clone(), mutant.replacement.clone()));
                copies.push((number, replaced(source, item.range.clone(), edits)));
                for of in found.uses.iter().filter(|of| of.name == item.name && !of.is_fixed) {
                    add(of.range.clone(), Kind::Operand, renamed(&of.name));
                }
            }
        } else {
            schema.out_of_reach.push(number);
        }
    }
    choices.sort_by_key(|choice| (choice.range.start, std::cmp::Reverse(choice.range.end)));
    schema.render(source, 0..source.len(), &choices);
    copies.iter().for_each(|(number, copy)| schema.side(*number, copy));
    schema
}

/// A part of the source after these replacements.
fn replaced(source: &str, range: Range<usize>, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.retain(|edit| range.start <= edit.0.start && edit.0.end <= range.end);
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.0.start));
    let mut text = source[range.clone()].to_owned();
    edits.iter().for_each(|(at, new)| text.replace_range(at.start - range.start..at.end - range.start, new));
    text
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Body,
    /// The choice is a statement, without a semicolon.
    Statement,
    Operand,
}

struct Choice {
    /// The expression in the source, or the position at the beginning of a body.
    range: Range<usize>,
    kind: Kind,
    /// The replacements, by the mutants' numbers.
    sides: Vec<(usize, String)>,
}

impl Schema {
    /// Appends this part of the source, with the choices within it.
    fn render(&mut self, source: &str, range: Range<usize>, mut choices: &[Choice]) {
        let mut at = range.start;
        while let Some((choice, rest)) = choices.split_first() {
            let inner = rest.partition_point(|inner| inner.range.start < choice.range.end);
            self.text += &source[at..choice.range.start];
            self.choice(source, choice, &rest[..inner]);
            at = choice.range.end;
            choices = &rest[inner..];
        }
        self.text += &source[at..range.end];
    }

    fn choice(&mut self, source: &str, choice: &Choice, inner: &[Choice]) {
        let start = self.text.len();
        if choice.kind == Kind::Body {
            for (number, value) in &choice.sides {
                self.side(*number, &format!("if crate::mutant() == {number} {{ return {value}; }}"));
            }
            return;
        }
        self.text +=
            if choice.kind == Kind::Statement { "match crate::mutant() {" } else { "(match crate::mutant() {" };
        for (number, text) in &choice.sides {
            self.side(*number, &format!("{number} => ({text}),"));
        }
        self.text += "\n_ => (";
        self.render(source, choice.range.clone(), inner);
        self.text += if choice.kind == Kind::Statement { ")}" } else { ")})" };
        let mutants = choice.sides.iter().map(|side| side.0).collect();
        self.places.push(Place { range: start..self.text.len(), is_side: false, mutants });
    }

    fn side(&mut self, number: usize, text: &str) {
        let start = self.text.len();
        self.text += "\n";
        self.text += text;
        self.places.push(Place { range: start..self.text.len(), is_side: true, mutants: vec![number] });
    }
}

/// The expressions of a file that may become a choice, and the ranges that must contain none.
#[derive(Default)]
struct Found {
    holders: Vec<(Range<usize>, Kind)>,
    bodies: Vec<Range<usize>>,
    /// Ranges that the compiler evaluates; and closures within them, which it never does.
    fixed: Vec<Range<usize>>,
    closures: Vec<Range<usize>>,
    constants: Vec<Constant>,
    uses: Vec<Use>,
    /// The number of types, and of other expressions evaluated by the compiler, around the visited
    /// one.
    depth: usize,
}

/// A constant of this file alone.
struct Constant {
    name: String,
    range: Range<usize>,
    ident: Range<usize>,
}

/// A use of a name that may be a constant's.
struct Use {
    name: String,
    range: Range<usize>,
    /// The compiler needs the value there.
    is_fixed: bool,
}

fn holds(range: &Range<usize>, inner: &Range<usize>) -> bool {
    range.start <= inner.start && inner.end <= range.end
}

impl Found {
    /// The smallest expression around a mutant's replacement, or the beginning of the body that it
    /// replaces.
    fn holder(&self, mutant: &Mutant) -> Option<(Range<usize>, Kind)> {
        let within = |ranges: &[Range<usize>]| ranges.iter().any(|range| holds(range, &mutant.range));
        if within(&self.fixed) && !within(&self.closures) {
            return None;
        }
        if mutant.is_body {
            let body =
                self.bodies.iter().filter(|range| holds(range, &mutant.range)).min_by_key(|range| range.len())?;
            return Some((body.start + 1..body.start + 1, Kind::Body));
        }
        let around = self.holders.iter().filter(|holder| holds(&holder.0, &mutant.range));
        around.min_by_key(|holder| holder.0.len()).cloned()
    }

    /// The constant that a mutant changes, and those derived from it; `None` if code outside of
    /// functions uses one of them.
    fn copied(&self, mutant: &Mutant) -> Option<Vec<&Constant>> {
        let mut copied = vec![self.constants.iter().find(|item| holds(&item.range, &mutant.range))?];
        let mut next = 0;
        while let Some(changed) = copied.get(next) {
            for of in self.uses.iter().filter(|of| of.name == changed.name && of.is_fixed) {
                let item = self.constants.iter().find(|item| holds(&item.range, &of.range))?;
                if !copied.iter().any(|known| known.name == item.name) {
                    copied.push(item);
                }
            }
            next += 1;
        }
        Some(copied)
    }

    fn fixed(&mut self, range: Range<usize>, visit: impl FnOnce(&mut Found)) {
        self.fixed.push(range);
        self.depth += 1;
        visit(self);
        self.depth -= 1;
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let range = block.span().byte_range();
        // `impl Trait` has one type, so a value of another cannot be returned before it.
        let is_opaque =
            matches!(&signature.output, syn::ReturnType::Type(_, of) if matches!(**of, syn::Type::ImplTrait(_)));
        if signature.constness.is_some() {
            self.fixed.push(range);
        } else if !is_opaque {
            self.bodies.push(range);
        }
    }
}

/// Whether an expression binds names, as the conditions of `if` and `while` may, and cannot be
/// moved.
fn binds(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        let range = item.span().byte_range();
        if matches!(item.vis, syn::Visibility::Inherited) {
            let (name, ident) = (item.ident.to_string(), item.ident.span().byte_range());
            self.constants.push(Constant { name, range: range.clone(), ident });
        }
        self.fixed(range, |found| visit::visit_item_const(found, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.fixed(item.span().byte_range(), |found| visit::visit_impl_item_const(found, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.fixed(item.span().byte_range(), |found| visit::visit_item_static(found, item));
    }

    fn visit_type(&mut self, item: &'ast syn::Type) {
        self.fixed(item.span().byte_range(), |found| visit::visit_type(found, item));
    }

    fn visit_generic_argument(&mut self, item: &'ast syn::GenericArgument) {
        self.fixed(item.span().byte_range(), |found| visit::visit_generic_argument(found, item));
    }

    fn visit_pat(&mut self, item: &'ast syn::Pat) {
        self.fixed(item.span().byte_range(), |found| visit::visit_pat(found, item));
    }

    fn visit_pat_ident(&mut self, item: &'ast syn::PatIdent) {
        let (name, range) = (item.ident.to_string(), item.ident.span().byte_range());
        self.uses.push(Use { name, range, is_fixed: true });
        visit::visit_pat_ident(self, item);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(name) = path.path.get_ident() {
            let (name, range) = (name.to_string(), path.span().byte_range());
            self.uses.push(Use { name, range, is_fixed: self.depth > 0 });
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.closures.push(closure.body.span().byte_range());
        visit::visit_expr_closure(self, closure);
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.fixed(repeat.len.span().byte_range(), |found| found.visit_expr(&repeat.len));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        let before = self.holders.len();
        visit::visit_stmt(self, statement);
        if let syn::Stmt::Expr(expression, None) = statement {
            let range = expression.span().byte_range();
            let holders = self.holders[before..].iter_mut().filter(|holder| holder.0 == range);
            holders.for_each(|holder| holder.1 = Kind::Statement);
        }
    }

    fn visit_expr_if(&mut self, expression: &'ast syn::ExprIf) {
        visit::visit_expr_if(self, expression);
        // After `else` comes a block, or another `if`.
        if let Some((_, other)) = &expression.else_branch {
            let range = other.span().byte_range();
            self.holders.retain(|holder| holder.0 != range);
        }
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        if !binds(expression) && !matches!(expression, syn::Expr::Block(_) | syn::Expr::Unsafe(_)) {
            self.holders.push((expression.span().byte_range(), Kind::Operand));
        }
        visit::visit_expr(self, expression);
    }
}
