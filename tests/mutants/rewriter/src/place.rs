//! Which expression of a file each mutant is about.

use crate::Mutant;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr};

/// Something that mutants change.
pub(crate) struct Site {
    /// What is written anew, in bytes of the source. Empty where something is put in.
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

/// How a site is changed. With each change its mutant's number; never none of them.
pub(crate) enum Kind {
    /// At the beginning of a function: what it answers at once.
    Body(Vec<(u32, String)>),
    /// `left == right` or `left != right`, which has one mutant: the other one.
    Equality(u32),
    /// Another operator between the two sides, which were these.
    Operator { left: Range<usize>, right: Range<usize>, instead: Vec<(u32, String)> },
    /// The operand without its operator.
    Operand(u32, Range<usize>),
    /// Another guard of a match's arm.
    Guard(Vec<(u32, String)>),
    /// After the pattern of an arm: the arm is never taken.
    Arm(u32),
    /// A struct's expression without one of its fields, each with its comma.
    Fields(Vec<(u32, Range<usize>)>),
}

/// The sites of a file, each before what is inside of it, and the mutants that have none, with the reason.
pub(crate) fn sites(file: &syn::File, mutants: Vec<Mutant>) -> (Vec<Site>, BTreeMap<u32, &'static str>) {
    let mut waiting: HashMap<Key, Vec<Mutant>> = HashMap::new();
    for mutant in mutants {
        let key = (mutant.genre.clone(), mutant.line, mutant.column);
        waiting.entry(key).or_default().push(mutant);
    }
    let mut places = Places { waiting, sites: Vec::new(), unplaced: BTreeMap::new(), constants: 0 };
    places.visit_file(file);
    for mutant in places.waiting.into_values().flatten().filter(|mutant| !mutant.dropped) {
        places.unplaced.insert(mutant.id, "not found");
    }
    (places.sites, places.unplaced)
}

/// What a mutant says about where it is: its genre, line and column.
type Key = (String, usize, usize);

struct Places {
    /// The mutants that have no place yet.
    waiting: HashMap<Key, Vec<Mutant>>,
    sites: Vec<Site>,
    unplaced: BTreeMap<u32, &'static str>,
    /// How many expressions around this one are evaluated when compiled, where no switch can be looked at.
    constants: usize,
}

impl Places {
    /// The mutants of this genre of what begins here.
    fn take(&mut self, genre: &str, at: &impl Spanned) -> Vec<Mutant> {
        let start = at.span().start();
        let key = (genre.to_owned(), start.line, start.column + 1);
        let mut found = self.waiting.remove(&key).unwrap_or_default();
        found.retain(|mutant| !mutant.dropped);
        if self.constants > 0 {
            self.leave_out(&found, "constant");
            found.clear();
        }
        found
    }

    fn leave_out(&mut self, mutants: &[Mutant], why: &'static str) {
        self.unplaced.extend(mutants.iter().map(|mutant| (mutant.id, why)));
    }

    fn add(&mut self, range: Range<usize>, kind: Kind) {
        self.sites.push(Site { range, kind });
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let Some(first) = block.stmts.first() else { return };
        let found = self.take("FnValue", first);
        let mut opaque = Opaque(false);
        opaque.visit_return_type(&signature.output);
        if opaque.0 {
            self.leave_out(&found, "impl Trait");
            return;
        }
        let instead = texts(found);
        if !instead.is_empty() {
            let start = block.brace_token.span.open().byte_range().end;
            self.add(start..start, Kind::Body(instead));
        }
    }

    /// Visits something that is evaluated when compiled.
    fn constant(&mut self, visit: impl FnOnce(&mut Self)) {
        self.constants += 1;
        visit(self);
        self.constants -= 1;
    }

    fn in_function(&mut self, signature: &syn::Signature, visit: impl FnOnce(&mut Self)) {
        if signature.constness.is_some() { self.constant(visit) } else { visit(self) }
    }
}

impl<'ast> Visit<'ast> for Places {
    fn visit_item_fn(&mut self, i: &'ast syn::ItemFn) {
        self.in_function(&i.sig, |v| {
            v.function(&i.sig, &i.block);
            visit::visit_item_fn(v, i);
        });
    }

    fn visit_impl_item_fn(&mut self, i: &'ast syn::ImplItemFn) {
        self.in_function(&i.sig, |v| {
            v.function(&i.sig, &i.block);
            visit::visit_impl_item_fn(v, i);
        });
    }

    fn visit_trait_item_fn(&mut self, i: &'ast syn::TraitItemFn) {
        self.in_function(&i.sig, |v| {
            if let Some(block) = &i.default {
                v.function(&i.sig, block);
            }
            visit::visit_trait_item_fn(v, i);
        });
    }

    fn visit_item_const(&mut self, i: &'ast syn::ItemConst) {
        self.constant(|v| visit::visit_item_const(v, i));
    }

    fn visit_item_static(&mut self, i: &'ast syn::ItemStatic) {
        self.constant(|v| visit::visit_item_static(v, i));
    }

    fn visit_impl_item_const(&mut self, i: &'ast syn::ImplItemConst) {
        self.constant(|v| visit::visit_impl_item_const(v, i));
    }

    fn visit_trait_item_const(&mut self, i: &'ast syn::TraitItemConst) {
        self.constant(|v| visit::visit_trait_item_const(v, i));
    }

    fn visit_variant(&mut self, i: &'ast syn::Variant) {
        self.constant(|v| visit::visit_variant(v, i));
    }

    fn visit_type(&mut self, i: &'ast syn::Type) {
        self.constant(|v| visit::visit_type(v, i));
    }

    fn visit_expr_const(&mut self, i: &'ast syn::ExprConst) {
        self.constant(|v| visit::visit_expr_const(v, i));
    }

    fn visit_expr_repeat(&mut self, i: &'ast syn::ExprRepeat) {
        self.visit_expr(&i.expr);
        self.constant(|v| v.visit_expr(&i.len));
    }

    fn visit_expr_binary(&mut self, i: &'ast syn::ExprBinary) {
        let found = self.take("BinaryOperator", &i.op);
        if is_let(&i.left) || is_let(&i.right) {
            self.leave_out(&found, "let chain");
        } else if let (BinOp::Eq(_) | BinOp::Ne(_), [mutant]) = (&i.op, &found[..]) {
            self.add(range(i), Kind::Equality(mutant.id));
        } else if !found.is_empty() {
            let (left, right) = (range(&i.left), range(&i.right));
            self.add(range(i), Kind::Operator { left, right, instead: texts(found) });
        }
        visit::visit_expr_binary(self, i);
    }

    fn visit_expr_unary(&mut self, i: &'ast syn::ExprUnary) {
        for mutant in self.take("UnaryOperator", &i.op) {
            self.add(range(i), Kind::Operand(mutant.id, range(&i.expr)));
        }
        visit::visit_expr_unary(self, i);
    }

    fn visit_expr_match(&mut self, i: &'ast syn::ExprMatch) {
        let rest = i.arms.iter().any(|arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none());
        for arm in &i.arms {
            let found = self.take("MatchArm", arm);
            if !rest {
                self.leave_out(&found, "no arm for the rest");
                continue;
            }
            let end = range(&arm.pat).end;
            found.iter().for_each(|mutant| self.add(end..end, Kind::Arm(mutant.id)));
        }
        visit::visit_expr_match(self, i);
    }

    fn visit_arm(&mut self, i: &'ast syn::Arm) {
        if let Some((_, guard)) = &i.guard {
            let instead = texts(self.take("MatchArmGuard", guard));
            if !instead.is_empty() {
                self.add(range(guard), Kind::Guard(instead));
            }
        }
        visit::visit_arm(self, i);
    }

    fn visit_expr_struct(&mut self, i: &'ast syn::ExprStruct) {
        let mut without = Vec::new();
        for pair in i.fields.pairs() {
            let mut field = range(*pair.value());
            if let Some(comma) = pair.punct() {
                field.end = range(*comma).end;
            }
            without.extend(
                self.take("StructField", *pair.value()).iter().map(|mutant| (mutant.id, field.clone())),
            );
        }
        if !without.is_empty() {
            self.add(range(i), Kind::Fields(without));
        }
        visit::visit_expr_struct(self, i);
    }
}

/// Whether a type is one that only the function's body names: there is no other value of it.
struct Opaque(bool);

impl<'ast> Visit<'ast> for Opaque {
    fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
        self.0 = true;
    }
}

fn range(of: &impl Spanned) -> Range<usize> {
    of.span().byte_range()
}

fn texts(mutants: Vec<Mutant>) -> Vec<(u32, String)> {
    mutants.into_iter().map(|mutant| (mutant.id, mutant.replacement)).collect()
}

/// Whether this is a part of a chain of conditions in which something is bound, which cannot stand in parentheses.
fn is_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            is_let(&binary.left) || is_let(&binary.right)
        }
        _ => false,
    }
}
